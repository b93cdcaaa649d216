"""Whether the inputs of a node fit together, where the onnx package's shape inference does not check.

Runtimes rely on it: with a slope for more channels than the input has, OpenVINO reads and writes beyond its tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from edge.errors import EdgeError

Shape = tuple[int, ...]


def check_operands(node: Any, inputs: Sequence[Shape | None], output: Shape) -> None:
    """Refuse a node whose inputs do not fit one another.

    Args:
        node: of an operator that a bundle may hold.
        inputs: their shapes; None for one that is omitted.
        output: shape of the first output.

    Raises:
        EdgeError: they do not.
    """
    check = _CHECKS.get(node.op_type)
    if check is None:
        return
    settings = {each.name: each for each in node.attribute}
    try:
        fits = check(settings, inputs, output)
    except (LookupError, TypeError, ValueError):  # a missing input, or one with too few dimensions
        fits = False
    if not fits:
        raise EdgeError(f"the network gives {node.op_type} tensors that do not fit together")


def check_scale(kind: str, tensor: Any) -> None:
    """Refuse an invalid quantization scale, which runtimes interpret differently.

    Args:
        kind: QuantizeLinear, which divides by it, or DequantizeLinear.
        tensor: the scale.

    Raises:
        EdgeError: it is not a positive finite number.
    """
    from onnx import numpy_helper

    scale = numpy_helper.to_array(tensor)
    if not (np.isfinite(scale).all() and (scale >= 0).all() and (kind == "DequantizeLinear" or scale.all())):
        raise EdgeError("the network rounds to steps that are no positive numbers")


def _broadcasts(small: Shape, large: Shape) -> bool:
    """Whether a tensor broadcasts to the shape of another one, and not the other way round."""
    padded = (1,) * (len(large) - len(small)) + small
    return len(padded) == len(large) and all(a in (1, b) for a, b in zip(padded, large, strict=True))


def _axis(settings: dict[str, Any], name: str, otherwise: int, rank: int) -> int:
    axis = settings[name].i if name in settings else otherwise
    if not -rank <= axis < rank:
        raise ValueError(axis)
    return int(axis % rank)


def _scaled(settings: dict[str, Any], inputs: Sequence[Any], output: Shape) -> bool:
    """One scale for all, or one for each index along an axis; and a zero point of the same shape."""
    x, scale, *zero = inputs
    if "block_size" in settings and settings["block_size"].i:
        return False
    if any(each is not None and each != scale for each in zero):
        return False
    return scale in ((), (1,)) or scale == (x[_axis(settings, "axis", 1, len(x))],)


def _convolved(settings: dict[str, Any], inputs: Sequence[Any], output: Shape, transposed: bool = False) -> bool:
    x, weights, *bias = inputs
    group = int(settings["group"].i) if "group" in settings else 1
    read, made = weights[1] * group, weights[0]
    if transposed:
        read, made = made, read
    if any(each is not None and each != (made,) for each in bias):
        return False
    kernel = tuple(settings["kernel_shape"].ints) if "kernel_shape" in settings else weights[2:]
    fit = x[1] == read and weights[0] % group == 0 and output[1] == made
    return len(x) == len(weights) >= 3 and kernel == weights[2:] and fit


def _multiplied(settings: dict[str, Any], inputs: Sequence[Any], output: Shape) -> bool:
    a, b = (
        shape[::-1] if name in settings and settings[name].i else shape
        for name, shape in zip(("transA", "transB"), inputs[:2], strict=True)
    )
    plus = inputs[2] if len(inputs) > 2 else None
    return (
        len(a) == len(b) == 2
        and a[1] == b[0]
        and output == (a[0], b[1])
        and (plus is None or _broadcasts(plus, output))
    )


def _normal_by_channel(settings: dict[str, Any], inputs: Sequence[Any], output: Shape) -> bool:
    x, *four = inputs
    return len(four) == 4 and all(each == (x[1],) for each in four)


def _normal_by_layer(settings: dict[str, Any], inputs: Sequence[Any], output: Shape) -> bool:
    x, *two = inputs
    layer = x[_axis(settings, "axis", -1, len(x)) :]
    return all(each is None or _broadcasts(each, layer) for each in two)


def _same_number(settings: dict[str, Any], inputs: Sequence[Any], output: Shape) -> bool:
    return bool(math.prod(inputs[0]) == math.prod(output))


def _turned(settings: dict[str, Any], inputs: Sequence[Any], output: Shape) -> bool:
    rank = len(inputs[0])
    return "perm" not in settings or sorted(settings["perm"].ints) == list(range(rank))


def _clipped(settings: dict[str, Any], inputs: Sequence[Any], output: Shape) -> bool:
    return all(each in (None, (), (1,)) for each in inputs[1:])


_CHECKS: dict[str, Callable[[dict[str, Any], Sequence[Any], Shape], bool]] = {
    "QuantizeLinear": _scaled,
    "DequantizeLinear": _scaled,
    "PRelu": lambda settings, inputs, output: _broadcasts(inputs[1], inputs[0]),
    "Conv": _convolved,
    "ConvTranspose": partial(_convolved, transposed=True),
    "Gemm": _multiplied,
    "BatchNormalization": _normal_by_channel,
    "LayerNormalization": _normal_by_layer,
    "Clip": _clipped,
    "Transpose": _turned,
    **dict.fromkeys(
        ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "DepthToSpace", "SpaceToDepth", "Identity", "Cast"), _same_number
    ),
}
