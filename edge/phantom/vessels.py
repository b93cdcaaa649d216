"""The vessels of a synthetic retina, grown as two trees: arteries and veins.

Lengths are in disc diameters (about 1.6 mm), the disc at (0, 0), x towards the nose, y down: a right eye as a camera
shows it. Eight trunks leave the disc along the courses that anatomy gives them. Then, again and again, the point
farthest from every vessel is supplied by a branch from the vessel that reaches it most easily going forwards; so
large gaps are bridged first and small ones by fine branches. Calibre follows from what lies downstream (Murray).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

FOVEA = (-2.5, 0.18)
_AVASCULAR = 0.36  # radius around the fovea that no vessel enters
_MACULAR = 2.3  # how far from the disc the small temporal trunks supply
_STEP = 0.06  # spacing of the points along a vessel
_FINEST = 0.0152  # calibre of a vessel that supplies one disc diameter of its own length
_MURRAY = 1 / 2.6
_WIDEST = 0.13

# Superior temporal, inferior temporal, superior nasal, inferior nasal, nasal, two small temporal ones.
_TRUNKS = (
    ((0.06, 0.02), (0.0, -0.38), (-0.3, -1.0), (-1.3, -1.75), (-2.7, -2.15), (-4.3, -2.15), (-6.8, -1.6)),
    ((0.06, 0.05), (0.02, 0.42), (-0.2, 1.1), (-1.2, 1.95), (-2.6, 2.4), (-4.3, 2.5), (-6.8, 2.1)),
    ((0.08, 0.0), (0.2, -0.36), (0.55, -1.0), (1.2, -2.1), (1.9, -3.4), (2.6, -5.6)),
    ((0.08, 0.06), (0.22, 0.4), (0.6, 1.1), (1.25, 2.3), (1.8, 3.6), (2.4, 5.8)),
    ((0.1, 0.03), (0.42, 0.05), (1.0, 0.12), (2.0, 0.25), (3.2, 0.2), (4.6, 0.3)),
    ((-0.1, -0.05), (-0.45, -0.16), (-0.9, -0.32), (-1.5, -0.42)),
    ((-0.1, 0.1), (-0.45, 0.24), (-0.9, 0.42), (-1.5, 0.5)),
)
_PAIRED = 4  # the first trunks are an artery and a vein side by side; the rest are one of either


@dataclass(frozen=True, eq=False)
class Vessel:
    """One stretch of a vessel, from where it leaves its parent to its end.

    Attributes:
        points: float64 (n, 2), in disc diameters.
        calibres: float64 (n,), in disc diameters.
        artery: an artery, or else a vein.
    """

    points: Points
    calibres: NDArray[np.float64]
    artery: bool


@dataclass(eq=False)
class _Branch:
    points: Points
    artery: bool
    parent: int  # -1 for a trunk
    leaves_at: int  # point of the parent
    macular: bool  # one of the small temporal trunks, or fed by one
    generation: int = 0  # 0 for a trunk


class _Trees:
    """Both trees while they grow, with all points in flat arrays for the search."""

    def __init__(self) -> None:
        self.branches: list[_Branch] = []
        self._size = 0
        # Rows: x, y, direction x, y, branch, point on it, artery, macular, how late it grew. Columns: points.
        self._table = np.zeros((9, 1024))

    def add(self, branch: _Branch) -> None:
        count = len(branch.points)
        while self._size + count > self._table.shape[1]:
            self._table = np.tile(self._table, 2)
        new = self._table[:, self._size : self._size + count]
        new[:2] = branch.points.T
        new[2:4] = _unit(np.gradient(branch.points, axis=0)).T
        new[4], new[5] = len(self.branches), np.arange(count)
        new[6], new[7], new[8] = branch.artery, branch.macular, 1 + 0.15 * branch.generation
        self._size += count
        self.branches.append(branch)

    def reach(self, target: Points, rng: np.random.Generator) -> tuple[int, int]:
        """Where a branch to ``target`` leaves: which branch, which point on it."""
        across, down, way_x, way_y, branches, places, artery, macular, late = self._table[:, : self._size]
        x, y = target[0] - across, target[1] - down
        far = np.sqrt(x * x + y * y) + 1e-9
        forwards = (x * way_x + y * way_y) / far
        cost = far * (1.3 - 0.8 * forwards) + 0.05
        cost[across**2 + down**2 < 0.62**2] *= 3  # nothing branches on the disc itself
        cost[artery > 0] *= rng.uniform(0.75, 1.33)  # both trees get their share
        cost *= late  # early vessels sooner than the branches of branches
        if target[0] < -1.0:  # upper and lower half meet at the height of the fovea; no vessel supplies across
            cost[(down - FOVEA[1]) * (target[1] - FOVEA[1]) < 0] *= 2.5
        if (target**2).sum() > _MACULAR**2:
            cost[macular > 0] *= 20  # beyond the fovea the arcades supply, never a vessel across it
        best = int(np.argmin(cost))
        return int(branches[best]), int(places[best])


def grow(rng: np.random.Generator, centre: tuple[float, float], radius: float, spacing: float = 0.18) -> list[Vessel]:
    """Grow the vessels of one eye.

    Args:
        rng: decides everything that differs between eyes.
        centre: middle of the region to supply, in disc diameters.
        radius: of that region.
        spacing: no place in the region is left farther than about this from a vessel.

    Returns:
        The vessels, trunks first.
    """
    trees = _Trees()
    _trunks(trees, rng)
    places = _places(rng, centre, radius, 0.6 * spacing)
    clear = np.full(len(places), np.inf)
    for branch in trees.branches:
        _approach(clear, places, branch.points)
    patience = rng.uniform(0.7, 1.0, len(places))
    while len(trees.branches) < 2000:
        target = int(np.argmax(clear * patience))
        if clear[target] * patience[target] < spacing:
            break
        which, leaves_at = trees.reach(places[target], rng)
        parent = trees.branches[which]
        way = parent.points[min(leaves_at + 1, len(parent.points) - 1)] - parent.points[max(leaves_at - 1, 0)]
        points = _course(rng, parent.points[leaves_at], _unit(way), places[target])
        trees.add(_Branch(points, parent.artery, which, leaves_at, parent.macular, parent.generation + 1))
        _approach(clear, places, points)
        clear[target] = 0.0
    return _finish(trees.branches, rng)


def _trunks(trees: _Trees, rng: np.random.Generator) -> None:
    """The vessels that leave the disc, each course a little different in every eye."""
    for which, course in enumerate(_TRUNKS):
        stops = np.array(course)
        loose = np.minimum((np.arange(len(stops)) / 3) ** 1.5, 1.0)[:, None]
        stops = stops + loose * 0.22 * rng.standard_normal(stops.shape)
        vein_first = which < _PAIRED
        for artery in (False, True) if vein_first else (bool(rng.integers(0, 2)),):
            own = stops + loose * 0.1 * rng.standard_normal(stops.shape)
            if artery and vein_first:
                side = _unit(np.gradient(stops, axis=0))[:, ::-1] * np.array([1.0, -1.0])
                own = own + side * (0.13 * rng.uniform(-1.5, 1.5))
            trees.add(_Branch(_spline(own), artery, -1, 0, which >= _PAIRED + 1))


def _places(rng: np.random.Generator, centre: tuple[float, float], radius: float, spacing: float) -> Points:
    """Points of the retina that want blood: a shaken grid without disc and fovea."""
    count = math.ceil(radius / spacing)
    axis = np.arange(-count, count + 1) * spacing
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    grid = grid + spacing * (rng.random(grid.shape) - 0.5)
    grid = grid[(grid**2).sum(axis=1) < radius**2] + np.array(centre)
    from_fovea = np.sqrt(((grid - np.array(FOVEA)) ** 2).sum(axis=1))
    return np.asarray(grid[(from_fovea > _AVASCULAR) & ((grid**2).sum(axis=1) > 0.6**2)])


def _course(rng: np.random.Generator, start: Points, way: Points, end: Points) -> Points:
    """A smooth curve that leaves ``start`` at an acute angle to ``way`` and ends at ``end``, winding a little."""
    straight = end - start
    length = float(np.sqrt((straight**2).sum()))
    ahead = straight / length
    across = np.array([-ahead[1], ahead[0]])
    leave = _unit(0.7 * way + 0.7 * ahead) * length
    arrive = _unit(ahead + 0.4 * rng.standard_normal() * across) * length
    u = np.linspace(0, 1, max(4, math.ceil(length / _STEP)))[:, None]
    curve = (2 * u**3 - 3 * u**2 + 1) * start + (u**3 - 2 * u**2 + u) * leave
    curve = curve + (3 * u**2 - 2 * u**3) * end + (u**3 - u**2) * arrive
    bends = rng.uniform(0.5, 1.2, 3) * length * np.array([0.7, 1.5, 2.6])
    wind = (np.sin(2 * np.pi * (bends * u + rng.random(3))) * rng.uniform(0, 0.02, 3)).sum(axis=1, keepdims=True)
    curve = curve + wind * np.minimum(1, 4 * u * (1 - u)) * across
    from_fovea = curve - np.array(FOVEA)
    far = np.sqrt((from_fovea**2).sum(axis=1, keepdims=True)) + 1e-9
    return np.asarray(curve + from_fovea / far * np.maximum(_AVASCULAR - far, 0))


def _finish(branches: list[_Branch], rng: np.random.Generator) -> list[Vessel]:
    """Calibres from what lies downstream, then one gentle winding of the whole plane."""
    loads = []
    for branch in branches:
        steps = np.sqrt((np.diff(branch.points, axis=0) ** 2).sum(axis=1))
        beyond = 5.0 if branch.parent < 0 and not branch.macular else 0.0  # a trunk goes on past what is drawn
        loads.append(np.concatenate([np.cumsum(steps[::-1])[::-1], [0.0]]) + beyond)
    for child in range(len(branches) - 1, -1, -1):  # a child is always younger than its parent
        parent = branches[child].parent
        if parent >= 0:
            loads[parent][: branches[child].leaves_at + 1] += loads[child][0]
    waves = rng.standard_normal((6, 2)) * 2.6
    shifts = rng.standard_normal((6, 2)) * 0.018
    phases = rng.random(6) * 2 * np.pi
    vessels = []
    for branch, load in zip(branches, loads, strict=True):
        calibres = np.minimum(_FINEST * (load + 0.12) ** _MURRAY, _WIDEST) * (0.85 if branch.artery else 1.0)
        winding = np.sin(branch.points @ waves.T + phases) @ shifts
        vessels.append(Vessel(branch.points + winding, calibres, branch.artery))
    return vessels


def _spline(stops: Points) -> Points:
    """Catmull-Rom through the stops, a point about every ``_STEP``."""
    padded = np.concatenate([2 * stops[:1] - stops[1:2], stops, 2 * stops[-1:] - stops[-2:-1]])
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        count = max(2, math.ceil(float(np.sqrt(((c - b) ** 2).sum())) / _STEP))
        u = (np.arange(count) / count)[:, None]
        pieces.append(0.5 * (2 * b + (c - a) * u + (2 * a - 5 * b + 4 * c - d) * u**2 + (3 * b - a - 3 * c + d) * u**3))
    return np.concatenate([*pieces, stops[-1:]])


def _unit(vectors: Points) -> Points:
    return np.asarray(vectors / (np.sqrt((vectors**2).sum(axis=-1, keepdims=True)) + 1e-12))


def _approach(clear: NDArray[np.float64], places: Points, points: Points) -> None:
    """Bring ``clear``, the distance of each place to the nearest vessel, up to date with the points of a new one."""
    reach = clear.max()  # farther off, a new vessel brings no place nearer
    low, high = points.min(axis=0) - reach, points.max(axis=0) + reach
    x, y = places[:, 0], places[:, 1]
    near = np.flatnonzero((x > low[0]) & (x < high[0]) & (y > low[1]) & (y < high[1]))
    across, down = x[near, None] - points[None, ::2, 0], y[near, None] - points[None, ::2, 1]
    clear[near] = np.minimum(clear[near], np.sqrt((across * across + down * down).min(axis=1, initial=np.inf)))
