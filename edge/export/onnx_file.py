"""The file of a graph that was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from edge.export.tensor import Graph, Shape, info_of

if TYPE_CHECKING:
    import onnx

OPSET, _IR = 18, 8  # the first whose ReduceMax takes its axes as an input, and the file format that came with it
Ends = Mapping[str, tuple[str, Shape | None]]


def onnx_file(
    graph: Graph, inputs: Ends, outputs: Ends, metadata: Mapping[str, str], like: onnx.ModelProto | None = None
) -> bytes:
    """The ONNX file.

    Args:
        graph: with all that the outputs need.
        inputs, outputs: name -> kind and shape, a word for a side that is open, None for a shape that is.
        metadata: key -> value.
        like: a network in the graph, whose versions of ONNX the file takes over.
    """
    from onnx import helper

    given, made = ([info_of(name, *each) for name, each in side.items()] for side in (inputs, outputs))
    used = {*_read(graph.open[0]), *outputs}  # onnxruntime warns of each constant that nothing reads
    constants = [each for each in (*graph.constants.values(), *graph.weights) if each.name in used]
    whole = helper.make_graph(graph.open[0], "efiqa", given, made, constants)
    opsets = [helper.make_opsetid("", OPSET)] if like is None else like.opset_import
    version = _IR if like is None else like.ir_version
    model = helper.make_model(whole, opset_imports=opsets, ir_version=version, producer_name="efiqa-edge")
    helper.set_model_props(model, dict(metadata))
    return bytes(model.SerializeToString(deterministic=True))


def _read(nodes: Iterable[onnx.NodeProto]) -> Iterator[str]:
    """What nodes read, and the nodes of the loops and branches in them."""
    for node in nodes:
        yield from node.input
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _read(inner.node)
                yield from (each.name for each in inner.output)
