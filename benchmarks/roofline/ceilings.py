"""How close a network comes to what this processor can do: its ceilings are measured here."""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import FailFast, Field

from benchmarks.roofline.layers import Layer, count_layers
from calibration.timing import Call, Turn, milliseconds, take_turns
from edge.engines.quiet import import_openvino
from edge.errors import EdgeError

_CONFIG = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
_COPY_MIB, _COPIES = 64, 8  # larger than the caches of a camera's computer; the best of these copies counts
_SHAPES = ((128, 64), (256, 32))  # channels and side of the convolutions that the ceilings are measured on
_DEPTH = 4  # of these in a row
_TURN = 3  # inferences of the network for one of each of these

Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Ceilings:
    """The most that was reached here: 10^9 bytes a second of copying, and operations of large convolutions."""

    copy_gb_s: Positive
    int8_gops: Positive
    float_gops: Positive


@dataclass(frozen=True)
class LayerTime:
    """A layer and its ceiling.

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
    """A whole network and its ceilings.

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
    core, config = openvino_or_error().Core(), {**_CONFIG, "INFERENCE_NUM_THREADS": threads}
    layers = count_layers(onnx)
    model = core.read_model(onnx)

    def turn(network: Any, counted: int = 1) -> Turn:
        return Turn(_runner(core.compile_model(network, "CPU", config)), counted)

    ideal = [turn(_network(*shape, int8)) for int8 in (True, False) for shape in _SHAPES]
    (times, *ideal_ms), _ = take_turns([turn(model, _TURN), *ideal], math.ceil(tries / _TURN))
    operations = [2e-6 * _DEPTH * (3 * channels * side) ** 2 for channels, side in _SHAPES]
    rates = np.array(operations) / np.reshape([ms.min() for ms in ideal_ms], (2, len(_SHAPES)))
    int8_gops, float_gops = rates.max(axis=1).tolist()
    ceilings = Ceilings(_copy_rate(threads) / 1e9, int8_gops, float_gops)
    spent = _layer_ms(core.compile_model(model, "CPU", {**config, "PERF_COUNT": True}), tries)
    rows = tuple(_row(layer, spent.pop(layer.name, 0.0), ceilings) for layer in layers)
    measured, least = float(np.median(times)), sum(row.least_ms for row in rows)
    return Roofline(
        ceilings=ceilings,
        mops=sum(row.mops for row in rows),
        least_kib=_least_kib(layers),
        least_ms=least,
        measured_ms=measured,
        times_over=measured / least,
        layers=rows,
        other_ms=sum(spent.values()),
    )


def openvino_or_error() -> Any:
    """OpenVINO; without it an EdgeError names the package."""
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


def _layer_ms(compiled: Any, tries: int) -> dict[str, float]:
    """Median milliseconds of each operation by name, by the engine's own clock."""
    request, inputs = compiled.create_infer_request(), _inputs(compiled)
    spent = defaultdict[str, list[float]](list)
    for attempt in range(tries + 5):
        request.infer(inputs)
        for row in request.get_profiling_info() if attempt >= 5 else ():
            if (ms := row.real_time.total_seconds() * 1000) > 0:
                spent[row.node_name.removesuffix("/WithoutBiases")].append(ms)
    return {name: float(np.median(each)) for name, each in spent.items()}


def _network(channels: int, side: int, int8: bool) -> Any:
    """Convolutions of 3x3 in a row: what an engine does best."""
    openvino = openvino_or_error()
    ops = openvino.opset13
    generator = np.random.default_rng(0)
    start = ops.parameter([1, channels, side, side], np.float32)
    now: Any = start
    for _ in range(_DEPTH):
        weights: Any = ops.constant(generator.normal(0, 0.01, (channels, channels, 3, 3)).astype(np.float32))
        if int8:
            low, high = np.float32(-1.28), np.float32(1.27)
            now = ops.fake_quantize(now, low, high, low, high, 256)
            low, high = np.float32(-0.0635), np.float32(0.0635)
            weights = ops.fake_quantize(weights, low, high, low, high, 255)
        now = ops.relu(ops.convolution(now, weights, [1, 1], [1, 1], [1, 1], [1, 1]))
    return openvino.Model([now], [start], "ceiling")


def _runner(compiled: Any) -> Call:
    request, inputs = compiled.create_infer_request(), _inputs(compiled)

    def run(_: int) -> object:
        return request.infer(inputs, share_inputs=True, share_outputs=True)

    for warm_up in range(3):
        run(warm_up)
    return run


def _inputs(compiled: Any) -> dict[int, Any]:
    generator = np.random.default_rng(0)
    return {i: generator.random(list(port.shape), np.float32) for i, port in enumerate(compiled.inputs)}


def _copy_rate(threads: int) -> float:
    """Bytes read and written a second, by all threads together, the best of a few."""
    size = (_COPY_MIB << 20) // threads
    sources, targets = ([np.full(size, value, np.uint8) for _ in range(threads)] for value in (1, 0))

    def copy(_: int) -> None:
        # A thread for each part: a worker of a pool could take two parts before another one wakes.
        workers = [threading.Thread(target=np.copyto, args=pair) for pair in zip(targets, sources, strict=True)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    return 2 * size * threads / min(milliseconds(copy) for _ in range(_COPIES)) * 1000
