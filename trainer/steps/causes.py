"""Teach ``edge.findings.cause_network`` what took a part of a frame, from frames that were spoiled on purpose.

No quality label is used, and none of the photographs that are kept for evaluation:

    edge-train causes --data PHOTOGRAPHS
"""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.assessment import Assessment
from edge.errors import EdgeError
from edge.field.find import Crop
from edge.findings import cause_network
from edge.findings.cause import CAUSES
from edge.findings.cause_network import INSIDE, Weights, facts_of
from edge.findings.photometry import Cells
from edge.modality import check_fundus
from edge.model import QualityModel
from edge.progress import followed, progress
from trainer.loop.checkpoints import write_arrays
from trainer.networks.causes import CauseLayers
from trainer.steps.fundus import taught
from trainer.synthesis.spoiled import SIDE, clear_frames, spoiled_frame

_FIRST_PHANTOM, _PHANTOMS = 800_000, 20  # synthetic eyes that no evaluation draws
_EQUALISED = "eyepacs256"  # whose light and colour are not the camera's
_LID = CAUSES.index("lid")
_EACH_SET, _MOST_OFTEN = 25, 2  # photographs of a data set, and how often one of them
_CLEAR = 0.9  # score from which a photograph is degraded: below, what was lost before looks like a cause
_PARTS, _STEPS, _BATCH = 18, 1500, 64
_RATE = 1.5e-3  # of learning
_LEAST_WEIGHT = 0.2  # of a cell that nothing took
_LEAST_SIZE, _SIZE = 0.01, 0.03  # share of the field that a cause takes alone: not worth naming, surely named

Facts = NDArray[np.float32]  # (N, 15, grid, grid)
Shares = NDArray[np.float32]  # (N, 8, grid / 2, grid / 2): how much each cause took of a cell, and how much is field
Sizes = NDArray[np.float32]  # (N, 7): share of the field that each cause would take alone


def for_evaluation(path: Path) -> bool:
    """Whether a photograph is kept to judge causes by: one in four, all of one patient alike."""
    return hashlib.sha256(path.name.split("_")[0].split(".")[0].encode()).digest()[0] < 64


def gather(
    folder: Path, seed: int = 0, times: int = 5, bundle: Path | None = None, left_out: Collection[Path] = ()
) -> tuple[Facts, Shares, Sizes]:
    """Facts of many frames as the model sees them, and the truth for each of their cells and for each frame.

    Photographs below ``folder`` whose patient is one of ``left_out`` are not looked at.
    """
    rng = np.random.default_rng(seed)
    phantoms = range(_FIRST_PHANTOM + seed * _PHANTOMS, _FIRST_PHANTOM + (seed + 1) * _PHANTOMS)
    facts, shares, sizes = [], [], []
    with QualityModel.load(bundle, threads=1) as model, progress("degrading photographs") as tick:
        check_fundus(model.manifest, "edge-train causes")
        if model.manifest.grid % 2:
            raise EdgeError(
                f"edge-train causes pools the cells of a map by twos, and this model has {model.manifest.grid} on a "
                "side: give --model one with an even number."
            )
        for number, clear in enumerate(clear_frames(_drawn(folder, rng, left_out), phantoms, rng), 1):
            tick(number)
            usual = model.assess(clear.picture)  # what was lost before was not taken by any cause
            if usual.score < _CLEAR:
                continue
            for _ in range(times):
                spoiled = spoiled_frame(clear, rng)
                found = model.assess(spoiled.frame)
                if found.photometry is None or found.crop is None or not found.field.any():
                    continue
                took, size = spoiled.covers.copy(), np.zeros(len(CAUSES), np.float32)
                for cause in spoiled.causes:
                    one = model.assess(spoiled.alone[cause]) if cause in spoiled.alone else found
                    size[cause] = max(usual.score - one.score, 0)
                    if cause in spoiled.alone:
                        took[cause] = _on_square(np.maximum(one.map - usual.map, 0) * one.field, one.crop)
                facts.append(facts_of(found.map, found.regions, found.field, found.photometry).astype(np.float16))
                truth = _truth(found, usual.map, took, spoiled.covers[_LID])
                size[_LID] = max(size[_LID], truth[_LID].sum() / max(truth[-1].sum(), 1))
                shares.append(truth.astype(np.float16))
                sizes.append(size)
    return np.array(facts), np.array(shares), np.array(sizes)


def _drawn(folder: Path, rng: Generator, left_out: Collection[Path] = ()) -> list[Path]:
    """Photographs to degrade: of each data set alike, for what differs is the camera."""
    sets, kept = defaultdict(list), {_patient(folder, folder / path) for path in left_out}
    for path in taught(folder):
        if not (for_evaluation(path) or _EQUALISED in path.parts or _patient(folder, path) in kept):
            sets[_patient(folder, path)[0]].append(path)
    return [each for paths in sets.values() for each in _some(paths, rng)]


def _patient(folder: Path, path: Path) -> tuple[str, str]:
    """The data set, empty where photographs lie in the folder itself, and, where names tell it, the patient."""
    return "/".join(path.relative_to(folder).parts[:-1][:1]), path.name.split("_")[0].split(".")[0]


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


def teach(
    facts: Facts, shares: Shares, sizes: Sizes, seed: int = 0, steps: int = _STEPS, start: Weights | None = None
) -> dict[str, Facts]:
    """Weights of the network: each cell by what took it, and each frame by what took most of it and what took a part.

    Args:
        facts, shares, sizes: of ``gather``.
        seed: of weights and of what is drawn.
        steps: of training.
        start: weights to go on from; None to begin anew.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = CauseLayers()
    if start is not None:
        network.start_from(start)
    optimiser = torch.optim.AdamW(network.parameters(), _RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in followed(range(steps), "teaching causes", steps):
        drawn = rng.integers(0, len(facts), _BATCH)
        down, across = (int(step) for step in rng.choice([-1, 1], 2))
        seen, truth = (
            torch.from_numpy(np.ascontiguousarray(each[drawn][:, :, ::down, ::across], np.float32))
            for each in (facts, shares)
        )
        seen = seen + 0.02 * torch.randn_like(seen) * seen[:, INSIDE : INSIDE + 1]
        cells, main, present = network(seen)
        loss = _loss(cells, main, present, truth, torch.from_numpy(np.asarray(sizes[drawn], np.float32)))
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return network.weights()


def _loss(cells: Tensor, main: Tensor, present: Tensor, truth: Tensor, sizes: Tensor) -> Tensor:
    """Loss of logits: of cells (N, grid / 2, grid / 2, 8), and of each cause in the frame (N, 7) twice."""
    taken, field = truth[:, : len(CAUSES)], truth[:, len(CAUSES)]
    target = torch.cat([taken, (field - taken.sum(1)).clamp(min=0)[:, None]], 1).permute(0, 2, 3, 1)
    weight = _LEAST_WEIGHT + taken.sum(1)
    of_cells = -(target * torch.log_softmax(cells, 3)).sum(3) * weight
    squares = sizes**2  # of two causes the larger is the main one, not in proportion
    largest = squares / squares.sum(1).clamp(min=1e-9)[:, None]
    of_main = -(largest * torch.log_softmax(main, 1)).sum(1) * (sizes.sum(1) > _LEAST_SIZE)
    there = ((sizes - _LEAST_SIZE) / (_SIZE - _LEAST_SIZE)).clamp(0, 1)
    of_present = nn.functional.binary_cross_entropy_with_logits(present, there)
    return of_cells.sum() / (weight * field).sum() + 0.5 * of_main.mean() + of_present


def renew(photographs: Path, seed: int = 0, bundle: Path | None = None, leave_out: Path | None = None) -> str:
    """Spoil, gather, teach the weights of edge/findings/causes.npz further, and write them; returns how many frames.

    Args:
        photographs: a folder of photographs of retinas.
        seed: of everything that is drawn.
        bundle: the model; None for the one that ships.
        leave_out: a CSV whose column ``path`` names photographs in that folder of whose patients none may teach.

    Raises:
        EdgeError: that CSV cannot be read.
    """
    left_out = [] if leave_out is None else _paths_in(leave_out)
    parts = [gather(photographs, seed + part, bundle=bundle, left_out=left_out) for part in range(_PARTS)]
    facts, shares, sizes = (np.concatenate(each) for each in zip(*parts, strict=True))
    target = Path(cause_network.__file__).with_name("causes.npz")
    with np.load(target, allow_pickle=False) as arrays:
        weights = teach(facts, shares, sizes, seed, start=dict(arrays))
    write_arrays(target, weights)
    return f"{len(facts)} frames"


def _paths_in(table: Path) -> list[Path]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as lines:
            paths = [Path(row["path"]) for row in csv.DictReader(lines)]
        if strange := [path for path in paths if path.is_absolute() or ".." in path.parts or not path.name]:
            raise KeyError(f"{strange[0]} is no path in the folder of photographs")
        return paths
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError) as error:
        raise EdgeError(f"{table} lists no photographs ({error}): give a CSV with the column path.") from None
