"""Networks of a few operators at random for ``EFIQA_FUZZ_SECONDS`` (60): what is let through ends no program.

Each runs in a process of its own, by the onnx package first and by OpenVINO then. Under ``MALLOC_CHECK_=3
LD_PRELOAD=libc_malloc_debug.so.0`` glibc tells more of what is written beyond a tensor.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import random
import signal
import struct
import time
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edge.bundle.network.rules import OPERATORS, parse_network
from edge.bundle.network.shapes import _shapes, check_network
from edge.engines.quiet import import_openvino
from edge.errors import EdgeError

SECONDS = float(os.environ.get("EFIQA_FUZZ_SECONDS", "60"))
LONGEST = 60  # seconds of one network on a busy machine
_WHOLE = (-(1 << 31), -3, -1, 0, 1, 2, 3, 4, 7, 8, 33, 255, 8192, 1 << 16, (1 << 31) - 1)
_SMALL = (0, 1, 1, 2, 2, 3, 4)
_REAL = (0.0, 1.0, -1.0, 0.5, 2.0, 1e-30, 1e30, float("nan"), float("inf"), -float("inf"), 0.33)
_TYPES = (*[np.float32] * 6, np.float16, np.int8, np.uint8, np.int64, np.int64, np.int32, np.bool_)
_WORDS = ("NOTSET", "SAME_UPPER", "VALID", "nearest", "linear", "cubic", "constant", "reflect", "edge", "wrap", "floor",
          "half_pixel", "align_corners", "asymmetric", "DCR", "CRD", "none", "tanh", "not_larger", "x")  # fmt: skip
_SHAPES = ([1, 3, 8, 8], [1, 3, 8, 8], [1, 4, 4, 4], [2, 8], [8], [1, 1, 1, 1], [1, 3, 6, 5, 4])
_KINDS = [TensorProto.DataType.Value(name) for name in ("FLOAT", "INT8", "UINT8", "INT64", "INT32", "BOOL", "FLOAT16")]


def a_constant(chance: random.Random) -> Any:
    kind = np.dtype(chance.choice(_TYPES))
    shape = [chance.choice((1, 1, 2, 3, 4, 8)) for _ in range(chance.choice((0, 1, 1, 1, 2, 4, 4)))]
    values = _REAL if kind.kind == "f" else _WHOLE[1:10]
    with np.errstate(all="ignore"):
        return np.array([chance.choice(values) for _ in range(int(np.prod(shape)))]).astype(kind).reshape(shape)


def a_setting(chance: random.Random, kind: Any) -> Any:
    kinds = onnx.defs.OpSchema.AttrType
    match kind:
        case kinds.INT:
            return chance.choice(_WHOLE if chance.random() < 0.3 else _SMALL)
        case kinds.INTS:
            return [chance.choice(_WHOLE if chance.random() < 0.2 else _SMALL) for _ in range(chance.choice((1, 2, 4)))]
        case kinds.FLOAT:
            return float(chance.choice(_REAL))
        case kinds.STRING:
            return chance.choice(_WORDS)
        case kinds.TENSOR:
            return numpy_helper.from_array(a_constant(chance))
    return None


def a_network(chance: random.Random) -> onnx.ModelProto:
    nodes, names, constants = list[onnx.NodeProto](), ["image"], list[onnx.TensorProto]()
    opset = chance.choice((11, 13, 17, 18, 20, 22, 24))
    for _ in range(chance.choice((1, 1, 2, 3))):
        kind = chance.choice(sorted(OPERATORS))
        try:
            schema = onnx.defs.get_schema(kind, opset, "")
        except onnx.defs.SchemaError:
            continue
        reads = []
        for place in range(chance.randint(schema.min_input, max(schema.min_input, min(schema.max_input, 5)))):
            luck = chance.random()
            if luck < (0.85 if place == 0 else 0.15):
                reads.append(chance.choice(names[-2:]))
            elif luck < 0.22 and place:
                reads.append("")
            else:
                reads.append(f"c{len(constants)}")
                constants.append(numpy_helper.from_array(a_constant(chance), reads[-1]))
        makes = [f"y{len(names)}_{part}" for part in range(chance.choice((1, 1, 2, 3)) if schema.max_output > 1 else 1)]
        given = {
            name: value
            for name, each in schema.attributes.items()
            if (each.required or chance.random() < 0.4) and (value := a_setting(chance, each.type)) is not None
        }
        nodes.append(helper.make_node(kind, reads, makes, **given))
        names.append(makes[0])
    image = helper.make_tensor_value_info("image", chance.choice(_KINDS[:1] * 6 + _KINDS), chance.choice(_SHAPES))
    maps = helper.make_tensor_value_info(names[-1], TensorProto.FLOAT, [1])
    graph = helper.make_graph(nodes, "any", [image], [maps], constants)
    return helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset)])


def let_through(model: onnx.ModelProto) -> bool:
    """Whether it is taken once it says rightly what comes out."""
    name = model.graph.output[0].name
    del model.graph.output[:]
    try:
        shape, _ = _shapes(parse_network(model.SerializeToString()))[name]
    except (EdgeError, LookupError):
        return False
    for kind in _KINDS:
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info(name, kind, shape))
        try:
            check_network(model.SerializeToString())
        except EdgeError:
            continue
        return True
    return False


def run(model: onnx.ModelProto) -> None:
    core = import_openvino().Core()
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", {"INFERENCE_NUM_THREADS": 1})
    (port,) = compiled.inputs
    values = np.random.default_rng(0).normal(size=tuple(port.shape)) * 3
    for _ in range(3):
        compiled.create_infer_request().infer({0: values.astype(port.element_type.to_dtype())})


def go_on(at: mmap.mmap, number: int, runs: bool) -> None:
    """A thousand networks from a number on, or up to the first that is run; says which it is at."""
    for each in range(number, number + 1000):
        at[:8] = struct.pack("<q", each)
        model = a_network(random.Random(each))
        if model.graph.node and let_through(model) and runs:
            run(model)
            return


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process for each network is a fork")
@pytest.mark.parametrize("runs", [False, True], ids=["onnx", "openvino"])
def test_a_network_that_is_let_through_ends_no_program(capsys: pytest.CaptureFixture[str], runs: bool) -> None:
    import_openvino()
    first = int(os.environ.get("EFIQA_FUZZ_SEED", time.time_ns() % 1_000_000_000))
    ends, number, at = time.monotonic() + SECONDS / 2, first, mmap.mmap(-1, 8)
    while time.monotonic() < ends:
        child = os.fork()
        if child == 0:
            with contextlib.suppress(Exception):  # a runtime may refuse what it likes, if it says so
                signal.alarm(LONGEST)
                go_on(at, number, runs)
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        (number,) = struct.unpack("<q", at[:8])
        assert ended == 0, f"EFIQA_FUZZ_SEED={number}: ended by signal {-ended}"
        number += 1
    with capsys.disabled():
        print(f"\nseed {first}: {number - first} networks")
