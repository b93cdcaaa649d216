"""What ``edge.findings.cause_network`` says of a whole frame, taught by frames of two codes.

Whoever teaches with one code that degrades teaches its habits too: a weak blur of another passes for haze, or for
nothing beside another cause. So the last two layers, which say what took most of a frame and what took a part of it,
learn further from the degraders of synthetic eyes (``edge.phantom.degradation``) as well, of photographs that taught
nothing before.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.assessment import Assessment
from edge.field.find import find_field
from edge.findings.cause import CAUSES, CauseCode
from edge.findings.cause_network import Weights, facts_of
from edge.frame.prepare import cut
from edge.images import read_image
from edge.model import QualityModel
from edge.phantom.degradation import Kind, degrade
from edge.phantom.retina import phantom_frame
from edge.progress import followed, progress
from trainer.networks.causes import CauseLayers
from trainer.steps.cause_samples import Facts, Sizes, drawn

_FIRST_PHANTOM, _PHANTOMS = 850_000, 12  # synthetic eyes that teach nothing and that no evaluation draws
_SIDE = 448  # of the square that is degraded
_STEP, _SEVERITIES = 0.06, 5  # severities, from the first at which the verdict leaves good
_LEAST_SIZE, _SIZE = 0.01, 0.03  # share of the field that a cause takes alone: not worth naming, surely named
_EPOCHS, _BATCH, _RATE = 60, 256, 1e-3
_OWN = 0.5  # weight of a frame of the code that taught before
_NOISE, _STAY = 0.02, 1e-4  # of what is read; weight of how far the layers move
_KINDS: dict[CauseCode, tuple[Kind, ...]] = {  # from the optics over the lid to the sensor
    "haze": ("haze",),
    "blur": ("blur", "motion"),
    "reflex": ("reflex",),
    "edge_shadow": ("shadow",),
    "lid": ("lid",),
    "too_dark": ("dark",),
    "too_bright": ("bright",),
}

Picture = NDArray[np.uint8]
_Sample = tuple[NDArray[np.float32], NDArray[np.float32]]  # facts and sizes of one frame


@dataclass(frozen=True)
class _Way:
    """One way to degrade a photograph, and how much that took."""

    kind: Kind
    severity: float
    seed: int
    took: float = 0.0


def degraded(
    folder: Path, seed: int = 0, bundle: Path | None = None, left_out: Collection[Path] = ()
) -> tuple[Facts, Sizes]:
    """Facts of frames of one cause or two, and the share of the field that each of them takes alone.

    Args:
        folder: of photographs of retinas; those that are set aside are degraded.
        seed: of what is drawn.
        bundle: the model; None for the one that ships.
        left_out: photographs below ``folder`` of whose patients none is looked at.
    """
    rng = np.random.default_rng(seed)
    pictures = itertools.chain(
        map(read_image, drawn(folder, rng, left_out, aside=True)),
        map(phantom_frame, range(_FIRST_PHANTOM, _FIRST_PHANTOM + _PHANTOMS)),
    )
    samples: list[_Sample] = []
    with QualityModel.load(bundle, threads=1) as model, progress("degrading photographs") as tick:
        for number, picture in enumerate(pictures, 1):
            tick(number)
            field = find_field(picture)
            square = picture if field is None else cut(picture, field.crop, _SIDE)
            if model.assess(square).verdict == "good":
                samples += _of_one(model, square, rng)
    facts, sizes = zip(*samples, strict=True) if samples else ((), ())
    return np.array(facts, np.float16), np.array(sizes, np.float32)


def _of_one(model: QualityModel, square: Picture, rng: Generator) -> Iterator[_Sample]:
    """Each cause alone, over several severities, then every two of them."""
    field = find_field(square)

    def spoiled(picture: Picture, way: _Way) -> Picture:
        return degrade(picture, way.kind, way.severity, rng=np.random.default_rng(way.seed), field=field)[0]

    taken: dict[CauseCode, list[_Way]] = {cause: [] for cause in _KINDS}
    for cause, kind in ((cause, kind) for cause, kinds in _KINDS.items() for kind in kinds):
        ways: list[_Way] = []
        own = int(rng.integers(2**30))
        for severity in np.arange(_STEP, 1.001, _STEP):
            way = _Way(kind, float(severity), own)
            found = model.assess(spoiled(square, way))
            if ways or found.verdict != "good":
                ways.append(dataclasses.replace(way, took=1 - found.score))
                yield from _sample(found, {cause: 1 - found.score})
            if len(ways) == _SEVERITIES:
                break
        taken[cause] += ways
    for first, second in itertools.combinations(_KINDS, 2):
        if {first, second} == {"too_dark", "too_bright"} or not taken[first] or not taken[second]:
            continue
        one, other = (taken[cause][int(rng.integers(len(taken[cause])))] for cause in (first, second))
        found = model.assess(spoiled(spoiled(square, one), other))
        yield from _sample(found, {first: one.took, second: other.took})


def _sample(found: Assessment, sizes: dict[CauseCode, float]) -> Iterator[_Sample]:
    if found.verdict != "no_fundus" and found.photometry is not None and found.field.any():
        facts = facts_of(found.map, found.regions, found.field, found.photometry)
        yield facts, np.array([sizes.get(cause, 0.0) for cause in CAUSES], np.float32)


def frame_loss(main: Tensor, present: Tensor, sizes: Tensor, weight: Tensor | None = None) -> Tensor:
    """Loss of the logits (N, 7) of the main cause and of each one's presence, from ``Sizes`` and a weight a frame."""
    squares = sizes**2  # of two causes the larger is the main one, not in proportion
    largest = squares / squares.sum(1).clamp(min=1e-9)[:, None]
    of_main = -(largest * torch.log_softmax(main, 1)).sum(1) * (sizes.sum(1) > _LEAST_SIZE)
    there = ((sizes - _LEAST_SIZE) / (_SIZE - _LEAST_SIZE)).clamp(0, 1)
    of_present = nn.functional.binary_cross_entropy_with_logits(present, there, reduction="none").mean(1)
    of_frame = 0.5 * of_main + of_present
    return (of_frame if weight is None else of_frame * weight).mean()


def finished(
    weights: Weights, own: tuple[Facts, Sizes], other: tuple[Facts, Sizes], seed: int = 0, epochs: int = _EPOCHS
) -> dict[str, NDArray[np.float32]]:
    """The same weights with other ones of the last two layers.

    Args:
        weights: of the network.
        own: facts and sizes of the code that taught it.
        other: of ``degraded``.
        seed: of what is drawn.
        epochs: passes through both.
    """
    torch.manual_seed(seed)
    network = CauseLayers()
    network.start_from(weights)
    seen = torch.cat([_whole_frames(network, facts) for facts, _ in (own, other)])
    sizes = torch.from_numpy(np.concatenate([own[1], other[1]]).astype(np.float32))
    weight = torch.cat([torch.full((len(own[1]),), _OWN), torch.ones(len(other[1]))])
    last = network.layers[5], network.layers[6]
    parts = [part for layer in last for part in layer.parameters()]
    before = [part.detach().clone() for part in parts]
    optimiser = torch.optim.Adam(parts, _RATE)
    for _ in followed(range(epochs), "teaching whole frames", epochs):
        for rows in torch.chunk(torch.randperm(len(seen)), max(len(seen) // _BATCH, 1)):
            noisy = seen[rows] * (1 + _NOISE * torch.randn_like(seen[rows]))
            main, present = last[1](torch.relu(last[0](noisy))).chunk(2, 1)
            moved = sum(((now - then) ** 2).sum() for now, then in zip(parts, before, strict=True))
            loss = frame_loss(main, present, sizes[rows], weight[rows]) + _STAY * moved
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network.weights()


def _whole_frames(network: CauseLayers, facts: Facts) -> Tensor:
    """What the last two layers read of frames, (N, 72)."""
    read: list[Tensor] = []
    hook = network.layers[5].register_forward_pre_hook(lambda _, given: read.append(given[0]))
    with torch.no_grad():
        for rows in np.array_split(np.arange(len(facts)), max(len(facts) // _BATCH, 1)):
            network(torch.from_numpy(np.asarray(facts[rows], np.float32)))
    hook.remove()
    return torch.cat(read)
