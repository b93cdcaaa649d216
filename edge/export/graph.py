"""A graph of ONNX while it is written: nodes, constants, loops, and the file they make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edge.export.tensor import KINDS, Like, Tensor, lift

if TYPE_CHECKING:
    import onnx

OPSET, _IR = 18, 8  # the first whose ReduceMax takes its axes as an input, and the file format that came with it
Shape = Sequence[int | str]


class Graph:
    """Nodes and constants, gathered one after the other."""

    def __init__(self) -> None:
        self._open: list[list[onnx.NodeProto]] = [[]]  # the graph, and the bodies of loops that are being written
        self._constants: dict[tuple[str, tuple[int, ...], bytes], onnx.TensorProto] = {}
        self._weights: list[onnx.TensorProto] = []
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
        if key not in self._constants:
            self._constants[key] = numpy_helper.from_array(array, self._name("constant"))
        return Tensor(self, self._constants[key].name, array.dtype.name)

    def node(self, op: str, *inputs: Tensor, kind: str, **attributes: Any) -> Tensor:
        """The output of a new node."""
        return self.node_of_many(op, *inputs, kinds=[kind], **attributes)[0]

    def node_of_many(self, op: str, *inputs: Tensor, kinds: Sequence[str], **attributes: Any) -> list[Tensor]:
        """The outputs of a new node, of these kinds."""
        from onnx import helper

        made = [Tensor(self, self._name(op), kind) for kind in kinds]
        given = [each.name for each in inputs]
        self._open[-1].append(helper.make_node(op, given, [each.name for each in made], made[0].name, **attributes))
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
        self._open.append([])
        going, changed = body(number, *inside)
        going, changed = going.copy(), [each.astype(old.kind).copy() for each, old in zip(changed, state, strict=True)]
        given = [_info(number.name, "int64", ()), _info(on.name, "bool", ()), *(_info(s.name, s.kind) for s in inside)]
        given_back = [_info(going.name, "bool", ()), *(_info(each.name, each.kind) for each in changed)]
        inner = helper.make_graph(self._open.pop(), self._name("body"), given, given_back)
        kinds = [each.kind for each in state]
        return self.node_of_many("Loop", lift(self, most), self.constant(True), *state, kinds=kinds, body=inner)

    def network(self, model: onnx.ModelProto, reads: str, gives: str, tensor: Tensor) -> Tensor:
        """What a network makes of a float32 tensor; it is copied into the graph under its own names."""
        tensor.called(reads)
        self._open[-1].extend(model.graph.node)
        self._weights.extend(model.graph.initializer)
        return Tensor(self, gives, "float32")

    def model(
        self,
        inputs: Mapping[str, tuple[str, Shape]],
        outputs: Mapping[str, tuple[str, Shape]],
        metadata: Mapping[str, str],
        like: onnx.ModelProto | None = None,
    ) -> bytes:
        """The ONNX file.

        Args:
            inputs, outputs: name -> kind and shape, a word for a side that is open.
            metadata: key -> value.
            like: a network in the graph, whose versions of ONNX the file takes over.
        """
        from onnx import helper

        given, made = ([_info(name, *each) for name, each in side.items()] for side in (inputs, outputs))
        constants = [*self._constants.values(), *self._weights]
        graph = helper.make_graph(self._open[0], "efiqa", given, made, constants)
        opsets = [helper.make_opsetid("", OPSET)] if like is None else like.opset_import
        version = _IR if like is None else like.ir_version
        model = helper.make_model(graph, opset_imports=opsets, ir_version=version, producer_name="efiqa-edge")
        helper.set_model_props(model, dict(metadata))
        return bytes(model.SerializeToString(deterministic=True))


def _info(name: str, kind: str, shape: Shape | None = None) -> onnx.ValueInfoProto:
    from onnx import helper

    return helper.make_tensor_value_info(name, KINDS[kind], shape)
