"""Everything in a run that can make a degradation map, from the plain baselines to the student, in one form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.model import QualityModel
from trainer.data.datasets import Square
from trainer.evaluation.predictors import MapMaker, Maps, bundle_maps, coverage_maps, resized, sharpness_maps
from trainer.networks.backbone import extract, load_backbone
from trainer.recipe import Recipe
from trainer.steps.distill import load_student, predict
from trainer.steps.pseudo_labels import prior_maps, to_grid
from trainer.steps.teacher import Teacher, load_teacher
from trainer.steps.vessels import load_segmenter, segment

STUDENTS = ("float student", "INT8 student")  # the networks that run on a device


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
        "prior": _prior(recipe, out),
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
        strength, counted = prior_maps(recipe, out, seen, np.rint(vessels * 255).astype(np.uint8))
        return ((strength > recipe.adapter.anomaly) & counted).astype(np.float32)

    return maps_of


def _adapters(recipe: Recipe, out: Path) -> dict[str, MapMaker]:
    """One maker for each kind; asked one after the other about the same squares, they share the features.

    Those of the last two lists are kept: maps are asked for frames and for frames of every severity in turns.
    """
    backbone = load_backbone(recipe.adapter.backbone)
    teachers = {kind: load_teacher(recipe, out, kind, backbone) for kind in recipe.adapter.kinds}
    kept: dict[tuple[int, ...], tuple[Sequence[Square], NDArray[np.float32]]] = {}

    def maker(teacher: Teacher) -> MapMaker:
        def maps_of(squares: Sequence[Square]) -> Maps:
            key = tuple(map(id, squares))  # the squares are kept as well, so that no other gets their ids
            if key not in kept:
                features = extract(teacher.backbone, [s.picture for s in squares], teacher.size)
                kept[key] = squares, features
                while len(kept) > 2:
                    kept.pop(next(iter(kept)))
            return teacher.of_features(kept[key][1])

        return maps_of

    return {kind: maker(teacher) for kind, teacher in teachers.items()}


def pooled(maps: Maps, squares: Sequence[Square]) -> NDArray[np.float64]:
    """Score of each map, 1 - its mean over the field; 0 where there is none."""
    fields = to_grid(np.stack([resized(s, 256).field for s in squares]).astype(np.float32), maps.shape[-1]) >= 0.5
    return np.array([1 - float(m[f].mean()) if f.any() else 0.0 for m, f in zip(maps, fields, strict=True)])
