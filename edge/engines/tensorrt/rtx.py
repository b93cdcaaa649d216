"""The engine on a desktop RTX: TensorRT for RTX, which also builds ahead of time without any GPU."""

from __future__ import annotations

from typing import Any

from edge.bundle.bundle import Bundle
from edge.engines.cache import CURRENT, Built, Key, engine_key, fetch
from edge.engines.checks import UnavailableError, loading
from edge.engines.tensorrt.builder import OPTIONS, TARGETS, Ways, build_engine
from edge.engines.tensorrt.cuda import Gpu, open_gpu
from edge.engines.tensorrt.opened import open_verified
from edge.engines.tensorrt.runtime import TensorRtEngine


def open_tensorrt_rtx(bundle: Bundle) -> TensorRtEngine:
    """The engine of a bundle on this machine's GPU, from the cache or built now.

    Raises:
        UnavailableError: TensorRT-RTX, pycuda, the driver or a GPU is missing.
        EdgeError: TensorRT-RTX cannot take the network.
    """
    gpu, trt = open_gpu(), _import_tensorrt_rtx()  # the GPU first: TensorRT-RTX takes a second to import
    target = _family(gpu)
    return open_verified(trt, gpu, bundle, _key(trt, bundle, target), Ways(target))


def compile_tensorrt_rtx(bundle: Bundle, target: str, lines: list[str] | None = None) -> Built:
    """Build a bundle ahead of time into the cache; it is verified where it is first loaded.

    Args:
        bundle: the model.
        target: a GPU family of ``builder.TARGETS``, which need not be in this machine.
        lines: receives the builder's log, line by line; the engine is then built even where the cache has it.

    Raises:
        UnavailableError: TensorRT-RTX is missing.
        EdgeError: TensorRT-RTX cannot take the network.
    """
    trt = _import_tensorrt_rtx()
    return fetch(
        _key(trt, bundle, target), lambda: build_engine(trt, bundle, Ways(target), lines), fresh=lines is not None
    )


def tensorrt_rtx_key(bundle: Bundle, target: str = CURRENT) -> Key:
    """The key of a bundle's engine.

    Raises:
        UnavailableError: TensorRT-RTX is missing, or for ``current`` the GPU.
    """
    family = _family(open_gpu()) if target == CURRENT else target
    return _key(_import_tensorrt_rtx(), bundle, family)


def _family(gpu: Gpu) -> str:
    """The target of a GPU, so that it can use engines built here or ahead of time elsewhere."""
    family = "sm" + gpu.capability.replace(".", "")
    if family not in TARGETS:
        raise UnavailableError(f"TensorRT-RTX does not run on the {gpu.name} ({family}): use tensorrt or openvino")
    return family


def _key(trt: Any, bundle: Bundle, target: str) -> Key:
    """Without device and driver: the last step is compiled when the engine is loaded, for any GPU of the family."""
    major, minor = target[2:-1], target[-1]
    return engine_key(bundle, trt.__name__, trt.__version__, OPTIONS, target, capability=f"{major}.{minor}")


def _import_tensorrt_rtx() -> Any:
    with loading("TensorRT-RTX", 'pip install "efiqa-edge[rtx]"'):
        import tensorrt_rtx
    return tensorrt_rtx
