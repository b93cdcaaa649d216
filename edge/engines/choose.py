"""From a name to an engine that works on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from edge.bundle.bundle import Bundle
from edge.engines.cache import CURRENT, Built, Key, find
from edge.engines.checks import UnavailableError
from edge.engines.explain import Explanation, explain_layers, explain_onnx
from edge.engines.names import ENGINES
from edge.engines.openvino import OpenVinoEngine, openvino_key
from edge.engines.protocol import Engine
from edge.engines.tensorrt.jetson import open_tensorrt, tensorrt_key
from edge.engines.tensorrt.rtx import compile_tensorrt_rtx, open_tensorrt_rtx, tensorrt_rtx_key
from edge.engines.verify import Facts
from edge.errors import EdgeError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compiled:
    """An engine that is ready for use.

    Attributes:
        built: the engine.
        verified: how it was compared with its network; None for one built ahead of time, which is verified where it
            is first loaded.
        passed_over: engines that ``auto`` would have preferred, and why each was not taken.
        explanation: what it is made of, where that was asked for.
    """

    built: Built
    verified: Facts | None
    passed_over: dict[str, str]
    explanation: Explanation | None = None


@dataclass(frozen=True)
class EnginePlan:
    """What ``compile_bundle`` would do for one engine.

    Attributes:
        engine: its name.
        key: of the engine that would be built; None where it cannot be.
        cached: whether the cache has it already.
        reason: why it cannot be built here; empty where it can.
    """

    engine: str
    key: Key | None
    cached: bool
    reason: str = ""


def open_engine(bundle: Bundle, name: str = "auto", threads: int | None = None, dla: int | None = None) -> Engine:
    """Open a bundle on an engine.

    Args:
        bundle: the model.
        name: one of ``ENGINES``, or ``auto`` for the first of them that works here.
        threads: for one inference on a CPU; None for all cores.
        dla: number of a Jetson's deep-learning accelerator, for what it can run of the network; only TensorRT has it.

    Raises:
        EdgeError: the name is none of these, or the engine does not work here; for ``auto``, why none does.

    Example:
        >>> open_engine(read_bundle(default_model()), "openvino", threads=2).name  # doctest: +SKIP
        'openvino'
    """
    return _first(_resolved(name, CURRENT, dla), bundle, threads, dla)[0]


def compile_bundle(
    bundle: Bundle, name: str = "auto", target: str = CURRENT, dla: int | None = None, explain: bool = False
) -> Compiled:
    """Build the engine of a bundle into the cache and verify it.

    Args:
        bundle: the model.
        name: one of ``ENGINES``, or ``auto`` for the first of them that works here.
        target: ``current``, or a GPU family of ``builder.TARGETS``, for which only TensorRT-RTX builds.
        dla: as for ``open_engine``.
        explain: report what the engine consists of; one that cannot be loaded here is built again for that.

    Raises:
        EdgeError: as ``open_engine``.
    """
    name = _resolved(name, target, dla)
    if target != CURRENT:
        lines: list[str] | None = [] if explain else None
        built = compile_tensorrt_rtx(bundle, target, lines)
        return Compiled(built, None, {}, None if lines is None else explain_onnx(bundle, lines))
    engine, passed_over = _first(name, bundle, None, dla)
    try:
        explanation = None
        if explain:
            source = "OpenVINO's own graph" if engine.name == "openvino" else "the engine inspector"
            explanation = explain_layers(source, engine.layers(), bundle)
        return Compiled(engine.built, engine.verified, passed_over, explanation)
    finally:
        engine.close()


def plan_bundle(bundle: Bundle, name: str = "auto", target: str = CURRENT, dla: int | None = None) -> list[EnginePlan]:
    """What ``compile_bundle`` would do, without doing it: one plan for each engine that it would try.

    The first without a reason is the one that would be built.
    """
    name = _resolved(name, target, dla)
    keys: dict[str, Callable[[], Key]] = {
        "tensorrt": lambda: tensorrt_key(bundle, dla),
        "tensorrt_rtx": lambda: tensorrt_rtx_key(bundle, target),
        "openvino": lambda: openvino_key(bundle),
    }
    plans = []
    for each in ENGINES if name == "auto" else (name,):
        try:
            key = keys[each]()
        except EdgeError as error:
            plans.append(EnginePlan(each, None, False, str(error)))
        else:
            plans.append(EnginePlan(each, key, find(key) is not None))
    return plans


def _resolved(name: str, target: str, dla: int | None) -> str:
    """The name of an engine; for ``auto``, the only engine with an accelerator or this target, where one is given."""
    if name not in ("auto", *ENGINES):
        raise EdgeError(f"there is no engine '{name}': choose auto, {', '.join(ENGINES)}")
    if dla is not None:
        if name not in ("auto", "tensorrt"):
            raise EdgeError(f"only tensorrt runs on a DLA, not {name}: choose --engine tensorrt, or leave --dla out")
        name = "tensorrt"
    if target != CURRENT:
        if name not in ("auto", "tensorrt_rtx"):
            raise EdgeError(
                f"only tensorrt_rtx builds ahead of time for {target}, not {name}: choose --engine tensorrt_rtx"
            )
        name = "tensorrt_rtx"
    return name


def _first(name: str, bundle: Bundle, threads: int | None, dla: int | None) -> tuple[Engine, dict[str, str]]:
    """The named engine, or for ``auto`` the first that works; and why those before it do not.

    An engine that is not on this machine is skipped silently; one that is installed and fails deserves a warning,
    because the next one is much slower.
    """
    openers: dict[str, Callable[[], Engine]] = {
        "tensorrt": lambda: open_tensorrt(bundle, dla),
        "tensorrt_rtx": lambda: open_tensorrt_rtx(bundle),
        "openvino": lambda: OpenVinoEngine(bundle, threads),
    }
    if name != "auto":
        return openers[name](), {}
    reasons: dict[str, str] = {}
    for each in ENGINES:
        try:
            return openers[each](), reasons
        except UnavailableError as error:
            reasons[each] = str(error)
        except EdgeError as error:
            if each == ENGINES[-1]:
                raise
            reasons[each] = str(error)
            log.warning("%s fails and the next engine is tried: %s", each, error)
    listed = ". ".join(f"{each}: {reason}" for each, reason in reasons.items())
    raise EdgeError(f"no engine works on this machine. {listed}")
