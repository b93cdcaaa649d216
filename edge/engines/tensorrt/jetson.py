"""The engine on a Jetson: TensorRT."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from edge.bundle.bundle import Bundle
from edge.engines.cache import CURRENT, Key, cache_folder, engine_key
from edge.engines.checks import UnavailableError, loading
from edge.engines.tensorrt.builder import Ways
from edge.engines.tensorrt.cuda import Gpu, open_gpu
from edge.engines.tensorrt.opened import open_verified
from edge.engines.tensorrt.runtime import TensorRtEngine


def open_tensorrt(bundle: Bundle, dla: int | None = None) -> TensorRtEngine:
    """The engine of a bundle on this machine's GPU, from the cache or built now.

    Args:
        bundle: the model.
        dla: number of a deep-learning accelerator, for what it can run; None for the GPU alone.

    Raises:
        UnavailableError: TensorRT, pycuda, the driver or a GPU is missing.
        EdgeError: TensorRT cannot take the network, or there is no such accelerator.
    """
    trt, gpu = _import_tensorrt(), open_gpu()
    ways = Ways(dla=dla, timing=_timings(trt, gpu))
    return open_verified(trt, gpu, bundle, _key(trt, gpu, bundle, ways), ways)


def tensorrt_key(bundle: Bundle, dla: int | None = None) -> Key:
    """The key of a bundle's engine on this machine; raises UnavailableError as ``open_tensorrt``."""
    return _key(_import_tensorrt(), open_gpu(), bundle, Ways(dla=dla))


def _import_tensorrt() -> Any:
    remedy = "a Jetson has it from JetPack, so let the virtual environment see it (--system-site-packages)"
    with loading("TensorRT", remedy):
        import tensorrt
    if not hasattr(tensorrt, "Builder"):  # an uninstalled wheel leaves an empty folder of that name behind
        raise UnavailableError("TensorRT is not completely installed (only its folder is left): install it again")
    return tensorrt


def _key(trt: Any, gpu: Gpu, bundle: Bundle, ways: Ways) -> Key:
    return engine_key(
        bundle, trt.__name__, trt.__version__, ways.options(), CURRENT, gpu.name, gpu.capability, gpu.driver
    )


def _timings(trt: Any, gpu: Gpu) -> Path:
    """The file of the builder's timings: they are valid for one version on one type of GPU."""
    kind = re.sub(r"[^\w.]+", "-", f"{trt.__name__}-{trt.__version__}-{gpu.name}-{gpu.driver}")
    return cache_folder() / f"{kind}.timings"
