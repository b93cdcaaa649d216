"""``edge.findings.photometry`` and ``edge.findings.cause_network`` in a graph."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from edge.bundle.bundle import LANDMARKS
from edge.export.arrays import argmax, concat, exp, log, maximum, mean, reshape, stack, top, total
from edge.export.picture import averaged
from edge.export.tensor import Tensor
from edge.findings import cause_network as rules
from edge.findings.cause import CAUSES
from edge.findings.photometry import CLIPPED, FINE, FINE_DEVIATION


class Told(NamedTuple):
    """What took a frame.

    Attributes:
        main: the number of the main cause, int64.
        present: how likely each cause took a part worth naming, float32 (7,).
        shares: of the field, float32 (7,).
    """

    main: Tensor
    present: Tensor
    shares: Tensor


def tell_causes(
    degradation: Tensor, regions: list[Tensor], light: Tensor, green: Tensor, field: Tensor, sizes: tuple[int, int]
) -> Told:
    """What took a frame.

    Args:
        degradation: float32 (grid, grid).
        regions: maps of disc and macula, or none.
        light: mean of each channel over each cell, grey values, float32 RGB (3, grid, grid).
        green: of what the network reads, grey values, float32 (S, S).
        field: bool (grid, grid).
        sizes: S, and the side of the grid.
    """
    weights = {name: degradation.graph.constant(each) for name, each in rules._network().items()}
    facts = _facts(degradation, regions, light, green, field, sizes)
    near = _convolved(facts, weights["w1"], weights["b1"])
    far = _convolved(near, weights["w2"], weights["b2"])
    inside = facts[rules.INSIDE]
    means = total(facts, (1, 2)) / maximum(total(inside), 1.0)
    whole = maximum(_linear(concat([mean(far, (1, 2)), top(far, (1, 2)), means]), weights, "3"), 0.0)
    grid, side = sizes[1], (sizes[1] + 1) // 2
    twice = np.repeat(np.eye((side + 1) // 2, dtype=np.float32), 2, axis=0)[:side]
    around = far.graph.constant(twice) @ far @ far.graph.constant(twice.T)
    cells = side * side
    split = [rules._network()[name].shape[0] for name in ("w1", "w2")]
    from_near, from_far, from_whole = (
        far.graph.constant(part) for part in np.split(rules._network()["w4"], np.cumsum(split), axis=1)
    )
    mixed = from_near @ reshape(near, split[0], cells) + from_far @ reshape(around, split[1], cells)
    mixed = maximum(mixed + ((from_whole @ whole[:, None])[:, 0] + weights["b4"])[:, None], 0.0)
    chances = _softmax(weights["w5"] @ mixed + weights["b5"][:, None])
    seen = reshape(averaged(inside, grid, side), cells)
    found = total(chances * seen, 1) / maximum(total(seen), 1.0)
    of_frame = maximum(_linear(concat([whole, found]), weights, "6"), 0.0)
    both = _linear(of_frame, weights, "7")
    number = len(CAUSES)
    main = _weighed(both[:number], chances[:number], seen)
    return Told(argmax(main, 0), 1.0 / (1.0 + exp(-both[number:])), found[:number])


def _weighed(main: Tensor, chances: Tensor, seen: Tensor) -> Tensor:
    """``cause_network.weighed``, as logarithms and not of 1 in sum."""
    in_cells, in_frame = np.ones(len(CAUSES), np.float32), np.zeros(len(CAUSES), np.float32)
    in_cells[rules.BLUR], in_frame[rules.BLUR] = rules.BLUR_IN_CELLS, np.log(rules.BLUR_IN_FRAME)
    shares = total(chances * (seen / (1.0 + (rules.BLUR_IN_CELLS - 1.0) * chances[rules.BLUR])), 1) / maximum(
        total(seen), 1.0
    )
    return main + main.graph.constant(in_frame) + 2.0 * log(shares * main.graph.constant(in_cells) + rules.LEAST)


def _facts(
    degradation: Tensor, regions: list[Tensor], light: Tensor, green: Tensor, field: Tensor, sizes: tuple[int, int]
) -> Tensor:
    """``cause_network.facts_of``."""
    grid = sizes[1]
    inside = field.astype("float32")
    red, mid, blue = (light[channel] for channel in range(3))
    clipped, detail, grain = _photometry(mid, green, sizes)
    wide = _blurred(mid * inside, grid, 3.0) / maximum(_blurred(inside, grid, 3.0), 0.05)
    wide = maximum(wide, 4.0)
    coarse = abs(mid - wide) / wide
    axis = (np.arange(grid, dtype=np.float32) + np.float32(0.5)) * np.float32(2 / grid) - 1
    x, y = np.meshgrid(axis, axis)
    away, height = (field.graph.constant(each.astype(np.float32)) for each in (np.hypot(x, y), np.abs(y)))
    facts = [
        red / 255.0,
        mid / 255.0,
        blue / 255.0,
        log((red + 6.0) / (mid + 6.0)),
        log((mid + 6.0) / (blue + 6.0)),
        clipped,
        *(log(each + 0.003) / 2.0 + 2.0 for each in (detail, grain)),
        log(coarse + 0.003) / 2.0 + 1.5,
        degradation,
        *(regions or [degradation * 0.0 for _ in LANDMARKS]),
        inside,
        height,
        away,
    ]
    return stack(facts) * inside


def _photometry(mid: Tensor, green: Tensor, sizes: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Clipped share, detail and grain of each cell."""
    size, grid = sizes
    side = grid * FINE
    fine = green if side == size else averaged(green, size, side)
    clipped = averaged((fine >= CLIPPED).astype("float32"), side, grid)
    least = maximum(mid, 4.0)
    detail = averaged(abs(fine - _blurred(fine, side, FINE_DEVIATION)), side, grid) / least
    box = cv2.blur(np.eye(size, dtype=np.float32), (1, 3))
    smooth = green.graph.constant(box) @ green @ green.graph.constant(box.T)
    return clipped, detail, averaged(abs(green - smooth), size, grid) / least


def _blurred(picture: Tensor, side: int, deviation: float) -> Tensor:
    """``cv2.GaussianBlur`` of a picture, float32 (side, side), with the kernel that OpenCV takes for float32."""
    kernel = round(8 * deviation + 1) | 1
    bell = cv2.GaussianBlur(np.eye(side, dtype=np.float32), (1, kernel), deviation)
    return picture.graph.constant(bell) @ picture @ picture.graph.constant(bell.T)


def _convolved(seen: Tensor, weights: Tensor, biases: Tensor) -> Tensor:
    found = seen.graph.node(
        "Conv", seen[None], weights, biases, kind="float32", strides=[2, 2], pads=[1, 1, 1, 1]
    )  # fmt: skip
    return maximum(found[0], 0.0)


def _linear(seen: Tensor, weights: dict[str, Tensor], layer: str) -> Tensor:
    return (weights[f"w{layer}"] @ seen[:, None])[:, 0] + weights[f"b{layer}"]


def _softmax(scores: Tensor) -> Tensor:
    powers = exp(scores - top(scores, 0))
    return powers / total(powers, 0)
