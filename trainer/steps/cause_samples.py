"""Frames that were degraded on purpose, as the model sees them, and what took each of their cells."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.assessment import Assessment
from edge.field.find import Crop
from edge.findings.cause import CAUSES
from edge.findings.cause_network import facts_of
from edge.findings.photometry import Cells
from edge.modality import check_fundus
from edge.model import QualityModel
from edge.progress import progress
from trainer.steps.fundus import taught
from trainer.synthesis.spoiled import SIDE, Spoiled, clear_frames, spoiled_frame

_FIRST_PHANTOM, _PHANTOMS = 800_000, 20  # synthetic eyes that no evaluation draws
_EQUALISED = "eyepacs256"  # whose light and colour are not the camera's
_LID = CAUSES.index("lid")
_EACH_SET, _MOST_OFTEN = 25, 2  # photographs of a data set, and how often one of them
_CLEAR = 0.9  # score from which a photograph is degraded: below, what was lost before looks like a cause

Facts = NDArray[np.float32]  # (N, 15, grid, grid)
Shares = NDArray[np.float32]  # (N, 8, grid / 2, grid / 2): how much each cause took of a cell, and how much is field
Sizes = NDArray[np.float32]  # (N, 7): share of the field that each cause would take alone
_Sample = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]  # of one frame


def for_evaluation(path: Path) -> bool:
    """Whether a photograph is kept to judge causes by: one in four, all of one patient alike."""
    return hashlib.sha256(path.name.split("_")[0].split(".")[0].encode()).digest()[0] < 64


def gather(
    folder: Path, seed: int = 0, times: int = 5, bundle: Path | None = None, left_out: Collection[Path] = ()
) -> tuple[Facts, Shares, Sizes]:
    """Facts of many frames as the model sees them, and the truth for each of their cells and for each frame.

    Args:
        folder: of photographs of retinas.
        seed: of what is drawn.
        times: how often each photograph is degraded.
        bundle: the model; None for the one that ships.
        left_out: photographs below ``folder`` of whose patients none may teach.
    """
    rng = np.random.default_rng(seed)
    phantoms = range(_FIRST_PHANTOM + seed * _PHANTOMS, _FIRST_PHANTOM + (seed + 1) * _PHANTOMS)
    samples: list[_Sample] = []
    with QualityModel.load(bundle, threads=1) as model, progress("degrading photographs") as tick:
        check_fundus(model.manifest, "edge-train causes")
        for number, clear in enumerate(clear_frames(drawn(folder, rng, left_out), phantoms, rng), 1):
            tick(number)
            usual = model.assess(clear.picture)  # what was lost before was not taken by any cause
            if usual.score >= _CLEAR:
                for _ in range(times):
                    samples += _samples(model, usual, spoiled_frame(clear, rng))
    facts, shares, sizes = zip(*samples, strict=True) if samples else ((), (), ())
    return np.array(facts, np.float16), np.array(shares, np.float16), np.array(sizes, np.float32)


def _samples(model: QualityModel, usual: Assessment, spoiled: Spoiled) -> Iterator[_Sample]:
    """What a degraded frame teaches, and what each of its causes alone does."""
    found = model.assess(spoiled.frame)
    alone = {cause: model.assess(each.frame) for cause, each in spoiled.alone.items()}
    pairs = [(found, spoiled, alone), *((one, spoiled.alone[cause], {cause: one}) for cause, one in alone.items())]
    for seen, frame, ones in pairs:
        if seen.photometry is None or seen.crop is None or not seen.field.any():
            continue
        took, size = frame.covers.copy(), np.zeros(len(CAUSES), np.float32)
        for cause in map(int, ones or np.flatnonzero(frame.covers.any(axis=(1, 2)))):
            one = ones.get(cause, seen)
            size[cause] = max(usual.score - one.score, 0)
            if len(ones) > 1:
                took[cause] = _on_square(np.maximum(one.map - usual.map, 0) * one.field, one.crop)
        truth = _truth(seen, usual.map, took, frame.covers[_LID])
        size[_LID] = max(size[_LID], truth[_LID].sum() / max(truth[-1].sum(), 1))
        yield facts_of(seen.map, seen.regions, seen.field, seen.photometry), truth, size


def set_aside(path: Path) -> bool:
    """Whether a photograph does not teach the network but only what it leans to: one in thirteen, by patients."""
    return hashlib.sha256(path.name.split("_")[0].split(".")[0].encode()).digest()[1] < 20


def drawn(folder: Path, rng: Generator, left_out: Collection[Path] = (), aside: bool = False) -> list[Path]:
    """Photographs to degrade: of each data set alike, for what differs is the camera.

    Args:
        folder: of photographs of retinas.
        rng: of what is drawn.
        left_out: photographs below ``folder`` of whose patients none is drawn.
        aside: those that are set aside, or all others.
    """
    sets, kept = defaultdict(list), {_patient(folder, folder / path) for path in left_out}
    for path in taught(folder):
        if for_evaluation(path) or _EQUALISED in path.parts or _patient(folder, path) in kept:
            continue
        if set_aside(path) is aside:
            sets[path.relative_to(folder).parts[0]].append(path)
    return [each for paths in sets.values() for each in _some(paths, rng)]


def _patient(folder: Path, path: Path) -> tuple[str, str]:
    """The data set and, where names tell it, the patient."""
    return path.relative_to(folder).parts[0], path.name.split("_")[0].split(".")[0]


def _some(paths: list[Path], rng: Generator) -> list[Path]:
    often = min(_EACH_SET, _MOST_OFTEN * len(paths))
    return [paths[k % len(paths)] for k in rng.permutation(len(paths) * _MOST_OFTEN)[:often]]


def _on_square(cells: Cells, crop: Crop | None) -> Cells:
    """Cells of a crop at every pixel of the square."""
    if crop is None:
        return np.ones((SIDE, SIDE), np.float32)
    scale = crop.side / len(cells)
    onto = np.array([[scale, 0, crop.x + scale / 2 - 0.5], [0, scale, crop.y + scale / 2 - 0.5]])
    return np.asarray(cv2.warpAffine(cells, onto, (SIDE, SIDE)), np.float32)


def _truth(found: Assessment, usual: Cells, took: NDArray[np.float32], lid: Cells) -> Cells:
    """How much each cause took of each cell, and how much of it is field: float32 (8, grid / 2, grid / 2).

    Args:
        found: assessment of the degraded frame, which has a crop.
        usual: map of the frame before.
        took: how much each cause took of each pixel of the square, float32 (7, S, S), on any scale.
        lid: what a lid covers, float32 (S, S), lost whatever the map makes of it.
    """
    assert found.crop is not None
    side = len(found.field) // 2
    crop = found.crop
    onto = np.array([[1, 0, -crop.x], [0, 1, -crop.y]], np.float32)
    *cells, covered = (
        cv2.resize(
            cv2.warpAffine(each, onto, (crop.side, crop.side), borderMode=cv2.BORDER_REPLICATE),
            (side, side),
            interpolation=cv2.INTER_AREA,
        )
        for each in (*took, lid)
    )
    inside, lost, lost_before = (
        cv2.resize((each * found.field).astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
        for each in (np.ones_like(usual), found.map, np.minimum(usual, found.map))
    )
    taken = np.maximum(np.stack(cells), 0)
    taken = taken / np.maximum(taken.sum(axis=0), 0.2 * max(float(taken.max()), 1e-6)) * (lost - lost_before)
    taken *= 1 - covered
    taken[_LID] = np.maximum(taken[_LID], covered * inside)
    return np.concatenate([taken, inside[None]])
