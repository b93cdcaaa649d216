"""The forms that one student takes on its way to the device, each as a function from a tensor to maps."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from calibration.golden import Infer, infer_onnx, open_session
from calibration.int8.quantize import Tensors
from edge.bundle.bundle import Bundle
from edge.engines.checks import UnavailableError
from edge.engines.choose import open_engine
from edge.engines.names import ENGINES

log = logging.getLogger(__name__)

_ROUNDING = 0.05  # relative difference of a layer's outputs (root of squares) that rounding explains
SAME = 0.001  # map mean abs difference up to which two float forms, or two runtimes of one INT8 form, are the same


@dataclass(frozen=True)
class Form:
    """A student in one form on one runtime.

    Attributes:
        name: such as ``INT8, openvino``.
        infer: float32 (1, 3, S, S) -> maps float32 (K, grid, grid).
        before: the name of the form that this one was made from; empty for the first.
        stage: what lies between the two, and is to blame where they differ: ``quantization``, ``export`` or an engine.
        most: allowed mean absolute difference of the degradation map from that form.
    """

    name: str
    infer: Infer
    before: str
    stage: str
    most: float


@dataclass(frozen=True)
class StudentCheckpoint:
    """What forms are made of: the float network, its fake-quantized form, and both as bundles."""

    network: nn.Module
    quantized: nn.Module
    float_bundle: Bundle
    int8_bundle: Bundle


@contextmanager
def forms_of(student: StudentCheckpoint, most: float, quiet: bool = False) -> Iterator[list[Form]]:
    """Every form that this machine can run, in the order in which they are made; engines are closed afterwards.

    Args:
        student: in torch and as bundles.
        most: what INT8 may move the map by.
        quiet: do not log engines that are missing here.

    Raises:
        EdgeError: onnxruntime is missing, or an engine that is here cannot take the network.
    """
    with ExitStack() as stack:
        yield [
            Form("float, torch", _of_torch(student.network), "", "training", 0.0),
            Form("float, onnxruntime", infer_onnx(student.float_bundle.onnx), "float, torch", "export", SAME),
            *_engines(student.float_bundle, "float", stack, quiet),
            Form("INT8, torch", _of_torch(student.quantized), "float, torch", "quantization", most),
            Form("INT8, onnxruntime", infer_onnx(student.int8_bundle.onnx), "INT8, torch", "export", SAME),
            *_engines(student.int8_bundle, "INT8", stack, quiet=True),
        ]


def _engines(bundle: Bundle, kind: str, stack: ExitStack, quiet: bool) -> Iterator[Form]:
    for name in ENGINES:
        try:
            engine = open_engine(bundle, name)
        except UnavailableError as error:
            log.log(logging.DEBUG if quiet else logging.INFO, "not compared: %s (%s)", name, error)
            continue
        stack.callback(engine.close)
        yield Form(f"{kind}, {name}", engine.infer, f"{kind}, onnxruntime", f"engine {name}", SAME)


def _of_torch(network: nn.Module) -> Infer:
    def infer(tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return np.asarray(network(torch.from_numpy(tensor))[0].numpy(), np.float32)

    return infer


def first_wrong_layer(quantized: nn.Module, graph: bytes, tensors: Tensors) -> str:
    """The first layer of an exported INT8 graph whose output differs from that of the fake-quantized network.

    Args:
        quantized: fake-quantized, with plain convolutions in the order of the graph's.
        graph: ONNX.
        tensors: prepared frames, float32 (1, 3, S, S) each.

    Returns:
        Its name in the network; empty where all agree, or the graph has other layers.
    """
    model = onnx.load_from_string(graph)
    outputs = [node.output[0] for node in model.graph.node if node.op_type == "Conv"]
    known = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs if name not in known)
    session = open_session(model.SerializeToString())
    for tensor in tensors:
        wanted = _layer_outputs(quantized, tensor)
        if len(wanted) != len(outputs):
            return ""
        found = session.run(outputs, {session.get_inputs()[0].name: tensor})
        for (name, a), b in zip(wanted.items(), found, strict=True):
            if a.shape != b.shape or np.linalg.norm(a - b) > _ROUNDING * max(float(np.linalg.norm(a)), 1e-6):
                return name
    return ""


def _layer_outputs(network: nn.Module, tensor: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Output of every convolution by name, in the order in which they run."""
    seen: dict[str, NDArray[np.float32]] = {}  # copies, because the ReLU behind a layer works in place
    hooks = [
        module.register_forward_hook(lambda _, __, output, name=name: seen.__setitem__(name, output.numpy().copy()))
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d)
    ]
    try:
        with torch.no_grad():
            network(torch.from_numpy(tensor))
    finally:
        for hook in hooks:
            hook.remove()
    return seen
