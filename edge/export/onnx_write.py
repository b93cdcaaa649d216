"""New nodes in front of a network and behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

FLOAT, UINT8 = 1, 2  # of onnx.TensorProto


class Writer:
    """Nodes and constants, gathered one after the other; every method gives the name of what it made.

    Example:
        >>> w = Writer("plus")
        >>> w.op("Add", "x", w.constant(np.float32(1)))
        'plus/1_Add'
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []
        self._count = 0

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self._prefix}/{self._count - 1}_{kind}"

    def constant(self, value: Any) -> str:
        """A tensor of float32, int64, uint8 or bool."""
        from onnx import numpy_helper

        name = self._name("constant")
        self.tensors.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def op(self, kind: str, *inputs: str, name: str = "", spare: int = 0, **attributes: Any) -> str:
        """A node; its first output is called ``name`` where that is given, and ``spare`` more are not used."""
        from onnx import helper

        made = name or self._name(kind)
        outputs = [made, *(f"{made}_{index}" for index in range(spare))]
        self.nodes.append(helper.make_node(kind, inputs, outputs, f"make_{made}", **attributes))
        return made


def ends_of(model: onnx.ModelProto) -> tuple[onnx.ValueInfoProto, onnx.ValueInfoProto]:
    """What a network of a bundle reads, and what it gives."""
    constant = {tensor.name for tensor in model.graph.initializer}  # files of older versions list these as inputs too
    (reads,) = (value for value in model.graph.input if value.name not in constant)
    (gives,) = model.graph.output
    return reads, gives


def wrap(
    model: onnx.ModelProto,
    before: Writer,
    after: Writer,
    inputs: Mapping[str, tuple[int, Sequence[int | str]]],
    outputs: Mapping[str, tuple[int, Sequence[int | str]]],
    metadata: Mapping[str, str],
) -> bytes:
    """A network with nodes in front of it and behind it.

    Args:
        model: the network, which is used up; what it reads and gives keeps its name but is no input or output any more.
        before, after: nodes, the former making what the network reads.
        inputs, outputs: of the whole: name -> type and shape, a word for a side that is open.
        metadata: key -> value.
    """
    from onnx import helper

    inner = model.graph
    graph = helper.make_graph(
        [*before.nodes, *inner.node, *after.nodes],
        "efiqa",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in outputs.items()],
        [*before.tensors, *inner.initializer, *after.tensors],
    )
    model.graph.CopyFrom(graph)
    del model.metadata_props[:]
    helper.set_model_props(model, dict(metadata))
    return bytes(model.SerializeToString(deterministic=True))
