"""One builder for TensorRT (Jetson) and TensorRT-RTX (desktop): both have the same Python API."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.bundle.bundle import Bundle
from edge.engines.cache import CURRENT
from edge.engines.checks import UnavailableError, check_network
from edge.engines.keep import make_own_folder, read_own, write_own
from edge.engines.tensorrt.log import Log, logger_of
from edge.errors import EdgeError
from edge.progress import Tick, shown

if TYPE_CHECKING:
    import tensorrt as TRT

# Named in the cache key: change it when a change below changes what is built.
OPTIONS = "strongly_typed static detailed"
TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")  # GPU families that TensorRT-RTX builds ahead of time
_MOST_NODES = 4  # listed in an error


@dataclass(frozen=True)
class Ways:
    """Build options.

    Attributes:
        target: one of ``TARGETS`` for an engine built ahead of time (TensorRT-RTX only), or ``current``, which needs
            the GPU.
        dla: number of the deep-learning accelerator that runs what it can, the GPU the rest; None for the GPU.
        timing: a file for the builder's timings, so that the next build here is fast; None for none.
    """

    target: str = CURRENT
    dla: int | None = None
    timing: Path | None = None

    def options(self) -> str:
        """For the cache key."""
        return OPTIONS if self.dla is None else f"{OPTIONS} dla{self.dla}"


def build_engine(trt: Any, bundle: Bundle, ways: Ways | None = None, lines: list[str] | None = None) -> bytes:
    """Parse the network of a bundle and build its engine, with progress for each phase.

    The network is strongly typed: its Q/DQ nodes decide what runs in INT8, not the builder.

    Args:
        trt: the module ``tensorrt`` or ``tensorrt_rtx``.
        bundle: the model.
        ways: see ``Ways``.
        lines: receives the builder's log, line by line.

    Returns:
        The serialised engine.

    Raises:
        UnavailableError: the library does not start here or is too old.
        EdgeError: names the nodes that cannot be parsed, or quotes the builder's message.
    """
    ways = ways or Ways()
    log = Log(lines)
    try:
        builder: TRT.Builder = trt.Builder(logger_of(trt))
    except Exception as error:  # the bindings raise TypeError where the library gave no builder
        raise UnavailableError(
            f"{trt.__name__} does not start here ({log.first() or error}): check the GPU's driver, and with "
            "edge-doctor whether this TensorRT is that of the JetPack"
        ) from error
    config: TRT.IBuilderConfig = builder.create_builder_config()
    network = _network(trt, builder, config)
    _parse(trt, network, log, bundle)
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED  # so that edge-compile --explain can list the layers
    if ways.target != CURRENT:
        _aim(trt, config, ways.target)
    if ways.dla is not None:
        _aim_at_dla(trt, builder, config, network, ways.dla)
    if ways.timing is not None:
        _use_timings(config, ways.timing)
    with contextlib.ExitStack() as phases, _interrupts_deferred() as interrupted:
        if hasattr(trt, "IProgressMonitor"):
            monitor = _monitor(trt, phases, interrupted)  # a reference of ours: TensorRT keeps only a pointer
            config.progress_monitor = monitor
        plan = builder.build_serialized_network(network, config)
    if plan is None:
        reason = log.first() or "no reason given"
        raise EdgeError(
            f"{trt.__name__} cannot build an engine of {bundle.path} for {ways.target} ({reason}): "
            "make the bundle again with edge-calibrate, or choose --engine openvino"
        )
    if ways.timing is not None:
        _keep_timings(config, ways.timing)
    return bytes(plan)


def _network(trt: Any, builder: TRT.Builder, config: TRT.IBuilderConfig) -> TRT.INetworkDefinition:
    """An empty network that takes its precisions from the ONNX file."""
    major, minor = (int(part) for part in trt.__version__.split(".")[:2])
    flags = trt.NetworkDefinitionCreationFlag
    if hasattr(flags, "STRONGLY_TYPED"):
        return builder.create_network(1 << int(flags.STRONGLY_TYPED))
    if (major, minor) >= (11, 0):  # always strongly typed
        return builder.create_network(0)
    if (major, minor) < (8, 5):  # no execute_async_v3 and no tensors by name
        raise UnavailableError(f"{trt.__name__} {trt.__version__} is too old: install version 10 or newer")
    config.set_flag(trt.BuilderFlag.INT8)  # JetPack 5: allows what the Q/DQ nodes ask for; nothing calibrates
    return builder.create_network(1 << int(flags.EXPLICIT_BATCH))


def _aim_at_dla(
    trt: Any, builder: TRT.Builder, config: TRT.IBuilderConfig, network: TRT.INetworkDefinition, core: int
) -> None:
    """Run on the accelerator what it can, the rest on the GPU; refused where it can run nothing."""
    cores = builder.num_DLA_cores
    if core >= cores:
        there = "no DLA here" if not cores else f"only DLA 0{f' to {cores - 1}' if cores > 1 else ''} here"
        raise EdgeError(
            f"{trt.__name__} {trt.__version__} finds {there}: Orin NX and AGX Orin have them, with TensorRT up to 10.7 "
            "(JetPack 6), or on AGX Orin from JetPack 7.2.2; leave --dla out"
        )
    config.default_device_type = trt.DeviceType.DLA
    config.DLA_core = core
    config.set_flag(trt.BuilderFlag.GPU_FALLBACK)
    if not any(config.can_run_on_DLA(network.get_layer(index)) for index in range(network.num_layers)):
        raise EdgeError(
            f"{trt.__name__} {trt.__version__} can run no layer of the network on DLA {core} (many versions take "
            "neither Q/DQ nor float32 there): leave --dla out"
        )


def _use_timings(config: TRT.IBuilderConfig, path: Path) -> None:
    """Start from earlier timings; a file that TensorRT rejects is ignored."""
    try:
        before = read_own(path)
    except (OSError, EdgeError):
        before = b""
    if not config.set_timing_cache(config.create_timing_cache(before), False):
        config.set_timing_cache(config.create_timing_cache(b""), False)


def _keep_timings(config: TRT.IBuilderConfig, path: Path) -> None:
    with contextlib.suppress(OSError, EdgeError):  # then the next build only takes longer
        make_own_folder(path.parent)
        write_own(path, bytes(config.get_timing_cache().serialize()))


def _parse(trt: Any, network: TRT.INetworkDefinition, log: Log, bundle: Bundle) -> None:
    parser: TRT.OnnxParser = trt.OnnxParser(network, logger_of(trt))
    if not parser.parse(bundle.onnx):
        errors = [parser.get_error(index) for index in range(parser.num_errors)]
        faults = [_node(error) for error in errors[:_MOST_NODES]]
        if len(errors) > _MOST_NODES:
            faults.append(f"and {len(errors) - _MOST_NODES} more")
        raise EdgeError(
            f"{trt.__name__} cannot take the network in {bundle.path} ({'; '.join(faults) or log.first()}): "
            "make the bundle again with edge-calibrate"
        )
    inputs = [sides(network.get_input(index).shape) for index in range(network.num_inputs)]
    outputs = [sides(network.get_output(index).shape) for index in range(network.num_outputs)]
    check_network(bundle, inputs, outputs)


def sides(shape: TRT.Dims) -> tuple[int, ...]:
    """A TensorRT shape as a tuple, with -1 where a dimension is open."""
    return tuple(int(shape[index]) for index in range(len(shape)))


def _node(error: TRT.ParserError) -> str:
    message = " ".join(error.desc().splitlines()[:2])[:160]
    if not hasattr(error, "node_name"):  # TensorRT 8 gives only its number
        return f"node {error.node()}: {message}"
    return f"node {error.node_name()} of type {error.node_operator()}: {message}" if error.node_name() else message


def _aim(trt: Any, config: Any, target: str) -> None:
    """Build for a GPU family, also one that this machine does not have."""
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


def _monitor(trt: Any, phases: contextlib.ExitStack, interrupted: threading.Event) -> Any:
    """Report the progress of each running phase; end an interrupted build at its next step."""
    show = shown()  # TensorRT may call from a thread of its own
    running: dict[str, tuple[contextlib.ExitStack, Tick]] = {}

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            indent = "" if parent_phase is None else "  "
            phase = phases.enter_context(contextlib.ExitStack())
            running[phase_name] = phase, phase.enter_context(show(indent + phase_name.lower(), num_steps, 0))

        def step_complete(self, phase_name: str, step: int) -> bool:
            running[phase_name][1](step + 1)
            return not interrupted.is_set()

        def phase_finish(self, phase_name: str) -> None:
            running.pop(phase_name)[0].close()

    return Monitor()


@contextlib.contextmanager
def _interrupts_deferred() -> Iterator[threading.Event]:
    """Record a Ctrl-C and raise it afterwards: TensorRT swallows exceptions raised in its callbacks."""
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # only there are signals handled
        yield interrupted
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: interrupted.set())
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
    if interrupted.is_set():
        signal.raise_signal(signal.SIGINT)
