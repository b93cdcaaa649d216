"""Teach ``edge.findings.cause_network`` what took a part of a frame, from frames that were spoiled on purpose.

No quality label is used, and none of the photographs that are kept for evaluation:

    edge-train causes --data PHOTOGRAPHS
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.assessment import Assessment
from edge.field.find import Crop, find_field
from edge.findings import cause_network
from edge.findings.cause import CAUSES
from edge.findings.cause_network import CHANNELS, CLASSES, INSIDE, facts_of
from edge.findings.photometry import Cells
from edge.frame.prepare import cut
from edge.images import read_image
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame
from edge.progress import followed, progress
from trainer.steps.fundus import taught
from trainer.synthesis import augment
from trainer.synthesis.causes import spoil_by

_SIDE = 352  # of the square that is spoiled
_FIRST_PHANTOM, _PHANTOMS = 800_000, 400  # synthetic eyes that no evaluation draws
_EQUALISED = "eyepacs256"  # whose light and colour are not the camera's
_LID = CAUSES.index("lid")
_OPPOSITE = {CAUSES.index("too_dark"), CAUSES.index("too_bright")}
_STEPS, _BATCH = 8000, 64
_LEAST_WEIGHT, _LEAST_CELLS = 0.2, 3.0  # of a cell that nothing took; cells of the field that must be taken
_WIDTHS = (24, 32, 32, 32)

Facts = NDArray[np.float32]  # (N, 15, grid, grid)
Shares = NDArray[np.float32]  # (N, 8, grid / 2, grid / 2): how much each cause took of a cell, and how much is field


def for_evaluation(path: Path) -> bool:
    """Whether a photograph is kept to judge causes by: one in four, all of one patient alike."""
    return hashlib.sha256(path.name.split("_")[0].split(".")[0].encode()).digest()[0] < 64


@dataclass(frozen=True, eq=False)
class Spoiled:
    """A frame that was degraded on purpose.

    Attributes:
        before: uint8 BGR (S, S, 3), as it was.
        frame: the same, degraded.
        covers: where each cause is, float32 (7, S, S) in [0, 1].
        alone: the frame with one cause alone, by the number of the cause; of frames with two of them.
    """

    before: NDArray[np.uint8]
    frame: NDArray[np.uint8]
    covers: NDArray[np.float32]
    alone: dict[int, NDArray[np.uint8]]


def frames(folder: Path, rng: Generator, times: int) -> Iterator[Spoiled]:
    """Frames that are degraded by no cause, by one, or by two.

    Args:
        folder: photographs; those for evaluation are left out.
        rng: of everything that is drawn.
        times: how often each photograph is degraded.
    """
    for path in taught(folder):
        if not for_evaluation(path) and _EQUALISED not in path.parts:
            yield from _spoiled(read_image(path), rng, times)
    for seed in range(_FIRST_PHANTOM, _FIRST_PHANTOM + _PHANTOMS):
        yield from _spoiled(phantom_frame(seed), rng, 2 * times)


def _spoiled(picture: NDArray[np.uint8], rng: Generator, times: int) -> Iterator[Spoiled]:
    field = find_field(picture)
    if field is None:
        return
    square = cut(picture, field.crop, _SIDE)
    inside = cv2.resize(field.mask, (_SIDE, _SIDE)).astype(np.float32)[:, :, None] / 255

    def within(changed: NDArray[np.float32]) -> NDArray[np.uint8]:
        return np.asarray(np.clip(changed * inside + square * (1 - inside), 0, 255), np.uint8)

    for _ in range(times):
        before = within(_camera(square, rng).astype(np.float32))
        spoiled = before.astype(np.float32)
        covers = np.zeros((len(CAUSES), _SIDE, _SIDE), np.float32)
        numbers = rng.choice(len(CAUSES), int(rng.choice([0, 1, 1, 1, 1, 2, 2, 2])), replace=False)
        numbers = numbers[:1] if set(numbers) == _OPPOSITE else numbers
        alone = {}
        for number in map(int, numbers):
            strength, own = 0.03 + 0.97 * float(rng.uniform()) ** 1.5, rng.spawn(1)[0]
            if len(numbers) > 1:
                changed, _ = spoil_by(before.astype(np.float32), CAUSES[number], strength, copy.deepcopy(own))
                alone[number] = within(changed)
            spoiled, cover = spoil_by(spoiled, CAUSES[number], strength, own)
            covers *= 1 - cover * (CAUSES[number] in ("lid", "reflex"))  # what lies in front hides what is behind
            covers[number] = cover
        frame = within(spoiled)
        yield Spoiled(before, augment.compress(frame, rng) if rng.random() < 0.5 else frame, covers, alone)


def _camera(square: NDArray[np.uint8], rng: Generator) -> NDArray[np.uint8]:
    """The same retina by another camera: other gain, gamma, colours, sharpness and noise."""
    light = np.power(square.astype(np.float32) / 255, rng.uniform(0.75, 1.35))
    light = light * rng.uniform(0.65, 1.25) * rng.uniform(0.85, 1.15, 3)
    light = cv2.GaussianBlur(light, (0, 0), 0.3 + float(rng.uniform(0, 0.8)))
    light = light + rng.normal(0, 1, square.shape) * rng.uniform(0, 0.012)
    return np.asarray(np.clip(light, 0, 1) * 255, np.uint8)


def gather(folder: Path, seed: int = 0, times: int = 4) -> tuple[Facts, Shares]:
    """Facts of many frames as the model sees them, and the truth for each of their cells."""
    rng = np.random.default_rng(seed)
    facts, shares = [], []
    with QualityModel.load(threads=1) as model, progress("degrading photographs") as tick:
        for number, spoiled in enumerate(frames(folder, rng, times), 1):
            tick(number)
            found = model.assess(spoiled.frame)
            if found.photometry is None or found.crop is None or not found.field.any():
                continue
            usual = model.assess(spoiled.before)  # what was lost before was not taken by any cause
            took = spoiled.covers.copy()
            for cause, frame in spoiled.alone.items():
                one = model.assess(frame)
                took[cause] = _on_square(np.maximum(one.map - usual.map, 0) * one.field, one.crop)
            facts.append(facts_of(found.map, found.regions, found.field, found.photometry).astype(np.float16))
            shares.append(_truth(found, usual.map, took, spoiled.covers[_LID]).astype(np.float16))
    return np.array(facts), np.array(shares)


def _on_square(cells: Cells, crop: Crop | None) -> Cells:
    """Cells of a crop at every pixel of the square."""
    if crop is None:
        return np.ones((_SIDE, _SIDE), np.float32)
    scale = crop.side / len(cells)
    onto = np.array([[scale, 0, crop.x + scale / 2 - 0.5], [0, scale, crop.y + scale / 2 - 0.5]])
    return np.asarray(cv2.warpAffine(cells, onto, (_SIDE, _SIDE)), np.float32)


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


def teach(facts: Facts, shares: Shares, seed: int = 0, steps: int = _STEPS) -> dict[str, NDArray[np.float32]]:
    """Weights of the network: each lost cell by what took it, and each frame by what took most."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    near, far, wide, mixed = _WIDTHS
    layers = nn.ModuleList(
        [
            nn.Conv2d(CHANNELS, near, 3, 2, 1),
            nn.Conv2d(near, far, 3, 2, 1),
            nn.Linear(far + CHANNELS, wide),
            nn.Linear(near + far + wide, mixed),
            nn.Linear(mixed, CLASSES),
        ]
    )
    optimiser = torch.optim.AdamW(layers.parameters(), 3e-3, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in followed(range(steps), "teaching causes", steps):
        drawn = rng.integers(0, len(facts), _BATCH)
        down, across = (int(step) for step in rng.choice([-1, 1], 2))
        seen, truth = (
            torch.from_numpy(np.ascontiguousarray(each[drawn][:, :, ::down, ::across], np.float32))
            for each in (facts, shares)
        )
        seen = seen + 0.02 * torch.randn_like(seen) * seen[:, INSIDE : INSIDE + 1]
        first = torch.relu(layers[0](seen))
        second = torch.relu(layers[1](first))
        inside = seen[:, INSIDE].sum((1, 2)).clamp(min=1)[:, None]
        whole = torch.relu(layers[2](torch.cat([second.mean((2, 3)), seen.sum((2, 3)) / inside], 1)))
        side = first.shape[2]
        joined = torch.cat(
            [
                first,
                nn.functional.interpolate(second, scale_factor=2),
                whole[:, :, None, None].expand(-1, -1, side, side),
            ],
            1,
        )
        logits = layers[4](torch.relu(layers[3](joined.permute(0, 2, 3, 1))))
        logs = torch.log_softmax(logits, 3)
        taken, field = truth[:, : len(CAUSES)], truth[:, len(CAUSES)]
        target = torch.cat([taken, (field - taken.sum(1)).clamp(min=0)[:, None]], 1)
        weight = _LEAST_WEIGHT + taken.sum(1)
        cells = -(target.permute(0, 2, 3, 1) * logs).sum(3) * weight
        # And each frame by what took most of it.
        found = (logs.exp()[..., : len(CAUSES)] * field[..., None]).sum((1, 2))
        wanted = taken.sum((2, 3))
        found, wanted = (each / each.sum(1).clamp(min=1e-3)[:, None] for each in (found, wanted))
        frame = -(wanted * torch.log(found.clamp(min=1e-4))).sum(1) * (taken.sum((1, 2, 3)) > _LEAST_CELLS)
        loss = cells.sum() / (weight * field).sum() + 0.3 * frame.mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    return {
        f"{kind[0]}{number}": part.detach().numpy().copy()
        for number, layer in enumerate(layers, 1)
        for kind, part in layer.state_dict().items()
    }


def renew(photographs: Path, seed: int = 0) -> str:
    """Spoil, gather, teach, and write edge/findings/causes.npz.

    Args:
        photographs: a folder of photographs of retinas.
        seed: of everything that is drawn.

    Returns:
        How many frames it learned from.
    """
    facts, shares = gather(photographs, seed)
    weights = teach(facts, shares, seed)
    target = Path(cause_network.__file__).with_name("causes.npz")
    np.savez(target, **weights)  # type: ignore[arg-type]
    return f"{len(facts)} frames"
