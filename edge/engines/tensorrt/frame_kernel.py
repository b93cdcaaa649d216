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
    """What the kernels are told of a frame as ``put_frame`` puts it.

    Args:
        frame: where its pixels lie now; only its form counts.
        crop: x, y and side of the square, in pixels; it may reach beyond the frame, where it is black.
        numbers: what the tensor is made of: float32.
    """
    job = FrameJob(FORMATS.index(frame.pixels), frame.bt709, frame.full_range, frame.width, frame.height)
    begin = 0
    for number, (first, rows) in enumerate(_seen(frame, crop)):
        stride = rows.shape[1]
        job.plane[number], job.stride[number] = begin - first * stride, stride
        begin += rows.size
    job.x, job.y, job.crop = crop
    job.side = numbers.side
    job.room = min(crop[2] // numbers.side + 3, max(frame.width, frame.height))
    # As the library rounds them.
    mean, std = (np.asarray(each, np.float32) for each in (numbers.mean, numbers.std))
    job.factor[:], job.offset[:] = (np.float32(1) / (np.float32(255) * std)).tolist(), (-mean / std).tolist()
    job.nudge = 1e-3 if crop[2] == 2 * numbers.side else 0.0
    return job


def put_frame(frame: Planes, crop: Crop, into: NDArray[np.uint8]) -> None:
    """Copy what a crop sees of a frame into memory, uint8 of at least ``frame_bytes``: rows without gaps."""
    begin = 0
    for _, rows in _seen(frame, crop):
        into[begin : begin + rows.size].reshape(rows.shape)[...] = rows
        begin += rows.size


def frame_bytes(frame: Planes, crop: Crop) -> int:
    """Bytes that ``put_frame`` puts down."""
    return sum(rows.size for _, rows in _seen(frame, crop))


def _seen(frame: Planes, crop: Crop) -> list[tuple[int, NDArray[np.uint8]]]:
    """The rows of each plane that a crop sees, and the number of the first of them."""
    low = max(0, min(crop[1], frame.height))
    high = max(low, min(crop[1] + crop[2], frame.height))
    ends = (low, high), (low // 2, (high + 1) // 2)
    return [(first, rows[first:last]) for rows, (first, last) in zip(frame.rows, ends, strict=False)]


def table_bytes(job: FrameJob) -> tuple[int, int]:
    """Bytes that the tables of a job take: where pixels begin and end, and their shares."""
    return 2 * job.side * _REACH, 2 * job.side * job.room * 4


class FrameKernel:
    """The kernels, loaded, and their memory; the GPU's context must be current for every use.

    Attributes:
        picture: what the network read of the last frame, uint8 BGR (side, side, 3); the next launch writes over it.
        recording: of a whole step with them, where there is one.
        recordable: whether to try for one.
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
        self._module = self._cuda.module_from_buffer(code)
        names = "efiqa_tabulate", "efiqa_frame_pixels"
        self._tabulate, self._pixels = (self._module.get_function(name) for name in names)
        self._sizes: dict[str, int] = {}
        self._memory: dict[str, Any] = {}  # what is freed under each name
        self._at: dict[str, Any] = {}  # where that is for the GPU
        self._shown: dict[str, NDArray[np.uint8]] = {}  # what the CPU sees too
        self._side = side
        self.recording: CudaGraph | None = None
        self.recordable = True
        self._share("job", ctypes.sizeof(FrameJob))
        self._share("picture", side * side * 3)
        self.picture = self._shown["picture"].reshape(side, side, 3)

    def take(self, frame: Planes, crop: Crop, numbers: Numbers) -> None:
        """Take a frame for the next launch; where memory has to move for it, the recording is stale and forgotten."""
        job = job_of(frame, crop, numbers)
        reaches, shares = table_bytes(job)
        wanted = {"frame": frame_bytes(frame, crop), "reaches": reaches, "shares": shares}
        for name, size in wanted.items():
            if size > self._sizes.get(name, 0):
                self._forget()
                # The tables are the GPU's alone, which caches only what is its own.
                self._share(name, size) if name == "frame" else self._keep(name, size)
        put_frame(frame, crop, self._shown["frame"])
        self._shown["job"][:] = np.frombuffer(bytes(job), np.uint8)

    def launch(self, tensor: int, stream: Any) -> None:
        """Start both kernels on a stream; ``tensor`` is where on the GPU the engine's input lies."""
        job, frame, reaches, shares, picture = (
            self._at[name] for name in ("job", "frame", "reaches", "shares", "picture")
        )
        lines, blocks = -(-2 * self._side // _LINE), -(-self._side // _BLOCK)
        self._tabulate(job, reaches, shares, block=(_LINE, 1, 1), grid=(lines, 1), stream=stream)
        self._pixels(
            job, frame, reaches, shares, np.uintp(tensor), picture,
            block=(_BLOCK, _BLOCK, 1), grid=(blocks, blocks), stream=stream,
        )  # fmt: skip

    def close(self) -> None:
        """Free memory, recording and kernels; may be called twice."""
        self._forget()
        for name in list(self._memory):
            self._free(name)
        self.picture = np.empty((0, 0, 3), np.uint8)
        self._tabulate = self._pixels = self._module = None  # while the context is current: pycuda unloads only then

    def _forget(self) -> None:
        if self.recording is not None:
            self.recording.close()
        self.recording = None

    def _share(self, name: str, size: int) -> None:
        """Memory of CPU and GPU under a name, in place of what had it."""
        self._free(name)
        flags = self._cuda.host_alloc_flags.DEVICEMAP
        self._shown[name] = made = self._cuda.pagelocked_empty(size, np.uint8, mem_flags=flags)
        self._sizes[name], self._memory[name] = size, made.base
        self._at[name] = np.uintp(made.base.get_device_pointer())

    def _keep(self, name: str, size: int) -> None:
        """Memory of the GPU alone."""
        self._free(name)
        self._sizes[name], self._memory[name] = size, (made := self._cuda.mem_alloc(size))
        self._at[name] = np.uintp(int(made))

    def _free(self, name: str) -> None:
        self._shown.pop(name, None)
        self._sizes.pop(name, None)
        if (memory := self._memory.pop(name, None)) is not None:
            memory.free()
