"""Everything that makes a degradation map, in one form: baselines, the steps of a run, a bundle on its engine.

A map maker takes squares and gives float32 (N, g, g) in [0, 1], 1 where no anatomy can be seen, on a grid of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import nn

from edge.field.resample import resize
from edge.frame.prepare import normalise
from edge.frame.sharpness import fine_structure
from edge.model import QualityModel
from trainer.data.coverage import coverage
from trainer.data.datasets import Square
from trainer.evaluation.truth.frames import GRID
from trainer.networks.backbone import extract, load_backbone
from trainer.recipe import Recipe
from trainer.steps.distill import load_student, predict
from trainer.steps.pseudo_labels import prior_maps, to_grid
from trainer.steps.teacher import TOGETHER, Teacher, load_teacher
from trainer.steps.vessel_maps import segmented_square
from trainer.steps.vessels import load_segmenter, segment

Maps = NDArray[np.float32]
MapMaker = Callable[[Sequence[Square]], Maps]
AT_ONCE = 64  # squares in memory; a multiple of every batch, so that it changes none
STUDENTS = ("float student", "INT8 student")  # the networks that run on a device

_SHARPNESS_SIDE = 256  # pixels across the field at which fine structure is looked for
_REACH = 14 / 320  # width of the neighbourhood, share of the side: that of coverage
_SHARP = 4.0  # local deviation of the Laplacian, grey values, that counts as half sharp


def sharpness_maps(squares: Sequence[Square]) -> Maps:
    """How little fine structure there is: local strength of the Laplacian of green. Knows nothing of anatomy."""
    maps = []
    for square in squares:
        side = (_SHARPNESS_SIDE,) * 2
        picture = np.asarray(cv2.resize(square.picture, side, interpolation=cv2.INTER_AREA), np.uint8)
        field = cv2.resize(square.field.astype(np.uint8), side, interpolation=cv2.INTER_NEAREST)
        inner = cv2.erode(field, np.ones((5, 5), np.uint8)).astype(np.float32)  # its rim is the sharpest edge of all
        squares_of = np.square(fine_structure(picture[:, :, 1])) * inner
        sigma = _REACH * _SHARPNESS_SIDE
        weight = np.maximum(cv2.GaussianBlur(inner, (0, 0), sigma), 0.05)
        strength = np.sqrt(cv2.GaussianBlur(squares_of, (0, 0), sigma) / weight)
        maps.append(np.float32(_SHARP) / (strength + np.float32(_SHARP)))
    return np.stack(maps).astype(np.float32)


def coverage_maps(segmenter: nn.Module, recipe: Recipe) -> MapMaker:
    """Where vessels are sparser than in a good photograph (``trainer.data.coverage``)."""

    def maps_of(squares: Sequence[Square]) -> Maps:
        maps = []
        for start in range(0, len(squares), 8):
            some = squares[start : start + 8]
            found = segment(segmenter, [resized(s, recipe.side).picture for s in some], recipe)
            maps += [1 - coverage(v, resized(s, recipe.side).field) for s, v in zip(some, found, strict=True)]
        return np.stack(maps)

    return maps_of


def bundle_maps(model: QualityModel) -> MapMaker:
    """What a device shows: a bundle on its engine."""
    manifest = model.manifest

    def maps_of(squares: Sequence[Square]) -> Maps:
        pictures = (resized(s, manifest.input_size).picture for s in squares)
        # The first map is the degradation; landmarks follow where the network knows them.
        return np.stack([model.engine.infer(normalise(p, manifest.mean, manifest.std))[0] for p in pictures])

    return maps_of


def resized(square: Square, side: int) -> Square:
    """A square at another size."""
    if square.picture.shape[0] == side:
        return square
    field = resize(square.field.astype(np.float32), (side, side)) >= 0.5
    return Square(square.path, resize(square.picture, (side, side)), field)


def on_grid(maps: Maps) -> Maps:
    """Maps on the grid of the truth, float32 (N, GRID, GRID), whatever their own grid is."""
    return maps if maps.shape[-1] == GRID else to_grid(maps, GRID)


def makers(recipe: Recipe, out: Path, bundle: Path | None = None) -> dict[str, MapMaker]:
    """Map makers by name, in the order of the way of the data.

    Args:
        recipe: of the run.
        out: run folder.
        bundle: an INT8 student made of this run; left out where None.
    """
    adapters = _adapters(recipe, out)
    student = load_student(out)
    found: dict[str, MapMaker] = {
        "sharpness": sharpness_maps,
        "vessel coverage": coverage_maps(load_segmenter(out), recipe),
        "prior": _in_parts(_prior(recipe, out)),
        **{f"adapter {kind}": maker for kind, maker in adapters.items()},
        "float student": lambda squares: predict(student, [s.picture for s in squares], recipe)[:, 0],
    }
    if bundle is not None:
        found["INT8 student"] = bundle_maps(QualityModel.load(bundle))
    return found


def _prior(recipe: Recipe, out: Path) -> MapMaker:
    segmenter = load_segmenter(out)

    def maps_of(squares: Sequence[Square]) -> Maps:
        seen = [resized(s, recipe.side) for s in squares]
        vessels = segment(segmenter, [s.picture for s in seen], recipe)
        known = [segmented_square(s, v) for s, v in zip(seen, vessels, strict=True)]
        both = prior_maps(recipe, out, known)
        return np.stack([(strength > recipe.adapter.anomaly) & counted for strength, counted in both]).astype(
            np.float32
        )

    return maps_of


def _in_parts(maps_of: MapMaker) -> MapMaker:
    """The same for any number of squares in the memory of a few."""

    def of_parts(squares: Sequence[Square]) -> Maps:
        starts = range(0, len(squares), AT_ONCE)
        return np.concatenate([maps_of(squares[start : start + AT_ONCE]) for start in starts])

    return of_parts


def _adapters(recipe: Recipe, out: Path) -> dict[str, MapMaker]:
    """One maker for each kind; asked one after the other about the same squares, they share the backbone's work.

    Maps of the last two lists are kept, since they are asked for frames and for frames of every severity in turns, and
    of features no more than those of ``AT_ONCE`` squares: they are the largest thing of all.
    """
    backbone = load_backbone(recipe.adapter.backbone)
    kinds = recipe.adapter.kinds
    asked = (*kinds, TOGETHER) if len(kinds) > 1 else kinds
    teachers = {kind: load_teacher(recipe, out, kind, backbone) for kind in asked}
    kept: dict[tuple[int, ...], tuple[Sequence[Square], dict[str, Maps]]] = {}

    def maker(kind: str) -> MapMaker:
        def maps_of(squares: Sequence[Square]) -> Maps:
            key = tuple(map(id, squares))  # the squares are kept as well, so that no other gets their ids
            if key not in kept:
                kept[key] = squares, _maps_of_all(teachers, squares)
                while len(kept) > 2:
                    kept.pop(next(iter(kept)))
            return kept[key][1][kind]

        return maps_of

    return {kind: maker(kind) for kind in teachers}


def _maps_of_all(teachers: Mapping[str, Teacher], squares: Sequence[Square]) -> dict[str, Maps]:
    """Maps of teachers of one backbone, which looks at each square once."""
    first = next(iter(teachers.values()))
    maps: dict[str, list[Maps]] = {kind: [] for kind in teachers}
    for start in range(0, len(squares), AT_ONCE):
        some = squares[start : start + AT_ONCE]
        features = extract(first.backbone, [square.picture for square in some], first.size)
        for kind, teacher in teachers.items():
            maps[kind].append(teacher.of_features(features))
    return {kind: np.concatenate(parts) for kind, parts in maps.items()}


def pooled(maps: Maps, squares: Sequence[Square]) -> NDArray[np.float64]:
    """Score of each map, 1 - its mean over the field; 0 where there is none."""
    fields = to_grid(np.stack([resized(s, 256).field for s in squares]).astype(np.float32), maps.shape[-1]) >= 0.5
    return np.array([1 - float(m[f].mean()) if f.any() else 0.0 for m, f in zip(maps, fields, strict=True)])
