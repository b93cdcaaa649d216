"""What happens during a phantom sequence: where the hand points the camera, and what spoils the picture when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Cause = Literal["clear", "no_fundus", "off_centre", "blur", "too_dark", "too_bright", "reflex", "edge_shadow"]
Times = NDArray[np.float64]

_FIRST: tuple[Cause, ...] = ("blur", "too_dark", "reflex", "edge_shadow")
_LATER: tuple[Cause, ...] = (*_FIRST, "too_bright", "off_centre")


@dataclass(frozen=True, eq=False)
class Script:
    """One value per frame.

    Attributes:
        approach: progress of the approach to the eye, 0 to 1; 1 once the retina is in view.
        x, y: where the camera points, in field radii from the best place.
        zoom, turn: scale (about 1) and rotation (radians).
        episodes: severity in [0, 1] of each cause that comes and goes.
        shadow_from: angle from which the edge shadow comes.
        reflex_x, reflex_y, reflex_ring: where the reflex is and the radius of its ring, in field radii.
    """

    approach: Times
    x: Times
    y: Times
    zoom: Times
    turn: Times
    episodes: dict[Cause, Times]
    shadow_from: Times
    reflex_x: Times
    reflex_y: Times
    reflex_ring: Times


def write_script(rng: np.random.Generator, frames: int, fps: float, slow: bool = False) -> Script:
    """A hand-held examination.

    Darkness and the outside of the eye, then the retina, off-centre at first; from there sharp and centred stretches of
    one to two seconds with an episode of something between each two. Ten seconds hold the four usual causes.

    A slow one has episodes of 1.2 to 2.4 seconds, from mild to severe: what a hint is judged on, which wants its time
    to be seen. Twenty seconds hold every cause.
    """
    times = np.arange(frames) / fps
    arrival = min(1.2, 0.15 * frames / fps)
    approach = np.minimum(times / arrival, 1)
    late = np.clip((times - arrival) / 0.8, 0, 1)
    start = 0.6 * (1 - late * late * (3 - 2 * late))  # the retina comes into view off-centre
    way = rng.uniform(0, 2 * np.pi)
    episodes = {cause: np.zeros(frames) for cause in _LATER}
    fixed = np.zeros((5, frames))  # what stays the same during an episode
    order = _shuffled(rng, _LATER if slow else _FIRST)
    lengths, mildest = ((1.2, 2.4), 0.6) if slow else ((0.7, 0.9), 0.75)
    now = arrival + 0.6
    while now < times[-1]:
        now += rng.uniform(1.0, 1.25)
        cause = order.pop(0)
        length = rng.uniform(*lengths)
        during = (times >= now) & (times < now + length)
        episodes[cause][during] = rng.uniform(mildest, 1.0) * _bump((times[during] - now) / length)
        fixed[:2, during] = rng.uniform(0, 2 * np.pi, (2, 1))
        fixed[2:4, during] = rng.uniform(-0.4, 0.4, (2, 1))
        fixed[4, during] = rng.uniform(0, 0.45)
        now += length
        order = order or _shuffled(rng, _LATER)
    shadow_from, away, *reflex = fixed
    off = 0.6 * episodes["off_centre"]
    x = start * np.cos(way) + off * np.cos(away) + _tremor(rng, times, 0.05)
    y = start * np.sin(way) + off * np.sin(away) + _tremor(rng, times, 0.05)
    zoom, turn = 1 + _tremor(rng, times, 0.02), _tremor(rng, times, 0.03)
    return Script(approach, x, y, zoom, turn, episodes, shadow_from, *reflex)


def _shuffled(rng: np.random.Generator, causes: tuple[Cause, ...]) -> list[Cause]:
    return [causes[i] for i in np.argsort(rng.random(len(causes)))]


def _bump(progress: Times) -> Times:
    """Up, a while at the top, down."""
    rise = np.clip(np.minimum(progress, 1 - progress) / 0.3, 0, 1)
    return np.asarray(rise * rise * (3 - 2 * rise))


def _tremor(rng: np.random.Generator, times: Times, strength: float) -> Times:
    """A slow drift under a quicker tremor."""
    waves = np.zeros_like(times)
    for rate, share in ((0.23, 0.6), (0.61, 0.4), (1.7, 0.15), (4.3, 0.05)):
        waves += share * np.sin(2 * np.pi * (rate * rng.uniform(0.8, 1.2) * times + rng.random()))
    return strength * waves
