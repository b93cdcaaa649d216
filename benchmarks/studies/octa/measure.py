"""The figures of the study: each function measures one thing and returns lines of Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.frames import evenly
from edge.assessment import Verdict
from edge.images import find_images, read_image
from edge.metrics.classification import auroc, spearman
from edge.model import QualityModel
from trainer.data.datasets import Photograph, find_photographs, read_squares
from trainer.recipe import Recipe
from trainer.steps.binary_maps import map_of_square
from trainer.steps.prior import load_prior, properties
from trainer.synthesis.outside import text
from trainer.synthesis.scan import SPOIL, Kind, lost_at, spoil_scan

Picture = NDArray[np.uint8]
Maps = Sequence[NDArray[np.float32]]
MapsOf = Callable[[Sequence[Picture]], Maps]
STRENGTHS = (0.25, 0.5, 0.75, 1.0)
_EVERY = 3  # pixels, across and down, of which one is looked at
_LIT = 0.5  # of the map: anatomy that is called not visible
_MOST = 100  # bad pictures of each kind


def left_out(data: Path, recipe: Recipe) -> list[Path]:
    """The scans below a folder that the recipe keeps from the training."""
    return [each.path for each in _left_out(data, recipe)]


def _left_out(data: Path, recipe: Recipe) -> list[Photograph]:
    every = find_photographs(data, modality=recipe.modality)
    taught = {each.path for each in find_photographs(data, recipe.exclude, recipe.only, recipe.modality)}
    return [each for each in every if each.path not in taught]


def vessels_of(path: Path) -> Picture:
    """The hand-drawn map of a scan, as a picture."""
    return read_image(path.parent.parent / "vessels" / f"{path.stem}.png")


def of_prior(run: Path, recipe: Recipe, data: Path) -> Iterator[str]:
    """What the prior misses on maps that it has not seen: empty, whole, and with a sector erased."""
    drawn = _left_out(data, recipe)
    maps = [map_of_square(square, recipe.prior.size) for _, square in read_squares(drawn, recipe.side, "maps")]
    found = properties(load_prior(run, recipe), maps, recipe.adapter.anomaly)
    yield "prior: " + ", ".join(f"{name} {value:.3f}" for name, value in found.items())


def avascular_zone(scan: Picture) -> NDArray[np.bool_]:
    """The dark zone around the fovea, bool (S, S), as its own brightness tells it."""
    smooth = cv2.GaussianBlur(scan[:, :, 0].astype(np.float32), (0, 0), len(scan) * 0.016)
    dark = (smooth < 0.55 * np.median(smooth)).astype(np.uint8)
    _, labels, _, middles = cv2.connectedComponentsWithStats(dark)
    away = np.hypot(*(middles - len(scan) / 2).T)
    away[0] = np.inf  # what is not dark
    return np.asarray(labels == int(away.argmin()), np.bool_) if len(away) > 1 else dark > 1


def on_clean(maps_of: MapsOf, scans: Sequence[Picture], model: QualityModel | None = None) -> Iterator[str]:
    """Scans as they are: scores, and light in the avascular zone, which is anatomy."""
    maps = maps_of(scans)
    zones = [avascular_zone(scan) for scan in scans]
    lit = [
        (_at(found, scan.shape[0]) > _LIT)[zone].mean()
        for found, scan, zone in zip(maps, scans, zones, strict=True)
        if zone.any()
    ]
    scores = [1 - float(np.mean(found)) for found in maps]
    yield f"clean: score {np.mean(scores):.3f}, lowest {min(scores):.3f}; zones of {np.mean(zones):.3f} of the scan"
    if lit:
        yield f"false light in the avascular zone: {np.mean(lit):.4f} of it, in the worst scan {max(lit):.3f}"
    if len(lit) < len(scans):
        yield f"{len(scans) - len(lit)} scans show no avascular zone"
    if model is not None:
        yield f"verdicts: {dict(Counter(model.assess(scan).verdict for scan in scans))}"


def against_truth(maps_of: MapsOf, scans: Sequence[Picture]) -> Iterator[str]:
    """AUROC of pixels that are degraded, and the score, by kind and strength."""
    yield "\n| kind | pixel AUROC | " + " | ".join(f"score at {s:g}" for s in (0, *STRENGTHS)) + " |"
    yield "| --- | --- | " + "--- | " * (1 + len(STRENGTHS))
    clean = float(np.mean([1 - np.mean(found) for found in maps_of(scans)]))
    said, known = [], []
    for kind in SPOIL:
        of_kind, truths, scores = [], [], [clean]
        for strength in STRENGTHS:
            frames, covers = zip(*(spoiled(scan, kind, strength, n) for n, scan in enumerate(scans)), strict=True)
            maps = maps_of(frames)
            scores.append(float(np.mean([1 - np.mean(found) for found in maps])))
            of_kind += [_at(found, len(frame))[::_EVERY, ::_EVERY] for found, frame in zip(maps, frames, strict=True)]
            truths += [cover[::_EVERY, ::_EVERY] > 0.5 for cover in covers]
        said += of_kind
        known += truths
        yield f"| {kind} | {_auroc(of_kind, truths):.4f} | " + " | ".join(f"{each:.3f}" for each in scores) + " |"
    yield f"| all | {_auroc(said, known):.4f} |" + " |" * (1 + len(STRENGTHS)) + "\n"


def verdicts_of_spoiled(model: QualityModel, scans: Sequence[Picture], strength: float) -> Iterator[str]:
    """What the model calls scans that were degraded this much, by kind."""
    words: tuple[Verdict, ...] = ("good", "usable", "reject", "no_anatomy")
    yield f"| kind, strength {strength:g} | " + " | ".join(words) + " |"
    yield "| --- |" + " --- |" * len(words)
    for kind in SPOIL:
        found = Counter(model.assess(spoiled(scan, kind, strength, n)[0]).verdict for n, scan in enumerate(scans))
        yield f"| {kind} | " + " | ".join(str(found[word]) for word in words) + " |"


def spoiled(scan: Picture, kind: Kind, strength: float, seed: int) -> tuple[Picture, NDArray[np.float32]]:
    """A scan degraded in one way, and where: 1 where the degradation covers it whole, whatever its strength."""
    rng = np.random.default_rng((9, seed, list(SPOIL).index(kind)))
    frame, cover = spoil_scan(scan[:, :, 0].astype(np.float32), kind, strength, rng)
    grey = np.repeat(np.rint(frame).astype(np.uint8)[:, :, None], 3, axis=2)
    return grey, np.asarray(cover / lost_at(strength), np.float32)


def _auroc(maps: Sequence[NDArray[np.float32]], truths: Sequence[NDArray[np.bool_]]) -> float:
    return auroc(np.concatenate([m.ravel() for m in maps]), np.concatenate([t.ravel() for t in truths]))


def _at(found: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    return np.asarray(cv2.resize(found, (side, side), interpolation=cv2.INTER_LINEAR))


def int8_beside_float(int8: MapsOf, full: MapsOf, scans: Sequence[Picture]) -> Iterator[str]:
    """How far INT8 moves maps and scores of clean and spoiled scans."""
    frames = [*scans, *(spoiled(s, kind, 0.6, n)[0] for n, s in enumerate(scans) for kind in SPOIL)]
    both = [np.array(list(maps(frames)), np.float32) for maps in (int8, full)]
    scores = [1 - maps.mean(axis=(1, 2)) for maps in both]
    yield (
        f"INT8 beside float, {len(frames)} frames: map mean abs difference {np.abs(both[0] - both[1]).mean():.4f}, "
        f"score at most {np.abs(scores[0] - scores[1]).max():.4f}, rank correlation {spearman(*scores):.4f}"
    )


def bad_inputs(
    model: QualityModel, other: QualityModel, fundus: Path, scans: Sequence[Picture], drawn: Sequence[Picture]
) -> Iterator[str]:
    """Verdicts of the model on what is no angiogram, and of the model of the fundus on angiograms."""
    rng = np.random.default_rng(11)
    photographs = _some([each.path for each in find_photographs(fundus)])
    traced = _some([path for path in find_images([fundus]) if path.parent.name == "vessels"])
    noise = [rng.integers(0, 256, (304, 304, 3), np.uint8) for _ in range(_MOST)]
    kinds = {"photograph": photographs, "its vessel map": traced, "vessel map of a scan": drawn, "noise": noise}
    kinds["text"] = [text(rng) for _ in range(_MOST)]
    yield "\n| given to the model | good or usable | of |\n| --- | --- | --- |"
    for name, pictures in kinds.items():
        for how, shown in ((name, pictures), (f"{name}, 304 x 304 grey", [_grey(each) for each in pictures])):
            yield _passed(model, how, shown)
    frames = [*scans, *(spoiled(scan, kind, 0.6, n)[0] for n, scan in enumerate(scans) for kind in SPOIL)]
    yield _passed(other, "angiogram, to the model of the fundus", frames)


def _some(paths: Sequence[Path]) -> list[Picture]:
    """At most ``_MOST`` of them, evenly chosen."""
    return [read_image(path) for path in evenly(paths, _MOST)] if paths else []


def _passed(model: QualityModel, name: str, pictures: Sequence[Picture]) -> str:
    passed = sum(model.assess(each).verdict in ("good", "usable") for each in pictures)
    return f"| {name} | {passed} | {len(pictures)} |"


def _grey(picture: Picture) -> Picture:
    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), (304, 304), interpolation=cv2.INTER_AREA)
    return np.repeat(np.asarray(grey, np.uint8)[:, :, None], 3, axis=2)
