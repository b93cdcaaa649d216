"""A built engine on an NVIDIA GPU: what TensorRT (Jetson) and TensorRT-RTX (desktop) share at run time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle
from edge.engines.cache import Built, Key, open_cached
from edge.engines.checks import check_network, check_tensor
from edge.engines.explain import EngineLayer, from_inspector
from edge.engines.tensorrt.builder import Ways, build_engine, sides
from edge.engines.tensorrt.cuda import Gpu
from edge.engines.tensorrt.cuda_graph import CudaGraph, record
from edge.engines.tensorrt.log import Log, logger_of
from edge.engines.verify import Facts, verify
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
        self._open = True
        try:
            with gpu.current():
                self._load(trt, plan, bundle, dla)
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
        self._execution.set_tensor_address(self._names[0], int(addresses[0]))
        self._execution.set_tensor_address(self._names[1], int(addresses[1]))

    def _enqueue(self, between: Callable[[], None] = lambda: None) -> bool:
        """Enqueue one step: copy in, run, copy out; ``between`` is called before, between and after them."""
        cuda = self._gpu.cuda
        between()
        if self._copies is not None:
            cuda.memcpy_htod_async(self._copies[0], self._input, self._stream)
        between()
        started = self._execution.execute_async_v3(self._stream.handle)
        between()
        if self._copies is not None:
            cuda.memcpy_dtoh_async(self._output, self._copies[1], self._stream)
        between()
        return bool(started)

    def _load(self, trt: Any, plan: bytes, bundle: Bundle, dla: int | None) -> None:
        self._as_json = trt.LayerInformationFormat.JSON
        self._log = Log()
        self._runtime: TRT.Runtime = trt.Runtime(logger_of(trt))
        if dla is not None:
            self._runtime.DLA_core = dla
        # None where it is refused, which the stubs do not say.
        self._engine: TRT.ICudaEngine = self._runtime.deserialize_cuda_engine(plan)
        refused = self._engine is None
        self._execution: TRT.IExecutionContext
        if not refused:
            self._execution = self._engine.create_execution_context()
            refused = self._execution is None
        if refused:
            raise EdgeError(
                f"{self.name} refuses the engine of {bundle.path} ({self._log.first() or 'no reason given'}): "
                "run edge-compile again"
            )
        names = [self._engine.get_tensor_name(index) for index in range(self._engine.num_io_tensors)]
        inputs = [each for each in names if self._engine.get_tensor_mode(each) == trt.TensorIOMode.INPUT]
        outputs = [each for each in names if each not in inputs]
        check_network(
            bundle,
            [sides(self._engine.get_tensor_shape(each)) for each in inputs],
            [sides(self._engine.get_tensor_shape(each)) for each in outputs],
        )
        if any(self._engine.get_tensor_dtype(each) != trt.DataType.FLOAT for each in names):
            raise EdgeError(f"the network in {bundle.path} does not take and give float32: make it with edge-calibrate")
        self._names = inputs[0], outputs[0]

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 RGB (1, 3, S, S) -> the manifest's maps, float32 (K, grid, grid) in [0, 1]; the caller's own copy.

        Raises:
            ValueError: another shape or type, or the engine is closed.
            EdgeError: the GPU failed.
        """
        check_tensor(tensor, self._size)
        cuda = self._gpu.cuda
        with self._gpu.current():
            if not self._open:
                raise ValueError("the engine is closed")
            try:
                np.copyto(self._input, tensor)
                started = self._enqueue() if self._graph is None else self._graph.launch(self._stream.handle)
                self._stream.synchronize()
            except cuda.Error as error:
                raise EdgeError(f"the GPU {self._gpu.name} failed ({error}): start the program again") from error
            self._check_started(started)
            return np.array(self._output)

    def _check_started(self, started: bool) -> None:
        if not started:
            raise EdgeError(f"{self.name} could not run the network ({self._log.first()}): run edge-compile again")

    def device_ms(self) -> tuple[float, float, float]:
        """Milliseconds of copy in, network and copy out of one step, by the clock of the GPU and without a CUDA graph.

        Raises:
            ValueError: the engine is closed.
            EdgeError: the GPU failed.
        """
        cuda = self._gpu.cuda
        marks: list[Any] = []

        def mark() -> None:
            marks.append(cuda.Event())
            marks[-1].record(self._stream)

        with self._gpu.current():
            if not self._open:
                raise ValueError("the engine is closed")
            try:
                started = self._enqueue(mark)
                self._stream.synchronize()
                times = [float(marks[i].time_till(marks[i + 1])) for i in range(3)]
            except cuda.Error as error:
                raise EdgeError(f"the GPU {self._gpu.name} failed ({error}): start the program again") from error
        self._check_started(started)
        return times[0], times[1], times[2]

    def describe(self) -> dict[str, str]:
        """Runtime, version, device and precision."""
        return dict(self._about)

    def layers(self) -> list[EngineLayer]:
        """What TensorRT runs, by its engine inspector."""
        with self._gpu.current():
            if not self._open:
                raise ValueError("the engine is closed")
            inspector: TRT.EngineInspector = self._engine.create_engine_inspector()
            return from_inspector(inspector.get_engine_information(self._as_json))

    def close(self) -> None:
        """Free buffers, stream and engine; may be called twice, by any thread."""
        with self._gpu.current():
            if not self._open:
                return
            self._open = False
            if self._graph is not None:
                self._graph.close()
            for copy in self._copies or ():
                copy.free()
            self._input.base.free()
            self._output.base.free()
            self._copies = None
            # In this order: an execution context must not outlive its engine, nor the engine its runtime.
            del self._stream, self._input, self._output, self._execution, self._engine, self._runtime


def open_verified(trt: Any, gpu: Gpu, bundle: Bundle, key: Key, ways: Ways) -> TensorRtEngine:
    """The engine of ``key``, loaded and compared with its network, for both TensorRTs."""

    def build() -> bytes:
        with gpu.current():
            return build_engine(trt, bundle, ways)

    def load(plan: bytes) -> TensorRtEngine:
        return TensorRtEngine(trt, gpu, plan, bundle, ways.dla)

    def check(engine: TensorRtEngine, built: Built) -> None:
        try:
            engine.verified = verify(engine, bundle, built)
        except EdgeError:
            engine.close()
            raise

    engine, built = open_cached(key, build, load, check)
    engine.built = built
    return engine
