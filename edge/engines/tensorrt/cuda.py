"""The GPU of this machine, through pycuda: one context per process, current only while it is used."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edge.engines.checks import UnavailableError


@dataclass(frozen=True)
class Gpu:
    """The first GPU.

    Attributes:
        cuda: the module ``pycuda.driver``.
        name: of the device.
        capability: compute capability, such as ``8.7``.
        driver: version of CUDA that the driver speaks.
        integrated: it shares its memory with the CPU, as on a Jetson, and no copies are needed.
    """

    cuda: Any
    name: str
    capability: str
    driver: str
    integrated: bool
    _context: Any
    _lock: Any

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        """Make the GPU's context current for the calling thread, and lock it.

        A CUDA context belongs to the thread that made it current. Pushing and popping around every use lets any
        thread infer, free buffers and close; pycuda frees nothing that another thread's context owns.

        Raises:
            UnavailableError: the driver does not let the context be current.
        """
        with self._lock:
            try:
                self._context.push()
            except self.cuda.Error as error:
                raise UnavailableError(f"the GPU {self.name} cannot be used ({error}): check nvidia-smi") from error
            try:
                yield
            finally:
                self.cuda.Context.pop()


@functools.lru_cache(maxsize=1)
def open_gpu() -> Gpu:
    """The first GPU, opened once per process.

    TensorRT uses the primary context too. It is kept until the process ends: pycuda can release it only in the thread
    that retained it, and a camera's threads come and go.

    Raises:
        UnavailableError: pycuda, the driver or a GPU is missing.
    """
    try:
        import pycuda.driver as cuda
    except ModuleNotFoundError as error:
        missing = (
            "pycuda is not installed: pip install pycuda (it needs the CUDA toolkit)"
            if _has_driver()
            else "there is no NVIDIA driver here: where there is an NVIDIA GPU, install it, then pycuda"
        )
        raise UnavailableError(missing) from error
    except Exception as error:  # no libcuda.so.1, or a numpy or CUDA that pycuda was not built for
        raise UnavailableError(
            f"pycuda does not start ({error}): install the NVIDIA driver, then pycuda again"
        ) from error
    try:
        cuda.init()
        device = cuda.Device(0)
        major, minor = device.compute_capability()
        integrated = bool(device.get_attribute(cuda.device_attribute.INTEGRATED))
        context = device.retain_primary_context()
    except cuda.Error as error:
        raise UnavailableError(f"there is no usable NVIDIA GPU here ({error}): check nvidia-smi") from error
    driver, lock = str(cuda.get_driver_version()), threading.RLock()
    return Gpu(cuda, device.name(), f"{major}.{minor}", driver, integrated, context, lock)


def _has_driver() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True
