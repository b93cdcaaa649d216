"""From a name to an engine that works on this machine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

from edge.bundle import Bundle
from edge.engines.cache import Built
from edge.engines.checks import UnavailableError
from edge.engines.openvino import OpenVinoEngine, compile_openvino
from edge.engines.protocol import Engine
from edge.engines.tensorrt import compile_tensorrt, open_tensorrt
from edge.engines.tensorrt_rtx import compile_tensorrt_rtx, open_tensorrt_rtx
from edge.errors import EdgeError

ENGINES = ("tensorrt", "tensorrt_rtx", "openvino")  # in the order that auto tries them
log = logging.getLogger("efiqa-edge")
Made = TypeVar("Made")


def open_engine(bundle: Bundle, name: str = "auto", threads: int | None = None) -> Engine:
    """Open a bundle on an engine.

    Args:
        bundle: the model.
        name: one of ``ENGINES``, or ``auto`` for the first of them that works here.
        threads: for one inference on a CPU; None for all cores.

    Raises:
        EdgeError: the name is none of these, or the engine does not work here; for ``auto``, why none does.

    Example:
        >>> open_engine(read_bundle(default_model()), "openvino", threads=2).name  # doctest: +SKIP
        'openvino'
    """
    openers: dict[str, Callable[[], Engine]] = {
        "tensorrt": lambda: open_tensorrt(bundle),
        "tensorrt_rtx": lambda: open_tensorrt_rtx(bundle),
        "openvino": lambda: OpenVinoEngine(bundle, threads),
    }
    return _first(name, openers)


def compile_bundle(bundle: Bundle, name: str = "auto", target: str = "current") -> Built:
    """Build the engine of a bundle into the cache.

    Args:
        bundle: the model.
        name: one of ``ENGINES``, or ``auto`` for the first of them that works here.
        target: ``current``, or a GPU family of ``builder.TARGETS``, for which only TensorRT-RTX builds.

    Raises:
        EdgeError: as ``open_engine``.
    """
    if target != "current":
        if name not in ("auto", "tensorrt_rtx"):
            raise EdgeError(
                f"only tensorrt_rtx builds ahead of time for {target}, not {name}: choose --engine tensorrt_rtx"
            )
        return compile_tensorrt_rtx(bundle, target)
    compilers: dict[str, Callable[[], Built]] = {
        "tensorrt": lambda: compile_tensorrt(bundle),
        "tensorrt_rtx": lambda: compile_tensorrt_rtx(bundle),
        "openvino": lambda: compile_openvino(bundle),
    }
    return _first(name, compilers)


def _first(name: str, ways: dict[str, Callable[[], Made]]) -> Made:
    """The named way, or for ``auto`` the first that works.

    An engine that is not on this machine is passed over in silence; one that is there and fails is worth a warning,
    because the next one is much slower.
    """
    if name in ways:
        return ways[name]()
    if name != "auto":
        raise EdgeError(f"there is no engine '{name}': choose auto, {', '.join(ENGINES)}")
    reasons = []
    for each in ENGINES:
        try:
            return ways[each]()
        except UnavailableError as error:
            reasons.append(f"{each}: {error}")
        except EdgeError as error:
            if each == ENGINES[-1]:
                raise
            reasons.append(f"{each}: {error}")
            log.warning("warning: %s fails and the next engine is tried: %s", each, error)
    raise EdgeError("no engine works on this machine. " + ". ".join(reasons))
