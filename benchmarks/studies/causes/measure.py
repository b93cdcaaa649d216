"""How often the cause that is named is the one that spoiled a frame."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.studies.causes.spoil import SIDE, spoil
from edge.assessment import Assessment
from edge.field.find import find_field
from edge.findings.cause import CAUSES, CauseCode
from edge.frame.prepare import cut
from edge.images import find_images, read_image
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame
from trainer.steps.causes import for_evaluation

SEVERITIES, STEP = 5, 0.05  # severities measured, from the first at which the verdict leaves good
CLEARLY = 1.25  # how many times larger the larger of two causes is
_FIRST_PHANTOM = 500
_HIDDEN = 12  # grey values by which a pixel changes that a lid hides
_ORDER: tuple[CauseCode, ...] = ("haze", "blur", "reflex", "edge_shadow", "lid", "too_dark", "too_bright")
Named = CauseCode | None
Picture = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Clear:
    """A frame that is good untouched: the square around its field and the field in it, float32 (S, S)."""

    square: Picture
    field: NDArray[np.float32]
    assessment: Assessment
    seed: int


@dataclass
class Single:
    """Of one cause at a time: what was named, by what spoiled the frame, and how much each severity took alone."""

    named: dict[CauseCode, Counter[str]] = field(default_factory=lambda: {cause: Counter() for cause in CAUSES})
    taken: dict[CauseCode, list[tuple[float, float]]] = field(default_factory=lambda: {cause: [] for cause in CAUSES})


@dataclass
class Pairs:
    """Of two causes together: how many, and in how many the larger was named and both were listed."""

    larger: int = 0
    of_larger: int = 0
    both: int = 0
    of_both: int = 0

    def __add__(self, other: Pairs) -> Pairs:
        return Pairs(*(getattr(self, name) + getattr(other, name) for name in vars(self)))


def clear_photographs(model: QualityModel, folder: Path, each: int) -> Iterator[Clear]:
    """The first photographs of a folder that no training saw and that are good untouched."""
    kept = (path for path in find_images([folder]) if for_evaluation(path) and "vessels" not in path.parts)
    found = (frame for n, path in enumerate(kept) if (frame := _clear(model, read_image(path), n)) is not None)
    yield from itertools.islice(found, each)


def clear_phantoms(model: QualityModel, each: int) -> Iterator[Clear]:
    """Synthetic eyes that are good untouched."""
    found = (_clear(model, phantom_frame(seed), seed) for seed in itertools.count(_FIRST_PHANTOM))
    yield from itertools.islice((frame for frame in found if frame is not None), each)


def _clear(model: QualityModel, picture: Picture, seed: int) -> Clear | None:
    assessment, found = model.assess(picture), find_field(picture)
    if assessment.verdict != "good" or found is None:
        return None
    mask = np.asarray(cv2.resize(found.mask, (SIDE, SIDE)) / np.float32(255), np.float32)
    return Clear(cut(picture, found.crop, SIDE), mask, assessment, seed)


def spoiled_once(model: QualityModel, frame: Clear) -> Single:
    """Each cause alone, over five severities from the first at which the verdict leaves good."""
    result = Single()
    for cause in CAUSES:
        for severity in np.arange(STEP, 1.001, STEP):
            spoiled = spoil(frame.square, frame.field, cause, float(severity), frame.seed)
            found = model.assess(spoiled)
            if found.verdict == "good" and not result.taken[cause]:
                continue
            result.taken[cause].append((float(severity), max(1 - found.score, _covered(frame, spoiled, cause))))
            result.named[cause][_name(found)] += 1
            if len(result.taken[cause]) == SEVERITIES:
                break
    return result


def _covered(frame: Clear, spoiled: Picture, cause: CauseCode) -> float:
    """Share of the field that a lid hides: it counts, though the map may take its lashes for vessels."""
    if cause != "lid":
        return 0.0
    changed = cv2.absdiff(frame.square, spoiled).max(axis=2) > _HIDDEN
    return float(changed[frame.field > 0.5].mean())


def spoiled_twice(model: QualityModel, frame: Clear, single: Single) -> Pairs:
    """Every two causes together, each at one of its severities: from the optics over the lid to the sensor."""
    rng, result = np.random.default_rng(frame.seed), Pairs()
    for first, second in itertools.combinations(_ORDER, 2):
        if {first, second} == {"too_dark", "too_bright"} or not single.taken[first] or not single.taken[second]:
            continue
        picture, sizes = frame.square, {}
        for cause in (first, second):
            taken = single.taken[cause]
            severity, sizes[cause] = taken[int(rng.integers(len(taken)))]
            picture = spoil(picture, frame.field, cause, severity, frame.seed)
        found = model.assess(picture)
        listed = [cause.code for cause in found.causes]
        larger = max(sizes, key=lambda cause: sizes[cause])
        if max(sizes.values()) >= CLEARLY * min(sizes.values()):
            result.of_larger += 1
            result.larger += _name(found) == larger
        result.of_both += 1
        result.both += first in listed and second in listed
    return result


def marked(model: QualityModel, photographs: Path, marks: Path) -> dict[str, Counter[str]]:
    """What is named of photographs whose main degradation two readers marked alike as haze or as blur."""
    named: dict[str, Counter[str]] = {"haze": Counter(), "blur": Counter()}
    with marks.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if row["main1"] == row["main2"] and row["main1"] in named:
                named[row["main1"]][_name(model.assess(read_image(photographs / row["path"])))] += 1
    return named


def matrix(named: dict[CauseCode, Counter[str]]) -> list[str]:
    """A confusion matrix in Markdown: one row a cause, with the share that was named right."""
    columns = [*CAUSES, "no_fundus", "none"]
    lines = [f"| spoiled by | right | {' | '.join(columns)} |", f"| --- | --- |{' --- |' * len(columns)}"]
    for cause, found in named.items():
        share = found[cause] / max(found.total(), 1)
        counts = " | ".join(str(found[name]) for name in columns)
        lines.append(f"| {cause} | {share:.1%} of {found.total()} | {counts} |")
    return lines


def summed(singles: Sequence[Single]) -> dict[CauseCode, Counter[str]]:
    """What was named in all frames together."""
    return {cause: sum((single.named[cause] for single in singles), Counter()) for cause in CAUSES}


def _name(found: Assessment) -> str:
    if found.verdict == "no_fundus":
        return "no_fundus"
    return found.cause.code if found.cause else "none"
