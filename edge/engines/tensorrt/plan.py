"""A serialised engine, loaded by its runtime and looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edge.bundle.bundle import Bundle
from edge.engines.checks import check_network
from edge.engines.tensorrt.builder import sides
from edge.engines.tensorrt.log import Log, logger_of
from edge.errors import EdgeError

if TYPE_CHECKING:
    import tensorrt as TRT


@dataclass
class Plan:
    """A loaded engine.

    Attributes:
        runtime, engine, execution: of TensorRT.
        log: what the runtime says.
        names: of the input and of the output.
        as_json: how an inspector is asked for JSON.
    """

    runtime: Any
    engine: Any
    execution: Any
    log: Log
    names: tuple[str, str]
    as_json: Any

    def close(self) -> None:
        """Let go of it; nobody else must hold its parts."""
        # In this order: an execution context must not outlive its engine, nor the engine its runtime.
        del self.execution, self.engine, self.runtime


def load_plan(trt: Any, plan: bytes, bundle: Bundle, dla: int | None) -> Plan:
    """Load an engine.

    Args:
        trt: the module ``tensorrt`` or ``tensorrt_rtx``.
        plan: the serialised engine.
        bundle: what it was built from.
        dla: the accelerator that it was built for; None where that is the GPU.

    Raises:
        EdgeError: the runtime refuses the engine, or its shapes are not those of the manifest.
    """
    log = Log()
    runtime: TRT.Runtime = trt.Runtime(logger_of(trt))
    if dla is not None:
        runtime.DLA_core = dla
    # None where it is refused, which the stubs do not say.
    engine: TRT.ICudaEngine = runtime.deserialize_cuda_engine(plan)
    execution = None if engine is None else engine.create_execution_context()
    if execution is None:
        raise EdgeError(
            f"{trt.__name__} refuses the engine of {bundle.path} ({log.first() or 'no reason given'}): "
            "run edge-compile again"
        )
    names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
    inputs = [each for each in names if engine.get_tensor_mode(each) == trt.TensorIOMode.INPUT]
    outputs = [each for each in names if each not in inputs]
    check_network(
        bundle,
        [sides(engine.get_tensor_shape(each)) for each in inputs],
        [sides(engine.get_tensor_shape(each)) for each in outputs],
    )
    if any(engine.get_tensor_dtype(each) != trt.DataType.FLOAT for each in names):
        raise EdgeError(f"the network in {bundle.path} does not take and give float32: make it with edge-calibrate")
    return Plan(runtime, engine, execution, log, (inputs[0], outputs[0]), trt.LayerInformationFormat.JSON)
