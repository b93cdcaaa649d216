"""A built engine on an NVIDIA GPU: what TensorRT (Jetson) and TensorRT-RTX (desktop) share at run time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.abi.frames import Numbers, Planes
from edge.bundle.bundle import Bundle
from edge.engines.cache import Built
from edge.engines.checks import check_tensor
from edge.engines.explain import EngineLayer, from_inspector
from edge.engines.tensorrt.cuda import Gpu
from edge.engines.tensorrt.cuda_graph import CudaGraph, record
from edge.engines.tensorrt.frame_kernel import Crop, FrameKernel
from edge.engines.tensorrt.plan import load_plan
from edge.engines.verify import Facts
from edge.errors import EdgeError

if TYPE_CHECKING:
    import tensorrt as TRT


class TensorRtEngine:
    """A student on an NVIDIA GPU; ``infer`` may be called by many threads, and runs one call at a time.

    Attributes:
        built: the engine as it lies in the cache.
        verified: how it was compared with its network, see ``edge.engines.verify``.
    """

    built: Built

    def __init__(self, trt: Any, gpu: Gpu, plan: bytes, bundle: Bundle, dla: int | None = None) -> None:
        """Load an engine onto the GPU.

        Args:
            trt: the module ``tensorrt`` or ``tensorrt_rtx``.
            gpu: where to run.
            plan: the serialised engine.
            bundle: what the engine was built from.
            dla: the accelerator that it was built for; None where that is the GPU.

        Raises:
            EdgeError: the runtime refuses the engine, its shapes are not those of the manifest, or the GPU fails.
        """
        self.name = str(trt.__name__)
        self.verified: Facts = {}
        self._gpu = gpu
        manifest = bundle.manifest
        self._size, self._shape = manifest.input_size, (len(manifest.maps), manifest.grid, manifest.grid)
        self._about = {
            "runtime": self.name,
            "version": str(trt.__version__),
            "device": f"{gpu.name} (compute capability {gpu.capability})",
            "driver": gpu.driver,
            "precision": manifest.precision,
        }
        self._graph: CudaGraph | None = None
        self._frames: FrameKernel | None = None
        self._open = True
        try:
            with gpu.current():
                self._plan = load_plan(trt, plan, bundle, dla)
                self._execution: TRT.IExecutionContext = self._plan.execution
                self._log = self._plan.log
                self._allocate()
                # Once call by call, which also lets TensorRT prepare itself; then recorded. A step on a DLA cannot be.
                if self._enqueue() and dla is None:
                    self._stream.synchronize()
                    self._graph = record(self._stream.handle, self._enqueue)
                self._stream.synchronize()
        except gpu.cuda.Error as error:
            raise EdgeError(f"the GPU {gpu.name} cannot take the engine ({error}): free its memory") from error
        self._about["memory"] = "shared with the CPU" if gpu.integrated else "copied from pinned buffers"
        self._about["cuda graph"] = "no" if self._graph is None else "yes"

    def _allocate(self) -> None:
        """Buffers that the CPU writes and reads; where the GPU has its own memory, also buffers there."""
        cuda = self._gpu.cuda
        self._stream = cuda.Stream()
        # Pinned memory: only from there does a copy to the GPU run beside other work. On a Jetson it is mapped, and
        # the network reads and writes it itself.
        flags = cuda.host_alloc_flags.DEVICEMAP if self._gpu.integrated else 0
        self._input = cuda.pagelocked_empty((1, 3, self._size, self._size), np.float32, mem_flags=flags)
        self._output = cuda.pagelocked_empty(self._shape, np.float32, mem_flags=flags)
        self._input[:] = 0
        self._copies: tuple[Any, Any] | None = None
        if self._gpu.integrated:
            addresses = self._input.base.get_device_pointer(), self._output.base.get_device_pointer()
        else:
            self._copies = addresses = cuda.mem_alloc(self._input.nbytes), cuda.mem_alloc(self._output.nbytes)
        self._addresses = int(addresses[0]), int(addresses[1])
        self._execution.set_tensor_address(self._plan.names[0], self._addresses[0])
        self._execution.set_tensor_address(self._plan.names[1], self._addresses[1])

    def _enqueue(self, between: Callable[[], None] = lambda: None, frames: FrameKernel | None = None) -> bool:
        """Enqueue one step: copy in, run, copy out; ``between`` is called before, between and after them.

        With ``frames`` the input is made of the frame that these have, and not copied.
        """
        cuda = self._gpu.cuda
        between()
        if frames is not None:
            frames.launch(self._addresses[0], self._stream)
        elif self._copies is not None:
            cuda.memcpy_htod_async(self._copies[0], self._input, self._stream)
        between()
        started = self._execution.execute_async_v3(self._stream.handle)
        between()
        if self._copies is not None:
            cuda.memcpy_dtoh_async(self._output, self._copies[1], self._stream)
        between()
        return bool(started)

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 RGB (1, 3, S, S) -> the manifest's maps, float32 (K, grid, grid) in [0, 1]; the caller's own copy.

        Raises:
            ValueError: another shape or type, or the engine is closed.
            EdgeError: the GPU failed.
        """
        check_tensor(tensor, self._size)
        with self._running():
            np.copyto(self._input, tensor)
            started = self._enqueue() if self._graph is None else self._graph.launch(self._stream.handle)
            self._stream.synchronize()
            self._check_started(started)
            return np.array(self._output)

    def infer_frame(self, frame: Planes, crop: Crop, numbers: Numbers) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """The maps of a frame, whose frame step the GPU does too; only where ``takes_frames``.

        Args:
            frame: where its pixels lie.
            crop: x, y and side of the square, in pixels.
            numbers: of the tensor: float32, with the mean and deviation of the manifest.

        Returns:
            Maps as ``infer`` gives them, and what the network read, uint8 BGR (S, S, 3); the caller's own copies.

        Raises:
            ValueError: the engine is closed, or takes no frames.
            EdgeError: the GPU failed.
        """
        with self._running():
            frames = self._frames
            if frames is None:
                raise ValueError("the engine takes no frames")
            frames.take(frame, crop, numbers)
            graph = frames.recording
            started = self._enqueue(frames=frames) if graph is None else graph.launch(self._stream.handle)
            self._stream.synchronize()
            self._check_started(started)
            found = np.array(self._output), np.array(frames.picture)
            if graph is None and self._graph is not None and frames.recordable:
                frames.recording = record(self._stream.handle, lambda: self._enqueue(frames=frames))
                frames.recordable = frames.recording is not None
            return found

    def tensor(self) -> NDArray[np.float32]:
        """What the network read last, where the CPU sees it: on a GPU that shares its memory."""
        with self._running():
            return np.array(self._input)

    @property
    def takes_frames(self) -> bool:
        """Whether ``infer_frame`` can be called."""
        return self._frames is not None

    def use_frames(self, use: bool) -> None:
        """Have the GPU do the frame step, or no longer.

        Raises:
            EdgeError: the driver does not take the kernels.
        """
        with self._running():
            before, self._frames = self._frames, None
            if before is not None:
                before.close()
            if use:
                self._frames = FrameKernel(self._gpu, self._size)

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """The GPU for this thread alone; its errors are sentences."""
        with self._gpu.current():
            if not self._open:
                raise ValueError("the engine is closed")
            try:
                yield
            except self._gpu.cuda.Error as error:
                raise EdgeError(f"the GPU {self._gpu.name} failed ({error}): start the program again") from error

    def _check_started(self, started: bool) -> None:
        if not started:
            raise EdgeError(f"{self.name} could not run the network ({self._log.first()}): run edge-compile again")

    def device_ms(self) -> tuple[float, float, float]:
        """Milliseconds of copy in, network and copy out of one step, by the clock of the GPU and without a CUDA graph.

        Raises:
            ValueError: the engine is closed.
            EdgeError: the GPU failed.
        """
        marks: list[Any] = []

        def mark() -> None:
            marks.append(self._gpu.cuda.Event())
            marks[-1].record(self._stream)

        with self._running():
            started = self._enqueue(mark)
            self._stream.synchronize()
            times = [float(marks[i].time_till(marks[i + 1])) for i in range(3)]
        self._check_started(started)
        return times[0], times[1], times[2]

    def describe(self) -> dict[str, str]:
        """Runtime, version, device and precision."""
        return dict(self._about)

    def layers(self) -> list[EngineLayer]:
        """What TensorRT runs, by its engine inspector."""
        with self._running():
            engine: TRT.ICudaEngine = self._plan.engine
            inspector: TRT.EngineInspector = engine.create_engine_inspector()
            return from_inspector(inspector.get_engine_information(self._plan.as_json))

    def close(self) -> None:
        """Free buffers, stream and engine; may be called twice, by any thread."""
        with self._gpu.current():
            if not self._open:
                return
            self._open = False
            recorded, frames, self._graph, self._frames = self._graph, self._frames, None, None
            for each in (recorded, frames):
                if each is not None:
                    each.close()
            for copy in self._copies or ():
                copy.free()
            self._input.base.free()
            self._output.base.free()
            self._copies = None
            del self._stream, self._input, self._output, self._execution
            self._plan.close()
