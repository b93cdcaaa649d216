"""Distillation: the teacher's maps on many frames into the small network that runs on the device."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from edge.field.resample import resize
from edge.frame.prepare import normalise
from trainer.data.datasets import find_photographs, load_squares
from trainer.loop import runs
from trainer.loop.training import Batch, Sample, Schedule, device, place, train
from trainer.networks.students import Segmenter, Student
from trainer.pictures import save_sheet, tint
from trainer.recipe import Recipe
from trainer.steps.frames import Frames, make_frames
from trainer.steps.pseudo_labels import to_grid
from trainer.steps.teacher import features_of_frames, features_of_photographs, load_teacher
from trainer.steps.vessel_maps import Read, Segmented, key_of_photographs, segmented
from trainer.steps.vessels import load_segmenter

log = logging.getLogger(__name__)

_VESSELS, _REGIONS, _SCORE = 0.3, 0.3, 1.0  # weights in the loss, beside 1 for the map


@dataclass(frozen=True, eq=False)
class DistillationSet:
    """What the student learns from; g is the grid of the frames.

    Attributes:
        frames: photographs as they are first, then frames made from them.
        photographs: uint8 BGR (P, S', S', 3), the first P once more, cut as the device cuts them for the student.
        maps: float32 (N, g, g), what the teacher says of each.
    """

    frames: Frames
    photographs: NDArray[np.uint8]
    maps: NDArray[np.float32]


def run(recipe: Recipe, data: Path, out: Path, read: Read = segmented) -> None:
    """Train the student into ``out``/student; ``read`` gives the photographs."""
    settings, folder = recipe.distill, out / "student"
    key = student_key(recipe, data, out)
    if runs.finished(folder, key):
        log.info("distill: finished already")
        return
    photographs = read(recipe, data, out, None)
    lessons = prepare_lessons(recipe, data, out, lambda *_: photographs)
    model, losses = fit(recipe, lessons, load_segmenter(out), folder, key)
    _save_picture(folder / "student.png", model, lessons, recipe)
    metrics = {
        "photographs": Counter(_set_of(s.path.relative_to(data)) for s in photographs.squares),
        "frames": len(lessons.frames) - len(lessons.photographs),
        "losses": losses,
    }
    runs.finish(folder, model, recipe, key, metrics, stride=str(settings.stride))


def student_key(recipe: Recipe, data: Path, out: Path) -> str:
    """What the student depends on."""
    teacher = runs.read_metadata(out / "adapter" / recipe.adapter.teacher)["key"]
    return runs.key_of(
        recipe.seed, recipe.distill, recipe.frames, recipe.adapter, teacher, key_of_photographs(recipe, data, out)
    )


def prepare_lessons(recipe: Recipe, data: Path, out: Path, read: Read = segmented) -> DistillationSet:
    """Photographs and frames with the teacher's maps; the teacher's features of both are kept on disk."""
    photographs, teacher = read(recipe, data, out, None), load_teacher(recipe, out)
    made = make_frames(recipe, data, out, lambda *_: photographs)
    grid = made.fields.shape[-1]
    as_they_are = _photographs(photographs, grid)
    features = features_of_photographs(recipe, data, out, teacher.backbone, list(as_they_are.pictures))
    maps = [teacher.of_features(f) for f in (features, features_of_frames(recipe, data, out, teacher.backbone, made))]
    frames = Frames(*(np.concatenate(pair) for pair in zip(_fields(as_they_are), _fields(made), strict=True)))
    return DistillationSet(frames, as_the_device_cuts(recipe, data), to_grid(np.concatenate(maps), grid))


def as_the_device_cuts(recipe: Recipe, data: Path) -> NDArray[np.uint8]:
    """The photographs at the size of the student's input, uint8 BGR (P, S', S', 3).

    Resampled once more, a small photograph would look smoother in training than on the device.
    """
    cut = load_squares(find_photographs(data, recipe.exclude), recipe.distill.size, "distill: reading")
    return np.stack([s.picture for s in cut])


def _fields(frames: Frames) -> tuple[NDArray[np.generic], ...]:
    return tuple(getattr(frames, name) for name in Frames.__dataclass_fields__)


def _set_of(path: Path) -> str:
    """The folder below the data folder; never the name of a file, which may be that of a patient."""
    return path.parts[0] if len(path.parts) > 1 else "photographs"


def _photographs(photographs: Segmented, grid: int) -> Frames:
    """Photographs as they are, as frames without a known truth."""
    squares, number = photographs.squares, len(photographs.squares)
    side = squares[0].picture.shape[0]
    nowhere = np.zeros((side, side, 2), np.uint8)
    regions = [s.regions if s.regions is not None else nowhere for s in squares]
    return Frames(
        np.stack([s.picture for s in squares]),
        to_grid(np.stack([s.field for s in squares]).astype(np.float32), grid) >= 0.5,
        np.zeros((number, grid, grid), np.float32),
        np.zeros(number, np.bool_),
        np.zeros((number, side // 2, side // 2), np.uint8),
        np.stack([cv2.resize(r, (grid, grid), interpolation=cv2.INTER_AREA) for r in regions]).astype(np.uint8),
        np.array([s.regions is not None for s in squares]),
    )


def fit(
    recipe: Recipe, lessons: DistillationSet, segmenter: nn.Module, folder: Path, key: str
) -> tuple[Student, list[float]]:
    """A student whose encoder begins with what the segmenter knows; from scratch it does not get there."""
    assert isinstance(segmenter, Segmenter)
    settings = recipe.distill
    torch.manual_seed(recipe.seed)
    model = place(Student(settings.stride))
    model.encoder.load_state_dict(segmenter.encoder.state_dict())
    losses = train(
        model,
        Schedule(settings.steps, settings.batch, settings.rate, recipe.seed, key),
        folder / "training.pt",
        lambda rng, _, at: _sample(lessons, recipe, rng, at < settings.real_share),
        _loss,
        "distill",
    )
    return model, losses


def load_student(out: Path) -> Student:
    """The float student of a run."""
    student = runs.load(out / "student", Student(int(runs.read_metadata(out / "student")["stride"])))
    assert isinstance(student, Student)
    return student


def predict(
    model: nn.Module, pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], recipe: Recipe, batch: int = 32
) -> NDArray[np.float32]:
    """Maps of degradation, disc and macula, float32 (N, 3, g, g), of uint8 BGR pictures (N, S, S, 3) of any S."""
    found = []
    for start in range(0, len(pictures), batch):
        sized = (resize(picture, (recipe.distill.size,) * 2) for picture in pictures[start : start + batch])
        some = [normalise(picture, recipe.mean, recipe.std) for picture in sized]
        with torch.no_grad():
            found.append(torch.sigmoid(model(torch.from_numpy(np.concatenate(some)).to(device()))).cpu().numpy())
    return np.concatenate(found)


def _sample(lessons: DistillationSet, recipe: Recipe, rng: Generator, real: bool) -> Sample:
    """Image, map, field, vessels, regions, and whether vessels and regions of this frame are known."""
    settings, frames = recipe.distill, lessons.frames
    first = len(lessons.photographs)
    n = int(rng.integers(first)) if real else int(rng.integers(first, len(frames)))
    grid, half = settings.size // settings.stride, settings.size // 2
    picture = resize(lessons.photographs[n] if real else frames.pictures[n], (settings.size,) * 2)
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5

    def turn(layer: NDArray[np.generic], size: int) -> NDArray[np.float32]:
        turned = np.rot90(resize(layer.astype(np.float32), (size, size)), turns)
        return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)

    turned = np.rot90(picture, turns)
    image = normalise(np.ascontiguousarray(turned[:, ::-1] if mirrored else turned), recipe.mean, recipe.std)[0]
    return (
        image,
        turn(lessons.maps[n], grid)[None],
        (turn(frames.fields[n], grid) >= 0.5)[None],
        turn(frames.vessels[n], half)[None] / 255,
        turn(frames.regions[n], grid).transpose(2, 0, 1) / 255,
        float(frames.has_truth[n]),
        float(frames.has_regions[n]),
    )


def _loss(model: nn.Module, batch: Batch) -> Tensor:
    """Cross-entropy with soft targets on the maps, inside the field, and the distance of the scores."""
    assert isinstance(model, Student)
    images, maps, fields, vessels, regions, has_vessels, has_regions = batch
    logits, vessel_logits = model.with_vessels(images.contiguous(memory_format=torch.channels_last))
    cells = fields.sum(dim=(1, 2, 3)).clamp(min=1)
    scores = ((torch.sigmoid(logits[:, :1].float()) - maps) * fields).sum(dim=(1, 2, 3)) / cells
    each = (
        (F.binary_cross_entropy_with_logits(logits[:, :1].float(), maps, reduction="none") * fields).sum()
        / cells.sum(),
        _SCORE * scores.abs().mean(),
        _VESSELS * _of_known(vessel_logits, vessels, has_vessels),
        _REGIONS * _of_known(logits[:, 1:], regions, has_regions),
    )
    return torch.stack(each).sum()


def _of_known(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    each = F.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none").mean(dim=(1, 2, 3))
    return (each * known).sum() / known.sum().clamp(min=1)


def _save_picture(path: Path, model: nn.Module, lessons: DistillationSet, recipe: Recipe) -> None:
    frames, first = lessons.frames, len(lessons.photographs)
    chosen = [*range(first, min(first + 5, len(frames))), *np.linspace(0, first - 1, 5).astype(int)]
    rows = []
    for n, (found, disc, macula) in zip(chosen, predict(model, frames.pictures[chosen], recipe), strict=True):
        picture, field = frames.pictures[n], frames.fields[n]
        shown = found * to_grid(field[None].astype(np.float32), found.shape[-1])[0]
        rows.append(
            (picture, *(tint(picture, layer) for layer in (lessons.maps[n] * field, shown, np.maximum(disc, macula))))
        )
    save_sheet(
        path, rows, ("frame (5 made, 5 photographs)", "the teacher's map", "the student's map", "disc and macula")
    )
