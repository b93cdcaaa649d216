"""ONNX written as one writes NumPy: tensors with operators, each of which adds a node to a graph.

Kinds follow NumPy: whole numbers and truths become float64 beside a fraction, float32 beside float64 becomes float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

KINDS = {"float32": 1, "uint8": 2, "int64": 7, "bool": 9, "float64": 11}  # of onnx.TensorProto
_ARITHMETIC = frozenset({"Add", "Sub", "Mul", "Div", "MatMul", "Min", "Max"})
_FIRST, _LAST = -(1 << 62), 1 << 62  # beyond both ends of any axis
Shape = Sequence[int | str]
Like = Union["Tensor", float, NDArray[Any]]
Key = Union["Tensor", int, slice, None]


class Graph:
    """Nodes and constants, gathered one after the other."""

    def __init__(self) -> None:
        self.open: list[list[onnx.NodeProto]] = [[]]  # the graph, and the bodies of loops that are being written
        self.constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}
        self.weights: list[onnx.TensorProto] = []
        self._count = 0

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"edge/{self._count - 1}_{kind}"

    def input(self, name: str, kind: str) -> Tensor:
        """What the graph, or the body of a loop, is given under this name."""
        return Tensor(self, name, kind)

    def constant(self, value: Any, kind: str | None = None) -> Tensor:
        """An array; Python's fractions are float64, its whole numbers int64."""
        from onnx import numpy_helper

        array = np.asarray(value, kind)
        key = array.dtype.name, array.shape, array.tobytes()
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, self._name("constant"))
        return Tensor(self, self.constants[key].name, array.dtype.name)

    def node(self, op: str, *inputs: Tensor, kind: str, **attributes: Any) -> Tensor:
        """The output of a new node."""
        return self.node_of_many(op, *inputs, kinds=[kind], **attributes)[0]

    def node_of_many(self, op: str, *inputs: Tensor, kinds: Sequence[str], **attributes: Any) -> list[Tensor]:
        """The outputs of a new node, of these kinds."""
        from onnx import helper

        made = [Tensor(self, self._name(op), kind) for kind in kinds]
        given = [each.name for each in inputs]
        self.open[-1].append(helper.make_node(op, given, [each.name for each in made], made[0].name, **attributes))
        return made

    def loop(
        self, most: Like, state: Sequence[Tensor], body: Callable[..., tuple[Tensor, Sequence[Tensor]]]
    ) -> list[Tensor]:
        """The state after ``body`` has changed it over and over.

        Args:
            most: rounds at most, a whole number.
            state: before the first round.
            body: (number of the round, from 0 on, and the state) -> (whether to go on, the new state, of the same
                kinds). It may use any tensor from outside.
        """
        from onnx import helper

        number, on = Tensor(self, self._name("round"), "int64"), Tensor(self, self._name("on"), "bool")
        inside = [Tensor(self, self._name("state"), each.kind) for each in state]
        self.open.append([])
        going, changed = body(number, *inside)
        going, changed = going.copy(), [each.astype(old.kind).copy() for each, old in zip(changed, state, strict=True)]
        given = [
            info_of(number.name, "int64", ()),
            info_of(on.name, "bool", ()),
            *(info_of(s.name, s.kind) for s in inside),
        ]
        given_back = [info_of(going.name, "bool", ()), *(info_of(each.name, each.kind) for each in changed)]
        inner = helper.make_graph(self.open.pop(), self._name("body"), given, given_back)
        kinds = [each.kind for each in state]
        return self.node_of_many("Loop", lift(self, most), self.constant(True), *state, kinds=kinds, body=inner)

    def network(self, model: onnx.ModelProto, reads: str, gives: str, tensor: Tensor) -> Tensor:
        """What a network makes of a float32 tensor; it is copied into the graph under its own names."""
        tensor.called(reads)
        self.open[-1].extend(model.graph.node)
        self.weights.extend(model.graph.initializer)
        return Tensor(self, gives, "float32")


class Tensor:
    """A tensor of a graph; ``kind`` is the name of its NumPy dtype."""

    __array_ufunc__ = None  # an array beside a tensor leaves the operator to the tensor

    def __init__(self, graph: Graph, name: str, kind: str) -> None:
        self.graph, self.name, self.kind = graph, name, kind

    def copy(self) -> Tensor:
        return self.graph.node("Identity", self, kind=self.kind)

    def called(self, name: str) -> None:
        """Give this tensor a name, as an output or for a network to read."""
        copied = self.copy()
        self.graph.open[-1][-1].output[0] = copied.name = name

    def astype(self, kind: str) -> Tensor:
        return self if kind == self.kind else self.graph.node("Cast", self, kind=kind, to=KINDS[kind])

    def _math(self, op: str, other: Like, swapped: bool = False) -> Tensor:
        one, two = alike(self, other)
        if one.kind == "bool" and op not in ("And", "Or", "Equal"):
            one, two = one.astype("int64"), two.astype("int64")
        one, two = (two, one) if swapped else (one, two)
        kind = one.kind if op in _ARITHMETIC else "bool"
        return self.graph.node(op, one, two, kind=kind)

    def _one(self, op: str) -> Tensor:
        return self.graph.node(op, self, kind=self.kind)

    def __add__(self, other: Like) -> Tensor:
        return self._math("Add", other)

    def __radd__(self, other: Like) -> Tensor:
        return self._math("Add", other, swapped=True)

    def __sub__(self, other: Like) -> Tensor:
        return self._math("Sub", other)

    def __rsub__(self, other: Like) -> Tensor:
        return self._math("Sub", other, swapped=True)

    def __mul__(self, other: Like) -> Tensor:
        return self._math("Mul", other)

    def __rmul__(self, other: Like) -> Tensor:
        return self._math("Mul", other, swapped=True)

    def __truediv__(self, other: Like) -> Tensor:
        return self._fraction()._math("Div", other)

    def __rtruediv__(self, other: Like) -> Tensor:
        return self._fraction()._math("Div", other, swapped=True)

    def __floordiv__(self, other: Like) -> Tensor:
        """Of whole numbers that are not negative."""
        return self._math("Div", other)

    def __matmul__(self, other: Tensor) -> Tensor:
        return self._math("MatMul", other)

    def __rmatmul__(self, other: Like) -> Tensor:
        return self._math("MatMul", other, swapped=True)

    def __lt__(self, other: Tensor | float) -> Tensor:
        return self._math("Less", other)

    def __le__(self, other: Tensor | float) -> Tensor:
        return self._math("LessOrEqual", other)

    def __gt__(self, other: Tensor | float) -> Tensor:
        return self._math("Greater", other)

    def __ge__(self, other: Tensor | float) -> Tensor:
        return self._math("GreaterOrEqual", other)

    def equals(self, other: Like) -> Tensor:
        return self._math("Equal", other)

    def __and__(self, other: Like) -> Tensor:
        return self._math("And", other)

    def __or__(self, other: Like) -> Tensor:
        return self._math("Or", other)

    def __invert__(self) -> Tensor:
        return self._one("Not")

    def __neg__(self) -> Tensor:
        return self._one("Neg")

    def __abs__(self) -> Tensor:
        return self._one("Abs")

    def _fraction(self) -> Tensor:
        return self if self.kind.startswith("float") else self.astype("float64")

    def __getitem__(self, keys: Key | tuple[Key, ...]) -> Tensor:
        """Whole numbers, slices (whose ends may be tensors), None for a new axis, and tensors of whole numbers."""
        each = keys if isinstance(keys, tuple) else (keys,)
        old = [key for key in each if key is not None]
        cuts = {axis: key for axis, key in enumerate(old) if isinstance(key, slice) and key != slice(None)}
        found = _sliced(self, cuts) if cuts else self
        for axis, key in reversed(list(enumerate(old))):
            if not isinstance(key, slice):
                found = found.graph.node("Gather", found, lift(self.graph, key), kind=self.kind, axis=axis)
        left = [key for key in each if key is None or isinstance(key, slice)]
        new = [axis for axis, key in enumerate(left) if key is None]
        return self.graph.node("Unsqueeze", found, self.graph.constant(new), kind=self.kind) if new else found


def lift(graph: Graph, value: Like) -> Tensor:
    """A number or an array as a tensor."""
    return value if isinstance(value, Tensor) else graph.constant(value)


def alike(one: Tensor, two: Like) -> tuple[Tensor, Tensor]:
    """Two values as tensors of one kind; a number beside a tensor changes float64 and float32 of it never."""
    if isinstance(two, (int, float)) and not isinstance(two, bool) and one.kind.startswith("float"):
        return one, one.graph.constant(two, one.kind)
    other = lift(one.graph, two)
    kind = str(np.result_type(one.kind, other.kind))
    return one.astype(kind), other.astype(kind)


def _sliced(tensor: Tensor, cuts: Mapping[int, slice]) -> Tensor:
    graph = tensor.graph
    steps = [1 if cut.step is None else int(cut.step) for cut in cuts.values()]
    firsts = [
        _end(graph, cut.start, _FIRST if step > 0 else _LAST) for cut, step in zip(cuts.values(), steps, strict=True)
    ]
    lasts = [
        _end(graph, cut.stop, _LAST if step > 0 else _FIRST) for cut, step in zip(cuts.values(), steps, strict=True)
    ]
    ends = [graph.node("Concat", *side, kind="int64", axis=0) if len(side) > 1 else side[0] for side in (firsts, lasts)]
    return graph.node("Slice", tensor, *ends, graph.constant(list(cuts)), graph.constant(steps), kind=tensor.kind)


def _end(graph: Graph, value: Tensor | int | None, otherwise: int) -> Tensor:
    if isinstance(value, Tensor):
        return graph.node("Reshape", value.astype("int64"), graph.constant([1]), kind="int64")
    return graph.constant([otherwise if value is None else value])


def info_of(name: str, kind: str, shape: Shape | None = None) -> onnx.ValueInfoProto:
    """An input or an output as ONNX describes it; its shape is open where none is given."""
    from onnx import helper

    return helper.make_tensor_value_info(name, KINDS[kind], shape)
