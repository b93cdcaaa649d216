"""Distillation: maps of many frames, true or the teacher's, into the small network that runs on the device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from edge.errors import EdgeError
from edge.field.resample import resize
from edge.frame.prepare import normalise
from trainer.loop import runs
from trainer.loop.processes import by_first
from trainer.loop.training import Batch, Sample, Schedule, infer, mean_over, place, train
from trainer.modality import modality_of
from trainer.networks.students import Segmenter, Student, copy_encoder
from trainer.pictures import save_sheet, tint
from trainer.recipe import Recipe, load_recipe
from trainer.steps.lessons import DistillationSet, prepare_lessons
from trainer.steps.pseudo_labels import to_grid
from trainer.steps.teacher import kinds_of
from trainer.steps.vessel_maps import key_of_photographs
from trainer.steps.vessels import load_segmenter

_FIRST = "first"  # beside the weights of a student that went on learning: the key of the one that it began as
_VESSELS, _REGIONS, _SCORE = 0.3, 0.3, 1.0  # weights in the loss, beside 1 for the map


def run(recipe: Recipe, data: Path, out: Path, start: Path | None = None) -> None:
    """Train the student into ``out``/student.

    Args:
        recipe: its ``distill``.
        data: folder of photographs.
        out: run folder, with the steps before.
        start: a run whose student goes on learning; None begins with the segmenter's encoder.

    Raises:
        EdgeError: ``start`` is ``out``, or its student of another modality or shape than the recipe's; or see
            ``prepare_lessons``.
    """
    settings, folder = recipe.distill, out / "student"
    if start is not None:
        _check_start(recipe, start, out)
    first = _first_student(start, folder)
    check_normalisation(recipe, out / "vessels")
    key = student_key(recipe, data, out)
    key = runs.key_of(key, first) if first else key
    if runs.finished(folder, key, "distill"):
        return
    lessons = prepare_lessons(recipe, data, out)
    model = load_student(start) if start else new_student(recipe, load_segmenter(out))
    model, losses = fit(recipe, lessons, model, folder, key)
    _save_picture(folder / "student.png", model, lessons, recipe)
    metrics = {
        "photographs": Counter(lessons.photographs.sources),
        "frames": len(lessons.frames),
        "losses": losses,
    }
    form = {"stride": str(settings.stride), "width": str(settings.width)}
    form |= {} if modality_of(recipe.modality).landmarks else {"maps": "1"}
    form |= {_FIRST: first} if first else {}
    runs.finish(folder, model, recipe, key, metrics, **form)


def check_normalisation(recipe: Recipe, step: Path) -> None:
    """See that a step of a run saw pictures as the recipe normalises them, if it kept its own.

    Raises:
        EdgeError: it did not, or see ``load_recipe``.
    """
    config = step / "config.yaml"
    if not by_first(config.is_file):
        return
    learned = by_first(lambda: load_recipe(str(config)))
    if (learned.mean, learned.std) != (recipe.mean, recipe.std):
        raise EdgeError(
            f"{step} learned from pictures of mean {learned.mean} and std {learned.std}, and the recipe has "
            f"{recipe.mean} and {recipe.std}: put those of {config} into the recipe, or choose another --out."
        )


def _first_student(start: Path | None, folder: Path) -> str:
    """The key of the student that ``start`` holds, or that the finished one in a folder began as; empty if none."""
    if start is not None:
        return runs.read_metadata(start / "student")["key"]
    return runs.read_metadata(folder).get(_FIRST, "") if (folder / runs.WEIGHTS).is_file() else ""


def student_key(recipe: Recipe, data: Path, out: Path) -> str:
    """What the student depends on."""
    kinds = kinds_of(recipe, recipe.adapter.teacher)
    teachers = [runs.read_metadata(out / "adapter" / kind)["key"] for kind in kinds]
    return runs.key_of(
        recipe.seed, recipe.distill, recipe.frames, recipe.adapter, *teachers, key_of_photographs(recipe, data, out)
    )


def new_student(recipe: Recipe, segmenter: Segmenter) -> Student:
    """A student whose encoder begins with what the segmenter knows; from scratch it does not get there."""
    torch.manual_seed(recipe.seed)
    model = Student(*_form_asked(recipe))
    copy_encoder(segmenter.encoder.cpu(), model.encoder, recipe.seed)
    return place(model)


def fit(
    recipe: Recipe, lessons: DistillationSet, model: Student, folder: Path, key: str
) -> tuple[Student, list[float]]:
    """Teach a student, from its checkpoint in ``folder`` if there is one; the losses beside it."""
    settings = recipe.distill
    schedule = Schedule(settings.steps, settings.batch, settings.rate, recipe.seed, key)

    def sample(rng: Generator, _progress: float, at: float) -> Sample:
        return _sample(lessons, recipe, rng, at < settings.real_share)

    return model, train(model, schedule, folder / "training.pt", sample, _loss, "distill")


def load_student(out: Path) -> Student:
    """The float student of a run."""
    return runs.load(out / "student", Student(*_form(out)))


def _form(run: Path) -> tuple[int, float, int]:
    """Stride, width and number of maps of the student of a run, as they stand beside its weights."""
    stored = runs.read_metadata(run / "student")
    try:
        return int(stored["stride"]), float(stored.get("width", 1)), int(stored.get("maps", 3))
    except (KeyError, ValueError):
        raise EdgeError(
            f"{run / 'student' / runs.WEIGHTS} does not say which student it holds: remove it and train it again."
        ) from None


def _form_asked(recipe: Recipe) -> tuple[int, float, int]:
    return recipe.distill.stride, recipe.distill.width, 3 if modality_of(recipe.modality).landmarks else 1


def _check_start(recipe: Recipe, start: Path, out: Path) -> None:
    """See that the student of a run can go on by this recipe, in another folder."""
    if start.resolve() == out.resolve():
        raise EdgeError(
            f"{out} is both --from and --out, and its student would be written over: copy its other steps (vessels, "
            "prior, adapter) into a new folder, and give that as --out."
        )
    check_normalisation(recipe, start / "student")
    modality = by_first(lambda: load_recipe(str(start / "student" / "config.yaml")).modality)
    if modality != recipe.modality:
        raise EdgeError(
            f"{start} is a run of {modality}, and the recipe is for {recipe.modality}: give --from a run of "
            f"{recipe.modality}, or let the student begin anew, without --from."
        )
    found, asked = _form(start), _form_asked(recipe)
    if found != asked:
        has, wants = ("stride {}, width {:g} and maps {}".format(*form) for form in (found, asked))
        raise EdgeError(
            f"the student of {start} has {has}, and the recipe asks for {wants}: "
            f"give --recipe {start / 'student' / 'config.yaml'}, or let it begin anew, without --from."
        )


def predict(
    model: nn.Module, pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], recipe: Recipe, batch: int = 32
) -> NDArray[np.float32]:
    """Maps of degradation, disc and macula, or of the first alone: float32 (N, K, g, g).

    Pictures are uint8 BGR (N, S, S, 3) of any S.
    """

    def prepare(some: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        sized = (resize(picture, (recipe.distill.size,) * 2) for picture in some)
        return np.concatenate([normalise(picture, recipe.mean, recipe.std) for picture in sized])

    return infer(lambda images: torch.sigmoid(model(images)), pictures, prepare, batch)


def _sample(lessons: DistillationSet, recipe: Recipe, rng: Generator, real: bool) -> Sample:
    """Image, map, field, vessels, regions, and whether vessels and regions of this frame are known."""
    settings, first = recipe.distill, len(lessons.photographs)
    n = int(rng.integers(first)) if real else int(rng.integers(first, len(lessons)))
    frame = lessons.frame(n)
    grid, half = settings.size // settings.stride, settings.size // 2
    picture = resize(lessons.cuts[n] if real else frame.picture, (settings.size,) * 2)
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5

    def turn(layer: NDArray[np.generic], size: int) -> NDArray[np.float32]:
        turned = np.rot90(resize(layer.astype(np.float32), (size, size)), turns)
        return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)

    turned = np.rot90(picture, turns)
    image = normalise(np.ascontiguousarray(turned[:, ::-1] if mirrored else turned), recipe.mean, recipe.std)[0]
    return (
        image,
        turn(lessons.maps[n], grid)[None],
        (turn(frame.field, grid) >= 0.5)[None],
        turn(frame.vessels, half)[None] / 255,
        turn(frame.regions, grid).transpose(2, 0, 1) / 255,
        float(frame.has_truth),
        float(frame.has_regions),
    )


def _loss(model: Student, batch: Batch) -> Tensor:
    """Cross-entropy with soft targets on the maps, inside the field, and the distance of the scores."""
    images, maps, fields, vessels, regions, has_vessels, has_regions = batch
    logits, vessel_logits = model.with_vessels(images.contiguous(memory_format=torch.channels_last))
    cells = fields.sum(dim=(1, 2, 3)).clamp(min=1)
    scores = ((torch.sigmoid(logits[:, :1].float()) - maps) * fields).sum(dim=(1, 2, 3)) / cells
    on_cells = F.binary_cross_entropy_with_logits(logits[:, :1].float(), maps, reduction="none") * fields
    each = (
        on_cells.sum() / cells.sum(),
        _SCORE * scores.abs().mean(),
        _VESSELS * _of_known(vessel_logits, vessels, has_vessels),
        _REGIONS * _of_known(logits[:, 1:], regions, has_regions) if logits.shape[1] > 1 else scores.sum() * 0,
    )
    return torch.stack(each).sum()


def _of_known(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    each = F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none").mean(dim=(1, 2, 3))
    return mean_over(each, known)


def _save_picture(path: Path, model: nn.Module, lessons: DistillationSet, recipe: Recipe) -> None:
    first = len(lessons.photographs)
    chosen = [*range(first, min(first + 5, len(lessons))), *np.linspace(0, first - 1, 5).astype(int).tolist()]
    rows, frames = [], [lessons.frame(n) for n in chosen]
    maps = predict(model, [frame.picture for frame in frames], recipe)
    for n, frame, (found, *regions) in zip(chosen, frames, maps, strict=True):
        picture, field = frame.picture, frame.field
        shown = found * to_grid(field[None].astype(np.float32), found.shape[-1])[0]
        layers = (lessons.maps[n] * field, shown, np.maximum.reduce(regions) if regions else np.zeros_like(found))
        rows.append((picture, *(tint(picture, layer) for layer in layers)))
    heads = ("frame (5 made, 5 photographs)", "the map to learn", "the student's map", "disc and macula")
    save_sheet(path, rows, heads)
