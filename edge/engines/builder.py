"""One builder for TensorRT (Jetson) and TensorRT-RTX (desktop): both speak the same Python API."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

from edge.bundle import Bundle
from edge.engines.checks import UnavailableError, check_network
from edge.errors import EdgeError

# Named in the cache key: change it when a change below changes what is built.
OPTIONS = "strongly_typed static"
TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")  # GPU families that TensorRT-RTX builds ahead of time
_MOST_NODES = 4  # named in an error


def build_engine(trt: Any, bundle: Bundle, target: str = "current") -> bytes:
    """Parse the network of a bundle and build its engine. Shows progress on a terminal's stderr.

    The network is strongly typed: its Q/DQ nodes decide what runs in INT8, not the builder.

    Args:
        trt: the module ``tensorrt`` or ``tensorrt_rtx``.
        bundle: the model.
        target: one of ``TARGETS`` for an engine built ahead of time (TensorRT-RTX only), or ``current``, which needs
            the GPU.

    Returns:
        The serialised engine.

    Raises:
        UnavailableError: the library does not start here or is too old.
        EdgeError: names the nodes that cannot be parsed, or gives the builder's own words.
    """
    logger = collecting_logger(trt)
    try:
        builder = trt.Builder(logger)
    except Exception as error:  # the bindings raise TypeError where the library gave no builder
        raise UnavailableError(
            f"{trt.__name__} does not start here ({logger.first() or error}): check the GPU's driver"
        ) from error
    strongly_typed = getattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED", None)
    if strongly_typed is None:
        raise UnavailableError(f"{trt.__name__} {trt.__version__} is too old: install version 10 or newer")
    network = builder.create_network(1 << int(strongly_typed))
    _parse(trt, network, logger, bundle)
    config = builder.create_builder_config()
    if target != "current":
        _aim(trt, config, target)
    with Progress(console=Console(stderr=True), transient=True) as progress, _interrupts_held() as interrupted:
        if hasattr(trt, "IProgressMonitor"):
            monitor = _monitor(trt, progress, interrupted)  # held here: TensorRT keeps only a pointer
            config.progress_monitor = monitor
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        reason = logger.first() or "no reason given"
        raise EdgeError(
            f"{trt.__name__} cannot build an engine of {bundle.path} for {target} ({reason}): "
            "make the bundle again with edge-calibrate, or choose --engine openvino"
        )
    return bytes(plan)


def collecting_logger(trt: Any) -> Any:
    """A TensorRT logger that keeps the errors for our own message instead of printing them."""

    class Collecting(trt.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                self.errors.append(" ".join(message.split()))

        def first(self) -> str:
            """The first error since the start: those after it are mostly its echo."""
            return self.errors[0][:300] if self.errors else ""

    return Collecting()


def _parse(trt: Any, network: Any, logger: Any, bundle: Bundle) -> None:
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(bundle.onnx):
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        told = [_node(error) for error in errors[:_MOST_NODES]]
        if len(errors) > _MOST_NODES:
            told.append(f"and {len(errors) - _MOST_NODES} more")
        raise EdgeError(
            f"{trt.__name__} cannot take the network in {bundle.path} ({'; '.join(told) or logger.first()}): "
            "make the bundle again with edge-calibrate"
        )
    inputs = [tuple(network.get_input(index).shape) for index in range(network.num_inputs)]
    outputs = [tuple(network.get_output(index).shape) for index in range(network.num_outputs)]
    check_network(bundle, inputs, outputs)


def _node(error: Any) -> str:
    said = " ".join(error.desc().splitlines()[:2])[:160]
    return f"node {error.node_name()} of type {error.node_operator()}: {said}" if error.node_name() else said


def _aim(trt: Any, config: Any, target: str) -> None:
    """Build for a GPU family that need not be in this machine."""
    if not hasattr(trt, "ComputeCapability"):
        raise EdgeError(
            f"{trt.__name__} builds only for the GPU of its own machine: leave --target out, or use tensorrt_rtx"
        )
    if target not in TARGETS:
        raise EdgeError(f"{target} is not a GPU family that can be built for: choose {', '.join(TARGETS)} or current")
    family = getattr(trt.ComputeCapability, target.upper(), None)
    config.num_compute_capabilities = 1
    if family is None or not config.set_compute_capability(family, 0):
        raise EdgeError(f"{trt.__name__} {trt.__version__} cannot build for {target}: install a newer one")


def _monitor(trt: Any, progress: Progress, interrupted: threading.Event) -> Any:
    """A bar for each phase that is under way; ends the build at its next step where it was interrupted."""

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.bars: dict[str, TaskID] = {}

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            indent = "" if parent_phase is None else "  "
            self.bars[phase_name] = progress.add_task(indent + phase_name.lower(), total=num_steps)

        def step_complete(self, phase_name: str, step: int) -> bool:
            progress.update(self.bars[phase_name], completed=step + 1)
            return not interrupted.is_set()

        def phase_finish(self, phase_name: str) -> None:
            progress.remove_task(self.bars.pop(phase_name))

    return Monitor()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[threading.Event]:
    """Note a Ctrl-C now and deliver it afterwards: TensorRT swallows an exception raised in what it calls back."""
    noted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only there are signals handled
        yield noted
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.set())
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
    if noted.is_set():
        signal.raise_signal(signal.SIGINT)
