"""A run folder: RUN/STEP/ holds the weights, the config, the metrics and one picture of each step."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from edge.errors import EdgeError
from trainer.datasets import Photograph
from trainer.files import write
from trainer.recipe import Recipe
from trainer.training import place

WEIGHTS = "model.safetensors"


def key_of(*things: object) -> str:
    """What a step depends on, as a short hash: settings, names of photographs, the key of the step before."""
    said = json.dumps(
        [dataclasses.asdict(t) if dataclasses.is_dataclass(t) and not isinstance(t, type) else str(t) for t in things],
        sort_keys=True,
    )
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def names_and_sizes(data: Path, photographs: Iterable[Photograph]) -> Iterator[str]:
    """What tells one set of files from another without reading them, vessel maps included."""
    for photograph in photographs:
        for path in filter(None, (photograph.path, photograph.vessels)):
            yield f"{path.relative_to(data)} {path.stat().st_size}"


def finished(folder: Path, key: str) -> bool:
    """Whether a step stands finished in its folder, made from the same things."""
    return (folder / WEIGHTS).is_file() and read_metadata(folder).get("key") == key


def read_metadata(folder: Path) -> dict[str, str]:
    """What was stored beside the weights of a step.

    Raises:
        EdgeError: the step is not there, or its weights are damaged.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        step = "distill" if folder.name == "student" else folder.name
        raise EdgeError(f"{path} is missing: run `edge-train {step}` with this --out first.")
    try:
        with safe_open(path, "pt") as stored:
            return dict(stored.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise EdgeError(f"{path} is damaged ({error}): train this step again.") from error


def read_metrics(folder: Path) -> dict[str, Any]:
    """The metrics of a finished step."""
    try:
        return dict(json.loads((folder / "metrics.json").read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise EdgeError(f"{folder / 'metrics.json'} is missing or damaged: train this step again.") from error


def finish(folder: Path, model: nn.Module, recipe: Recipe, key: str, metrics: dict[str, Any], **more: str) -> None:
    """Write a finished step; the weights last, because they say that it is finished."""
    write(folder / "config.yaml", yaml.safe_dump(_plain(dataclasses.asdict(recipe)), sort_keys=False).encode())
    write(folder / "metrics.json", (json.dumps(metrics, indent=1) + "\n").encode())
    tensors = {k: v.detach().cpu().contiguous() for k, v in model.state_dict().items()}
    write(folder / WEIGHTS, save(tensors, {"key": key, **more}))
    (folder / "training.safetensors").unlink(missing_ok=True)


def load(folder: Path, model: nn.Module) -> nn.Module:
    """The weights of a finished step, in evaluation mode, on ``device()``.

    Raises:
        EdgeError: the step is missing or damaged, or was made for another network.
    """
    read_metadata(folder)
    with safe_open(folder / WEIGHTS, "pt") as stored:
        tensors = {k: stored.get_tensor(k) for k in stored.keys()}  # noqa: SIM118
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise EdgeError(
            f"{folder / WEIGHTS} is not of this network: train this step again with the recipe at hand."
        ) from error
    return place(model).eval()


def _plain(value: Any) -> Any:
    """Tuples as lists, for YAML."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value
