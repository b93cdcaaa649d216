"""The accuracy that belongs to a latency: the model compared with another one, on the frames that were timed."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

from benchmarks.report.result import Accuracy
from benchmarks.run.frames import BenchFrames
from edge import EdgeError, QualityModel
from edge.metrics.parity import compare


def compare_with(model: QualityModel, other: Path, frames: BenchFrames, engine: str, threads: int | None) -> Accuracy:
    """How much maps, scores and verdicts of two bundles differ, frame to score.

    Args:
        model: the timed model; its thresholds decide the verdict of both.
        other: the bundle to compare with, such as its float form.
        frames: each with a field of view.
        engine, threads: for the other bundle.

    Raises:
        EdgeError: the other bundle is damaged, of another modality, or has another grid.
    """
    with QualityModel.load(other, engine, threads) as rival:
        if rival.manifest.modality != model.manifest.modality:
            raise EdgeError(
                f"{other} is a model of {rival.modality.words} and the timed one of {model.modality.words}: compare it "
                "with a bundle of the same student"
            )
        if rival.manifest.grid != model.manifest.grid:
            raise EdgeError(
                f"{other} has a grid of {rival.manifest.grid} and the timed model one of {model.manifest.grid}: "
                "compare it with a bundle of the same student"
            )
        pairs = [(model.assess(frame), rival.assess(frame)) for frame in frames.images]
    apart = compare(
        [(a.map, b.map) for a, b in pairs],
        [a.field for a, _ in pairs],
        [(a.score, b.score) for a, b in pairs],
        model.manifest.thresholds,
    )
    figures = dataclasses.asdict(apart)
    if math.isnan(apart.rank_correlation):  # too few frames, or equal scores
        figures["rank_correlation"] = None
    return Accuracy(against=other.name, **figures)
