"""From a name to an engine that works on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

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
Made = TypeVar("Made")


@dataclass(frozen=True)
class Compiled:
    """An engine that lies ready.

    Attributes:
        built: the engine.
        verified: how it was held against its network; None for one built ahead of time, which is verified where it is
            first loaded.
        passed_over: engines that ``auto`` would have preferred, and why each was not taken.
        explanation: what it is made of, where that was asked for.
    """

    built: Built
    verified: Facts | None
    passed_over: dict[str, str]
    explanation: Explanation | None = None


@dataclass(frozen=True)
class EnginePlan:
    """What would be done for one engine.

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
    return _first(_with_dla(name, dla), _openers(bundle, threads, dla))[0]


def compile_bundle(
    bundle: Bundle, name: str = "auto", target: str = CURRENT, dla: int | None = None, explain: bool = False
) -> Compiled:
    """Build the engine of a bundle into the cache and verify it.

    Args:
        bundle: the model.
        name: one of ``ENGINES``, or ``auto`` for the first of them that works here.
        target: ``current``, or a GPU family of ``builder.TARGETS``, for which only TensorRT-RTX builds.
        dla: as for ``open_engine``.
        explain: say what the engine is made of; one that cannot be loaded here is built anew for that.

    Raises:
        EdgeError: as ``open_engine``.
    """
    if target != CURRENT:
        _only_rtx(_with_dla(name, dla), target)
        said: list[str] | None = [] if explain else None
        built = compile_tensorrt_rtx(bundle, target, said)
        return Compiled(built, None, {}, explain_onnx(bundle, said) if said is not None else None)
    engine, passed_over = _first(_with_dla(name, dla), _openers(bundle, None, dla))
    try:
        explanation = None
        if explain:
            source = "OpenVINO's own graph" if engine.name == "openvino" else "the engine inspector"
            explanation = explain_layers(source, engine.layers(), bundle)
        return Compiled(engine.built, engine.verified, passed_over, explanation)
    finally:
        engine.close()


def plan_bundle(bundle: Bundle, name: str = "auto", target: str = CURRENT, dla: int | None = None) -> list[EnginePlan]:
    """What ``compile_bundle`` would do, and nothing of it done: one plan for each engine that it would try.

    The first without a reason is the one that would be built.
    """
    name = _with_dla(name, dla)
    if target != CURRENT:
        _only_rtx(name, target)
        name = "tensorrt_rtx"
    keys: dict[str, Callable[[], Key]] = {
        "tensorrt": lambda: tensorrt_key(bundle, dla),
        "tensorrt_rtx": lambda: tensorrt_rtx_key(bundle, target),
        "openvino": lambda: openvino_key(bundle),
    }
    if name not in (*keys, "auto"):
        raise _no_such(name)
    plans = []
    for each in ENGINES if name == "auto" else (name,):
        try:
            key = keys[each]()
        except EdgeError as error:
            plans.append(EnginePlan(each, None, False, str(error)))
        else:
            plans.append(EnginePlan(each, key, find(key) is not None))
    return plans


def _with_dla(name: str, dla: int | None) -> str:
    """The engine, where an accelerator is asked for."""
    if dla is not None and name not in ("auto", "tensorrt"):
        raise EdgeError(f"only tensorrt runs on a DLA, not {name}: choose --engine tensorrt, or leave --dla out")
    return name if dla is None else "tensorrt"


def _openers(bundle: Bundle, threads: int | None, dla: int | None) -> dict[str, Callable[[], Engine]]:
    return {
        "tensorrt": lambda: open_tensorrt(bundle, dla),
        "tensorrt_rtx": lambda: open_tensorrt_rtx(bundle),
        "openvino": lambda: OpenVinoEngine(bundle, threads),
    }


def _only_rtx(name: str, target: str) -> None:
    if name not in ("auto", "tensorrt_rtx"):
        raise EdgeError(
            f"only tensorrt_rtx builds ahead of time for {target}, not {name}: choose --engine tensorrt_rtx"
        )


def _no_such(name: str) -> EdgeError:
    return EdgeError(f"there is no engine '{name}': choose auto, {', '.join(ENGINES)}")


def _first(name: str, ways: dict[str, Callable[[], Made]]) -> tuple[Made, dict[str, str]]:
    """The named way, or for ``auto`` the first that works; and why those before it do not.

    An engine that is not on this machine is passed over in silence; one that is there and fails is worth a warning,
    because the next one is much slower.
    """
    if name in ways:
        return ways[name](), {}
    if name != "auto":
        raise _no_such(name)
    reasons: dict[str, str] = {}
    for each in ENGINES:
        try:
            return ways[each](), reasons
        except UnavailableError as error:
            reasons[each] = str(error)
        except EdgeError as error:
            if each == ENGINES[-1]:
                raise
            reasons[each] = str(error)
            log.warning("%s fails and the next engine is tried: %s", each, error)
    said = ". ".join(f"{each}: {reason}" for each, reason in reasons.items())
    raise EdgeError(f"no engine works on this machine. {said}")
