"""Teach ``edge.fundus`` what is a retina: from photographs of retinas, spoiled, and pictures of anything else.

No quality label is used, and none of the photographs that are kept for evaluation. Run it after each change of the
model:

    edge-train fundus --data PHOTOGRAPHS --others PICTURES
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

import edge.fundus
from edge.errors import EdgeError
from edge.field.find import find_field
from edge.frame.exposure import cells_of
from edge.frame.prepare import cut, prepare
from edge.fundus import CHANNELS, facts_of, retina_chance
from edge.images import find_images, read_image
from edge.modality import check_fundus
from edge.model import QualityModel
from edge.phantom.degradation import KINDS, degrade
from edge.phantom.retina import phantom_frame
from edge.score import score_of
from trainer.data.apart import in_folders, without_copies
from trainer.data.datasets import or_left_out
from trainer.loop.checkpoints import write_arrays
from trainer.synthesis.degrade import random_mask, spoil
from trainer.synthesis.outside import outside

# Folders that never train, wherever in a path; and those of a set that do not.
EVALUATION = ("drimdb", "labelled", "les-av", "eyeq", "smartphone")
_OF_A_SET = ("vessels", "fov", "test")
_WIDTHS = (CHANNELS, 24, 32, 48)
_STEPS, _BATCH = 5000, 48  # of each kind
_DRAWN = 2400  # pictures of ``outside``
_LET_THROUGH = 0.02  # of the retinas set aside: so many may be taken for something else
_FIRST_PHANTOM, _PHANTOMS = 700_000, 500  # synthetic eyes that no evaluation draws
_SIDE = 640  # longest side to which pictures are reduced
_SQUARE = 448  # side of a retina cut out to be spoiled

Picture = NDArray[np.uint8]
Facts = NDArray[np.float32]


def facts_in(model: QualityModel, picture: Picture) -> Facts | None:
    """The facts of a picture that its score refuses; None for one that it does not, or without a field."""
    field, about = find_field(picture), model.manifest
    if field is None:
        return None
    tensor = prepare(picture, field.crop, about.input_size, about.mean, about.std)
    maps, seen = model.engine.infer(tensor), field.on_grid(about.grid)
    if not seen.any() or score_of(maps, seen, about.pooling) >= about.thresholds.usable:
        return None
    green = tensor[0, 1] * (255 * about.std[1]) + 255 * about.mean[1]
    return facts_of(cells_of(tensor, about.grid, about.mean, about.std), green, maps, seen)


def spoiled(picture: Picture, rng: Generator) -> Picture:
    """A retina to be refused: behind a veil or a shadow, in the dark, or as ``trainer.synthesis.degrade`` spoils."""
    field = find_field(picture)
    if field is None:
        return picture
    square, way = cut(picture, field.crop, _SQUARE), rng.integers(5)
    whole = cv2.resize(field.mask, (_SQUARE, _SQUARE))
    if rng.random() < 0.5:  # a camera whose frame lies within its field
        high, wide = (np.array((rng.uniform(0.24, 0.32), 0.38)) * _SQUARE * rng.uniform(0.7, 1.0)).astype(int)
        inner = slice(_SQUARE // 2 - high, _SQUARE // 2 + high), slice(_SQUARE // 2 - wide, _SQUARE // 2 + wide)
        square, whole = square[inner], whole[inner]
    if way == 1:
        shadow = cv2.resize(random_mask(_SQUARE, rng), square.shape[1::-1])[:, :, None]
        return np.asarray(square * (1 - rng.uniform(0.85, 1) * shadow), np.uint8)
    if way == 0 and square.shape[0] == square.shape[1]:
        return spoil(spoil(square, rng), rng)
    blurred = cv2.GaussianBlur(square, (0, 0), float(_SQUARE * rng.uniform(0.001, 0.03))).astype(np.float32)
    if way == 2:
        return np.asarray(np.clip(blurred * rng.uniform(0.05, 0.5), 0, 255), np.uint8)
    veil = np.array([rng.uniform(20, 110), rng.uniform(50, 140), rng.uniform(70, 200)]) * rng.uniform(0.3, 1.2)
    share = rng.uniform(0.6, 0.97) * whole.astype(np.float32)[:, :, None] / 255
    return np.asarray(np.clip(blurred * (1 - share) + veil * share, 0, 255), np.uint8)


def elsewhere(picture: Picture, rng: Generator) -> Picture:
    """A picture of anything as a fundus camera could show it: a part, out of focus, in other light, in an aperture."""
    height, width = (round(side * rng.uniform(0.4, 1)) for side in picture.shape[:2])
    y, x = (int(rng.integers(0, whole - part + 1)) for whole, part in zip(picture.shape, (height, width), strict=False))
    part = picture[y : y + height, x : x + width].astype(np.float32)
    if rng.random() < 0.5:
        sigma = float(rng.uniform(0.001, 0.015) * max(height, width))
        part = np.asarray(cv2.GaussianBlur(part, (0, 0), sigma), np.float32)
    tint = rng.uniform((0.2, 0.5, 0.9), 1.1) if rng.random() < 0.5 else np.ones(3)
    part = np.asarray(part * tint * rng.uniform(0.15, 1.3), np.float32)
    rows, columns = np.mgrid[:height, :width]
    if rng.random() < 0.3:  # a slit lamp, or a lamp in a dark room
        away = np.hypot(columns - rng.uniform(0.2, 0.8) * width, rows - rng.uniform(0.2, 0.8) * height)
        part *= np.exp(-((away / (rng.uniform(0.15, 0.6) * width)) ** 2))[:, :, None]
    if rng.random() < 0.5:
        part[np.hypot(columns - width / 2, rows - height / 2) > 0.48 * min(height, width)] = 0
    return np.asarray(np.clip(part, 0, 255), np.uint8)


def _reduced(path: Path) -> Picture:
    picture = read_image(path)
    factor = _SIDE / max(picture.shape[:2])
    return picture if factor >= 1 else np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=3))


def taught(folder: Path) -> list[Path]:
    """The photographs below a folder that may teach.

    Raises:
        EdgeError: the folder is missing, or there are none.
    """
    above, found, apart = folder.resolve(), list[Path](), list[Path]()
    for path in find_images([folder]):
        within = Path("/", path.relative_to(folder))
        kept = in_folders(above / path.relative_to(folder), EVALUATION) or in_folders(within, _OF_A_SET, linked=False)
        (apart if kept else found).append(path)
    whole = without_copies(found, apart)
    if not whole:
        raise EdgeError(f"{folder} holds no photograph that may teach, since those for evaluation never do: add some.")
    return [path for path in found if path in whole]


def _retinas(model: QualityModel, folder: Path, rng: Generator) -> Iterator[tuple[Facts, bool]]:
    """Facts, and whether they are set aside to choose the threshold by."""
    for path in taught(folder):
        aside = hashlib.sha256(path.name.split("_")[0].encode()).digest()[0] < 64
        picture = or_left_out(_reduced)(path)
        if picture is None:
            continue
        for each in (picture, spoiled(picture, rng), spoiled(picture, rng)):
            if (facts := facts_in(model, each)) is not None:
                yield facts, aside
    for seed in range(_FIRST_PHANTOM, _FIRST_PHANTOM + _PHANTOMS):
        eye, kind = phantom_frame(seed), KINDS[seed % len(KINDS)]
        if (facts := facts_in(model, degrade(eye, kind, float(rng.uniform(0.3, 1.0)), rng=rng)[0])) is not None:
            yield facts, False


def _others(model: QualityModel, folder: Path | None, rng: Generator) -> Iterator[Facts]:
    read = map(or_left_out(_reduced), find_images([folder]) if folder is not None else [])
    found = [picture for picture in read if picture is not None]
    pictures = [*(elsewhere(each, rng) for each in found for _ in range(12)), *found]
    pictures += [elsewhere(each, rng) if rng.random() < 0.7 else each for each in outside(rng, _DRAWN)]
    for picture in pictures:
        if (facts := facts_in(model, picture)) is not None:
            yield facts


def teach(retinas: Facts, others: Facts, seed: int = 0, steps: int = _STEPS) -> dict[str, NDArray[np.float32]]:
    """Weights of the small network, by both kinds alike: float32 (N, 10, grid, grid) each."""
    import torch

    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    convolutions = [torch.nn.Conv2d(*pair, 3, 2, 1) for pair in itertools.pairwise(_WIDTHS)]
    last = torch.nn.Linear(_WIDTHS[-1], 1)
    parameters = [each for layer in (*convolutions, last) for each in layer.parameters()]
    optimiser = torch.optim.AdamW(parameters, 3e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    wanted = torch.cat([torch.ones(_BATCH), torch.zeros(_BATCH)])
    for _ in range(steps):
        drawn = [kind[rng.integers(0, len(kind), _BATCH)] for kind in (retinas, others)]
        seen = torch.from_numpy(_turned(np.concatenate(drawn), rng))
        for layer in convolutions:
            seen = torch.relu(layer(seen))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(last(seen.mean((2, 3)))[:, 0], wanted)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    layers = dict(enumerate((*convolutions, last), 1))
    return {
        f"{name[0]}{number}": part.numpy().copy()
        for number, layer in layers.items()
        for name, part in layer.state_dict().items()
    }


def _turned(facts: Facts, rng: Generator) -> Facts:
    """Facts of a batch mirrored and turned, in other light, with some noise."""
    facts = facts[:, :, :: rng.choice([-1, 1]), :: rng.choice([-1, 1])].copy()
    if rng.random() < 0.5:
        facts = facts.transpose(0, 1, 3, 2)
    facts[:, :3] = np.clip(facts[:, :3] * rng.uniform(0.6, 1.3, (len(facts), 1, 1, 1)), 0, 1)
    return np.asarray(facts + 0.03 * rng.standard_normal(facts.shape), np.float32)


def renew(photographs: Path, others: Path | None = None, seed: int = 0, bundle: Path | None = None) -> str:
    """Collect facts, teach, and write edge/fundus.npz.

    Args:
        photographs: a folder of photographs of retinas.
        others: a folder of pictures of anything else.
        seed: of everything that is drawn.
        bundle: the model; None for the one that ships.

    Returns:
        How many pictures it learned from, and how many it takes for a retina that are none.
    """
    rng = np.random.default_rng(seed)
    with QualityModel.load(bundle) as model:
        check_fundus(model.manifest, "edge-train fundus")
        seen = list(_retinas(model, photographs, rng))
        anything = np.array(list(_others(model, others, rng)))
    if not any(kept for _, kept in seen):
        raise EdgeError(
            f"{photographs} holds too few photographs of retinas: one in four patients is set aside to choose the "
            "threshold by, and there is none whose photographs the model would refuse; add more."
        )
    learned, aside = (np.array([facts for facts, kept in seen if kept is choice]) for choice in (False, True))
    weights = teach(learned, anything, seed)
    chances = np.sort([retina_chance(facts, weights) for facts in aside])
    least = chances[int(_LET_THROUGH * len(chances))]
    missed = np.mean([retina_chance(facts, weights) >= least for facts in anything])
    target = Path(edge.fundus.__file__).with_name("fundus.npz")
    write_arrays(target, {"least": np.asarray(least, np.float32), **weights})
    return (
        f"{len(learned)} + {len(aside)} retinas, {len(anything)} others; least {least:.3f}; others missed {missed:.3f}"
    )
