"""The frame step on the GPU: from the bytes of a frame to the tensor in the engine's own input.

The kernels are those of ``edge/native/cuda``, compiled for an Orin and every later GPU. Frame, tables and picture lie
in pinned memory that the GPU reads and writes itself, which costs nothing where CPU and GPU share their memory.
"""

from __future__ import annotations

import ctypes
from ctypes import c_float, c_int64
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.abi.frames import Numbers, Planes
from edge.engines.tensorrt.cuda import Gpu
from edge.engines.tensorrt.cuda_graph import CudaGraph

FORMATS = ("bgr", "rgb", "grey", "yuyv", "nv12")
_BLOCK, _LINE = 16, 128  # threads along a side of a block of pixels, and in one of rows and columns
_REACH = 2 * 8  # bytes of where the pixels of an output row or column begin and end
Crop = tuple[int, int, int]


class FrameJob(ctypes.Structure):
    """``FrameJob`` of ``edge/native/kernels/frame_pixel.h``."""

    _fields_ = (
        ("format", c_int64),
        ("bt709", c_int64),
        ("full_range", c_int64),
        ("width", c_int64),
        ("height", c_int64),
        ("plane", c_int64 * 2),
        ("stride", c_int64 * 2),
        ("x", c_int64),
        ("y", c_int64),
        ("crop", c_int64),
        ("side", c_int64),
        ("room", c_int64),
        ("factor", c_float * 3),
        ("offset", c_float * 3),
        ("nudge", c_float),
        ("spare", c_float),
    )


def job_of(frame: Planes, crop: Crop, numbers: Numbers) -> FrameJob:
    """What the kernels are told of a frame whose planes lie one after the other, rows without gaps.

    Args:
        frame: where its pixels lie now; only its form counts.
        crop: x, y and side of the square, in pixels; it may reach beyond the frame, where it is black.
        numbers: what the tensor is made of: float32.
    """
    job = FrameJob(FORMATS.index(frame.pixels), frame.bt709, frame.full_range, frame.width, frame.height)
    begin = 0
    for number, rows in enumerate(frame.rows[:2]):
        job.plane[number], job.stride[number] = begin, rows.shape[1]
        begin += rows.size
    job.x, job.y, job.crop = crop
    job.side, job.room = numbers.side, crop[2] // numbers.side + 3
    # As the library rounds them.
    mean, std = (np.asarray(each, np.float32) for each in (numbers.mean, numbers.std))
    job.factor[:], job.offset[:] = (np.float32(1) / (np.float32(255) * std)).tolist(), (-mean / std).tolist()
    job.nudge = 1e-3 if crop[2] == 2 * numbers.side else 0.0
    return job


def put_frame(frame: Planes, into: NDArray[np.uint8]) -> None:
    """Copy the planes of a frame into memory, uint8 of at least as many bytes, as ``job_of`` describes them."""
    begin = 0
    for rows in frame.rows[:2]:
        into[begin : begin + rows.size].reshape(rows.shape)[...] = rows
        begin += rows.size


def table_bytes(job: FrameJob) -> tuple[int, int]:
    """Bytes that the tables of a job take: where pixels begin and end, and their shares."""
    return 2 * job.side * _REACH, 2 * job.side * job.room * 4


class FrameKernel:
    """The kernels, loaded, and their memory; the GPU's context must be current for every use.

    Attributes:
        picture: what the network read of the last frame, uint8 BGR (side, side, 3); the next launch writes over it.
        recording: of a whole step with them, where there is one.
    """

    def __init__(self, gpu: Gpu, side: int) -> None:
        """Load the kernels.

        Args:
            gpu: where to run.
            side: of the tensor, in pixels.

        Raises:
            pycuda.driver.Error: the driver does not take them: it is older than CUDA 12.6, or the GPU than an Orin.
        """
        self._cuda = gpu.cuda
        code = files("edge.engines.tensorrt").joinpath("frame_step.ptx").read_bytes()
        module = self._cuda.module_from_buffer(code)
        self._tabulate, self._pixels = (module.get_function(name) for name in ("efiqa_tabulate", "efiqa_frame_pixels"))
        self._module = module  # functions die with it
        self._buffers: dict[str, NDArray[np.uint8]] = {}
        self.picture = self._shared("picture", side * side * 3).reshape(side, side, 3)
        self._shared("job", ctypes.sizeof(FrameJob))
        self._side = side
        self.recording: CudaGraph | None = None

    def take(self, frame: Planes, crop: Crop, numbers: Numbers) -> None:
        """Take a frame for the next launch; where memory has to move for it, the recording is stale and forgotten."""
        job = job_of(frame, crop, numbers)
        reaches, shares = table_bytes(job)
        wanted = {"frame": sum(rows.size for rows in frame.rows[:2]), "reaches": reaches, "shares": shares}
        moved = [name for name, size in wanted.items() if size > len(self._buffers.get(name, b""))]
        if moved:
            self._forget()
        for name in moved:
            self._shared(name, wanted[name])
        put_frame(frame, self._buffers["frame"])
        self._buffers["job"][:] = np.frombuffer(bytes(job), np.uint8)

    def launch(self, tensor: int, stream: Any) -> None:
        """Start both kernels on a stream; ``tensor`` is where on the GPU the engine's input lies."""
        job, frame, reaches, shares, picture = (
            np.uintp(self._buffers[name].base.get_device_pointer())  # type: ignore[union-attr]
            for name in ("job", "frame", "reaches", "shares", "picture")
        )
        lines, blocks = -(-2 * self._side // _LINE), -(-self._side // _BLOCK)
        self._tabulate(job, reaches, shares, block=(_LINE, 1, 1), grid=(lines, 1), stream=stream)
        self._pixels(
            job, frame, reaches, shares, np.uintp(tensor), picture,
            block=(_BLOCK, _BLOCK, 1), grid=(blocks, blocks), stream=stream,
        )  # fmt: skip

    def close(self) -> None:
        """Free memory and recording; may be called twice."""
        self._forget()
        for name in list(self._buffers):
            self._free(name)

    def _forget(self) -> None:
        if self.recording is not None:
            self.recording.close()
        self.recording = None

    def _shared(self, name: str, size: int) -> NDArray[np.uint8]:
        """Memory of CPU and GPU under a name, in place of what had it."""
        self._free(name)
        flags = self._cuda.host_alloc_flags.DEVICEMAP
        self._buffers[name] = made = self._cuda.pagelocked_empty(size, np.uint8, mem_flags=flags)
        return np.asarray(made)

    def _free(self, name: str) -> None:
        if (buffer := self._buffers.pop(name, None)) is not None:
            buffer.base.free()  # type: ignore[union-attr]
