"""How close a network comes to what this processor can do: its ceilings are measured, not looked up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import FailFast, Field

from benchmarks.roofline.layers import Layer, count_layers
from edge.engines.quiet import import_openvino
from edge.errors import EdgeError

_CONFIG = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
_COPY_MIB = 64  # beyond the caches of what a camera has
_SHAPES = ((128, 64), (256, 32))  # channels and side of the convolutions that the ceilings are measured on

Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Ceilings:
    """The most that was reached here: 10^9 bytes a second of copying, and operations of large convolutions."""

    copy_gb_s: Positive
    int8_gops: Positive
    float_gops: Positive


@dataclass(frozen=True)
class LayerTime:
    """A layer beside its ceiling.

    Attributes:
        name, int8: as in ``Layer``.
        mops: millions of operations.
        kib: least traffic.
        ms: measured, by the engine's own clock.
        least_ms: what the ceilings allow.
        bound: ``arithmetic`` or ``memory``, whichever takes longer.
    """

    name: str
    int8: bool
    mops: Positive
    kib: Positive
    ms: float
    least_ms: float
    bound: str


@dataclass(frozen=True)
class Roofline:
    """A whole network beside its ceilings.

    Attributes:
        mops: millions of operations.
        least_kib: weights, input and output, once each: what must move even with endless caches.
        least_ms: the sum of what the ceilings allow each layer.
        measured_ms: median of the inference, in turns with the ceilings.
        times_over: measured_ms / least_ms.
        layers: the counted ones, in order.
        other_ms: what the engine spent on everything that is not counted: reordering, scaling, resizing.
    """

    ceilings: Ceilings
    mops: float
    least_kib: float
    least_ms: float
    measured_ms: float
    times_over: float
    layers: Annotated[tuple[LayerTime, ...], FailFast()]
    other_ms: float


def measure_roofline(onnx: bytes, threads: int, tries: int = 30) -> Roofline:
    """Count a network, measure this processor and time the network's layers on OpenVINO.

    Args:
        onnx: the model, static shapes.
        threads: for all of it.
        tries: of each; ceilings are the best, times are medians.

    Raises:
        EdgeError: OpenVINO is not installed or cannot take the model.
    """
    openvino = openvino_or_error()
    core, config = openvino.Core(), {**_CONFIG, "INFERENCE_NUM_THREADS": threads}
    layers = count_layers(onnx)
    run = _runner(core.compile_model(core.read_model(onnx), "CPU", config))
    rates: dict[bool, Any] = {
        int8: [
            (_operations(*shape), _runner(core.compile_model(_network(*shape, int8), "CPU", config)))
            for shape in _SHAPES
        ]
        for int8 in (True, False)
    }
    times: list[float] = []
    fastest = dict.fromkeys(rates, 0.0)
    for attempt in range(tries):  # in turns, so that a drift of the machine hits all of them
        times.append(_seconds(run))
        for int8, nets in rates.items():
            if attempt % 3 == 0:
                fastest[int8] = max([fastest[int8], *(operations / _seconds(net) for operations, net in nets)])
    ceilings = Ceilings(_copy_rate(threads) / 1e9, fastest[True] / 1e9, fastest[False] / 1e9)
    spent, other = _layer_ms(core, onnx, config, layers, tries)
    rows = tuple(_row(layer, spent.get(layer.name, 0.0), ceilings) for layer in layers)
    measured, least = float(np.median(times)) * 1000, sum(row.least_ms for row in rows)
    return Roofline(
        ceilings=ceilings,
        mops=sum(row.mops for row in rows),
        least_kib=_least_kib(layers),
        least_ms=least,
        measured_ms=measured,
        times_over=measured / least,
        layers=rows,
        other_ms=other,
    )


def openvino_or_error() -> Any:
    """OpenVINO, or an EdgeError that says how to get it."""
    try:
        return import_openvino()
    except ImportError as error:
        raise EdgeError('timing a network needs OpenVINO: pip install "efiqa-edge[cpu]"') from error


def least_ms(layers: Sequence[Layer], ceilings: Ceilings) -> float:
    """What the ceilings allow a whole network, layer by layer."""
    return sum(_row(layer, 0.0, ceilings).least_ms for layer in layers)


def _row(layer: Layer, ms: float, ceilings: Ceilings) -> LayerTime:
    arithmetic = 2 * layer.macs / (ceilings.int8_gops if layer.int8 else ceilings.float_gops) / 1e6
    memory = layer.least_bytes() / ceilings.copy_gb_s / 1e6
    bound = "arithmetic" if arithmetic >= memory else "memory"
    return LayerTime(
        layer.name, layer.int8, 2 * layer.macs / 1e6, layer.least_bytes() / 1024, ms, max(arithmetic, memory), bound
    )


def _least_kib(layers: Sequence[Layer]) -> float:
    weights = sum(layer.weights * (1 if layer.int8 else 4) for layer in layers)
    return (weights + 4 * (layers[0].inputs + layers[-1].outputs)) / 1024 if layers else 0.0


def _layer_ms(
    core: Any, onnx: bytes, config: dict[str, Any], layers: Sequence[Layer], tries: int
) -> tuple[dict[str, float], float]:
    """Median milliseconds of each layer by name, and of all the rest together."""
    compiled = core.compile_model(core.read_model(onnx), "CPU", {**config, "PERF_COUNT": True})
    request = compiled.create_infer_request()
    inputs = _inputs(compiled)
    names = {layer.name for layer in layers}
    spent: dict[str, list[float]] = {}
    for attempt in range(tries + 5):
        request.infer(inputs)
        if attempt < 5:
            continue
        for row in request.get_profiling_info():
            name = row.node_name.removesuffix("/WithoutBiases")
            if row.real_time.total_seconds() > 0:
                spent.setdefault(name, []).append(row.real_time.total_seconds() * 1000)
    medians = {name: float(np.median(each)) for name, each in spent.items()}
    return {name: ms for name, ms in medians.items() if name in names}, sum(
        ms for name, ms in medians.items() if name not in names
    )


def _network(channels: int, side: int, int8: bool, depth: int = 4) -> Any:
    """Convolutions of 3x3 in a row: what an engine does best."""
    openvino = openvino_or_error()
    ops = openvino.opset13

    generator = np.random.default_rng(0)
    start = ops.parameter([1, channels, side, side], np.float32)
    now: Any = start
    for _ in range(depth):
        weights: Any = ops.constant(generator.normal(0, 0.01, (channels, channels, 3, 3)).astype(np.float32))
        if int8:
            low, high = np.float32(-1.28), np.float32(1.27)
            now = ops.fake_quantize(now, low, high, low, high, 256)
            low, high = np.float32(-0.0635), np.float32(0.0635)
            weights = ops.fake_quantize(weights, low, high, low, high, 255)
        now = ops.relu(ops.convolution(now, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    return openvino.Model([now], [start], "ceiling")


def _operations(channels: int, side: int, depth: int = 4) -> float:
    return 2.0 * depth * channels * channels * 9 * side * side


def _runner(compiled: Any) -> Callable[[], object]:
    request, inputs = compiled.create_infer_request(), _inputs(compiled)

    def run() -> object:
        return request.infer(inputs, share_inputs=True, share_outputs=True)

    for _ in range(3):
        run()
    return run


def _inputs(compiled: Any) -> dict[int, Any]:
    generator = np.random.default_rng(0)
    return {i: generator.random(list(port.shape), np.float32) for i, port in enumerate(compiled.inputs)}


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _copy_rate(threads: int, tries: int = 8) -> float:
    """Bytes read and written a second, by all threads together, the best of a few."""
    size = (_COPY_MIB << 20) // threads
    pairs = [(np.ones(size, np.uint8), np.zeros(size, np.uint8)) for _ in range(threads)]
    best = 0.0
    for _ in range(tries):
        workers = [threading.Thread(target=np.copyto, args=(target, source)) for source, target in pairs]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        best = max(best, 2 * size * threads / (time.perf_counter() - began))
    return best
