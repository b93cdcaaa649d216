"""NumPy's functions, as far as they are needed, on the tensors of a graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.export.tensor import Like, Tensor, alike, lift

_FAR = float(1 << 40)  # whole numbers made from fractions stay within


def where(condition: Tensor, one: Tensor, two: Like) -> Tensor:
    """Where a condition holds, one value, else the other."""
    one, other = alike(one, two)
    if one.kind == "bool":
        return (condition & one) | (~condition & other)
    return condition.graph.node("Where", condition, one, other, kind=one.kind)


def choose_tensors(condition: Tensor, ones: Sequence[Tensor], twos: Sequence[Tensor]) -> list[Tensor]:
    """One row of tensors or the other."""
    return [where(condition, *both) for both in zip(ones, twos, strict=True)]


def minimum(one: Tensor, two: Like) -> Tensor:
    """The smaller of two."""
    return one._math("Min", two)


def maximum(one: Tensor, two: Like) -> Tensor:
    """The larger of two."""
    return one._math("Max", two)


def clip(value: Tensor, least: Like, most: Like) -> Tensor:
    """The value between two others."""
    return minimum(maximum(value, least), most)


def sqrt(value: Tensor) -> Tensor:
    """The root; of less than nothing, 0."""
    return _of_fraction("Sqrt", maximum(value, 0.0 if value.kind.startswith("float") else 0))


def hypot(one: Tensor, two: Tensor) -> Tensor:
    """The length of a way to the right and down."""
    return sqrt(one * one + two * two)


def exp(value: Tensor) -> Tensor:
    """To the power of e."""
    return _of_fraction("Exp", value)


def log(value: Tensor) -> Tensor:
    """The natural logarithm."""
    return _of_fraction("Log", value)


def rint(value: Tensor) -> Tensor:
    """Rounded, halves to even; a fraction still."""
    return _of_fraction("Round", value)


def floor(value: Tensor) -> Tensor:
    """Rounded down; a fraction still."""
    return _of_fraction("Floor", value)


def ceil(value: Tensor) -> Tensor:
    """Rounded up; a fraction still."""
    return _of_fraction("Ceil", value)


def whole(value: Tensor) -> Tensor:
    """A fraction as a whole number: towards 0, what is no number or infinite as some number or other."""
    finite = where(value.graph.node("IsNaN", value, kind="bool"), lift(value.graph, np.zeros((), value.kind)), value)
    return clip(finite, -_FAR, _FAR).astype("int64")


def _of_fraction(op: str, value: Tensor) -> Tensor:
    fraction = value if value.kind.startswith("float") else value.astype("float64")
    return value.graph.node(op, fraction, kind=fraction.kind)


def total(value: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """The sum; of truths, how many hold."""
    return _reduced("ReduceSum", value.astype("int64") if value.kind == "bool" else value, axis)


def mean(value: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """The mean."""
    return _reduced("ReduceMean", value.astype("float64") if value.kind in ("bool", "int64") else value, axis)


def top(value: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """The maximum."""
    return _reduced("ReduceMax", value, axis)


def bottom(value: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """The minimum."""
    return _reduced("ReduceMin", value, axis)


def anywhere(truth: Tensor, axis: int | Sequence[int] | None = None) -> Tensor:
    """Whether it holds anywhere."""
    return total(truth, axis) > 0


def _reduced(op: str, value: Tensor, axis: int | Sequence[int] | None) -> Tensor:
    if axis is None:
        return value.graph.node(op, value, kind=value.kind, keepdims=0)
    axes = value.graph.constant([axis] if isinstance(axis, int) else list(axis))
    return value.graph.node(op, value, axes, kind=value.kind, keepdims=0)


def argmax(value: Tensor, axis: int, last: bool = False) -> Tensor:
    """Where the largest value is, the first of them or the last."""
    return value.graph.node(
        "ArgMax", _plain(value), kind="int64", axis=axis, keepdims=0, select_last_index=int(last)
    )  # fmt: skip


def argmin(value: Tensor, axis: int) -> Tensor:
    """Where the smallest value is, the first of them."""
    return value.graph.node("ArgMin", _plain(value), kind="int64", axis=axis, keepdims=0)


def _plain(value: Tensor) -> Tensor:
    return value if value.kind.startswith("float") else value.astype("float32")


def cumsum(value: Tensor, axis: int = 0) -> Tensor:
    """The sum so far."""
    counted = value.astype("int64") if value.kind == "bool" else value
    return value.graph.node("CumSum", counted, value.graph.constant(axis), kind=counted.kind)


def sort(value: Tensor, axis: int = 0) -> Tensor:
    """Smallest first."""
    return _top_k(value, axis)[0]


def argsort(value: Tensor, axis: int = 0) -> Tensor:
    """The places of the values, the smallest's first."""
    return _top_k(value, axis)[1]


def _top_k(value: Tensor, axis: int) -> list[Tensor]:
    number = value.graph.node("Reshape", size(value, axis), value.graph.constant([1]), kind="int64")
    return value.graph.node_of_many("TopK", value, number, kinds=[value.kind, "int64"], axis=axis, largest=0)


def size(value: Tensor, axis: int) -> Tensor:
    """How long an axis is, an int64 scalar."""
    return reshape(value.graph.node("Shape", value, kind="int64", start=axis, end=axis + 1))


def reshape(value: Tensor, *sides: Tensor | int) -> Tensor:
    """In another shape; with no sides, a scalar."""
    graph = value.graph
    if all(isinstance(side, int) for side in sides):
        shape = graph.constant(np.array(sides, np.int64))
    else:
        each = [graph.node("Reshape", lift(graph, side), graph.constant([1]), kind="int64") for side in sides]
        shape = concat(each)
    return graph.node("Reshape", value, shape, kind=value.kind)


def transpose(value: Tensor, *order: int) -> Tensor:
    """The axes in another order."""
    if value.kind == "float64":
        # onnxruntime up to 1.23 joins Transpose and MatMul of float64 to a node that it then cannot run.
        names = "abcdefgh"[: len(order)]
        turned = "".join(names[axis] for axis in order)
        return value.graph.node("Einsum", value, kind=value.kind, equation=f"{names}->{turned}")
    return value.graph.node("Transpose", value, kind=value.kind, perm=list(order))


def concat(values: Sequence[Tensor], axis: int = 0) -> Tensor:
    """One behind the other."""
    return values[0].graph.node("Concat", *values, kind=values[0].kind, axis=axis)


def stack(values: Sequence[Tensor]) -> Tensor:
    """Scalars as a row, rows as a matrix, and so on."""
    return concat([value[None] for value in values])


def arange(start: Tensor, stop: Tensor) -> Tensor:
    """Whole numbers."""
    return start.graph.node("Range", start, stop, start.graph.constant(1), kind="int64")


def upto(stop: Tensor) -> Tensor:
    """0, 1, ... and so many whole numbers."""
    return arange(stop.graph.constant(0), stop)


def compress(value: Tensor, kept: Tensor) -> Tensor:
    """The rows that are kept."""
    return value.graph.node("Compress", value, kept, kind=value.kind, axis=0)


def filled(like: Tensor, value: float | bool) -> Tensor:
    """A tensor of the same shape and kind that holds one value everywhere."""
    shape = like.graph.node("Shape", like, kind="int64")
    return like.graph.node("Expand", like.graph.constant(value, like.kind), shape, kind=like.kind)


def pool(picture: Tensor, height: int, width: int) -> Tensor:
    """The largest value of the pixels around each one of a picture (h, w), float32 like the result."""
    sides = [height // 2, width // 2]
    planes = picture.astype("float32")[None, None]
    most = planes.graph.node("MaxPool", planes, kind="float32", kernel_shape=[height, width], pads=sides + sides)
    return most[0, 0]


def median(values: Tensor, valid: Tensor) -> Tensor:
    """The median of the valid ones in a row of numbers; of none, infinity."""
    ordered, number = sort(where(valid, values.astype("float64"), np.inf)), total(valid)
    middle = ordered[stack([maximum(number - 1, 0) // 2, minimum(number // 2, size(values, 0) - 1)])]
    return mean(middle)
