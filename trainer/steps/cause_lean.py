"""How much ``edge.findings.cause_network`` leans to blur in doubt, set right by frames that other code degraded.

Whoever teaches with one generator teaches its habits too: a weak blur of other code passes for haze or for nothing
beside another cause. The degraders of synthetic eyes (``edge.phantom.degradation``) teach nothing; on photographs and
synthetic eyes that taught nothing either they decide this one number. One for each cause was no better there.
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
from torch import nn

from edge.assessment import Assessment
from edge.field.find import find_field
from edge.findings.cause import CAUSES, CauseCode
from edge.findings.cause_network import Weights, facts_of
from edge.frame.prepare import cut
from edge.images import read_image
from edge.model import QualityModel
from edge.phantom.degradation import Kind, degrade
from edge.phantom.retina import phantom_frame
from edge.progress import progress
from trainer.networks.causes import CauseLayers
from trainer.steps.cause_samples import Facts, Sizes, drawn

_FIRST_PHANTOM, _PHANTOMS = 850_000, 12  # synthetic eyes that teach nothing and that no evaluation draws
_SIDE = 448  # of the square that is degraded
_STEP, _SEVERITIES = 0.06, 5  # severities, from the first at which the verdict leaves good
_BLUR = CAUSES.index("blur")
_LITTLE = 0.002  # weight of the square of what it leans, so that few frames decide little
_CLEARLY = 1.25  # how many times larger the larger of two causes is
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


def leaned(weights: Weights, facts: Facts, sizes: Sizes) -> dict[str, NDArray[np.float32]]:
    """The same weights but for how likely blur is the main cause before anything is seen.

    Args:
        weights: of the network.
        facts, sizes: of ``degraded``.
    """
    network = CauseLayers()
    network.start_from(weights)
    with torch.no_grad():
        main = torch.cat([network(torch.from_numpy(np.asarray(each[None], np.float32)))[1] for each in facts])
    in_order = np.sort(sizes, axis=1)
    clear = torch.from_numpy(in_order[:, -1] >= _CLEARLY * in_order[:, -2])
    squares = torch.from_numpy(sizes**2)
    largest = squares / squares.sum(1).clamp(min=1e-9)[:, None]
    blur = nn.functional.one_hot(torch.tensor(_BLUR), len(CAUSES))
    lean, sharpness = torch.zeros(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimiser = torch.optim.LBFGS([lean, sharpness], max_iter=60)

    def loss() -> float:
        optimiser.zero_grad()
        chances = torch.log_softmax(main * torch.exp(sharpness) + lean * blur, 1)
        off = -(largest * chances).sum(1)[clear].mean() + _LITTLE * (lean**2).sum()
        off.backward()  # type: ignore[no-untyped-call]
        return float(off.detach())

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    result = {name: np.array(each) for name, each in weights.items()}
    result["b7"][_BLUR] += float(lean.detach() / torch.exp(sharpness.detach()))
    return result
