"""A run folder: RUN/STEP/ holds the weights, the config, the metrics and one picture of each step."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from edge.errors import EdgeError
from trainer.data.apart import size_of
from trainer.data.datasets import Photograph
from trainer.loop.checkpoints import check_finite, remove, write
from trainer.loop.processes import by_first, same_everywhere
from trainer.loop.training import Net, place
from trainer.recipe import Recipe

log = logging.getLogger(__name__)

WEIGHTS = "model.safetensors"
_CODE = 1  # to be raised where a change of the code changes what a step yields: no older step is then taken for it


def key_of(*things: object) -> str:
    """What a step depends on, as a short hash: settings, names of photographs, the key of the step before."""
    plain = (
        dataclasses.asdict(t) if dataclasses.is_dataclass(t) and not isinstance(t, type) else str(t) for t in things
    )
    return hashlib.sha256(json.dumps([_CODE, *plain], sort_keys=True).encode()).hexdigest()[:16]


def step_folder(out: Path, step: str, recipe: Recipe) -> Path:
    """Where a step leaves what the next one takes; of the adapters, the one that the recipe calls its teacher.

    Where they all are, the last one.
    """
    kinds = recipe.adapter.kinds
    teacher = recipe.adapter.teacher if recipe.adapter.teacher in kinds else kinds[-1]
    return {"adapter": out / "adapter" / teacher, "distill": out / "student"}.get(step, out / step)


def names_and_sizes(data: Path, photographs: Iterable[Photograph]) -> Iterator[str]:
    """What tells one set of files from another without reading them, vessel maps included."""
    for photograph in photographs:
        for path in filter(None, (photograph.path, photograph.vessels)):
            yield f"{path.relative_to(data)} {size_of(path)}"
        if photograph.disc:
            yield f"{photograph.path.relative_to(data)} disc {photograph.disc}"


def finished(folder: Path, key: str, step: str = "") -> bool:
    """Whether a folder holds a finished step with the same key; process 0 decides for all, and logs a named ``step``.

    Raises:
        EdgeError: its weights are damaged or were made from other things, which are not overwritten; or the processes
            of one training were given different things.
    """
    if not same_everywhere(key):
        raise EdgeError(
            f"{folder}: the processes of this training see different photographs or recipes: "
            "give --data and --recipe the same on every machine."
        )

    def work() -> bool:
        if not (folder / WEIGHTS).is_file():
            return False
        if _read_weights(folder)[0].get("key") != key:
            raise EdgeError(
                f"{folder} holds a finished step of another recipe, other photographs or an older version: choose "
                "another --out, name the run's own --recipe, or remove that folder to train it again."
            )
        if step:
            log.info("%s: finished already", step)
        return True

    return by_first(work)


def check_modality(out: Path, recipe: Recipe) -> None:
    """See that the steps in a run folder were made for the modality of a recipe; process 0 decides for all.

    Raises:
        EdgeError: one was not.
    """

    def work() -> None:
        for path in sorted([*out.glob("*/config.yaml"), *out.glob("adapter/*/config.yaml")]):
            try:
                settings = yaml.safe_load(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, yaml.YAMLError):
                continue  # it says nothing; whoever needs the step will
            found = settings.get("modality", "fundus") if isinstance(settings, dict) else recipe.modality
            if found != recipe.modality:
                raise EdgeError(
                    f"{path.parent} is a step of a run of {found}, and the recipe is for {recipe.modality}: choose "
                    "another --out, or name the run's own --recipe."
                )

    by_first(work)


def read_metadata(folder: Path) -> dict[str, str]:
    """What was stored beside the weights of a step; process 0 reads for all.

    Raises:
        EdgeError: the step is not there, or its weights are damaged.
    """
    return by_first(lambda: _read_weights(folder)[0])


def read_metrics(folder: Path) -> dict[str, Any]:
    """The metrics of a finished step; process 0 reads for all."""

    def work() -> dict[str, Any]:
        try:
            found = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
            if not isinstance(found, dict):
                raise ValueError("no figures")
            return found
        except (OSError, ValueError, RecursionError) as error:
            raise EdgeError(
                f"{folder / 'metrics.json'} is missing or damaged: remove its folder and train this step again."
            ) from error

    return by_first(work)


def finish(folder: Path, model: nn.Module, recipe: Recipe, key: str, metrics: dict[str, Any], **more: str) -> None:
    """Write a finished step; the weights last, because they say that it is finished.

    Convolutions in half precision: what the next step and the engines make of them is the same, and a run that stands
    in a repository is half as large.

    Raises:
        EdgeError: a weight is not a number, or see ``checkpoints.write``; the checkpoint is then still there.
    """
    tensors = {k: _stored(v.detach().cpu()).contiguous() for k, v in model.state_dict().items()}
    check_finite(folder / WEIGHTS, tensors)
    plain = json.loads(json.dumps(dataclasses.asdict(recipe)))  # tuples as lists, for YAML
    write(folder / "config.yaml", yaml.safe_dump(plain, sort_keys=False).encode())
    write(folder / "metrics.json", (json.dumps(metrics, indent=1) + "\n").encode())
    write(folder / WEIGHTS, save(tensors, {"key": key, **more}))
    remove(folder / "training.pt")


def load(folder: Path, model: Net) -> Net:
    """The weights of a finished step, in evaluation mode, on ``device()``; process 0 reads for all.

    Raises:
        EdgeError: the step is missing or damaged, or was made for another network.
    """
    _, tensors = by_first(lambda: _read_weights(folder))
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise EdgeError(
            f"{folder / WEIGHTS} is not of this network: train this step again with the recipe at hand."
        ) from error
    return place(model).eval()


def _stored(tensor: Tensor) -> Tensor:
    """A kernel in half precision; means, deviations and biases as they are."""
    return tensor.half() if tensor.ndim == 4 and tensor.shape[0] > 1 else tensor


def _read_weights(folder: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """What was stored beside the weights, and the weights."""
    path = folder / WEIGHTS
    if not path.is_file():
        step = {"student": "distill"}.get(folder.name, folder.name)
        step = "adapter" if folder.parent.name == "adapter" else step  # one folder for each kind
        raise EdgeError(f"{path} is missing: run `edge-train {step}` with this --out first.")
    try:
        with safe_open(path, "pt") as stored:
            about, tensors = dict(stored.metadata() or {}), {k: stored.get_tensor(k) for k in stored.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise EdgeError(f"{path} is damaged ({error}): remove it and train this step again.") from error
    if "key" not in about:
        raise EdgeError(f"{path} is not what edge-train wrote: remove it and train this step again.")
    return about, tensors
