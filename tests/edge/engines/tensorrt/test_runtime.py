"""The run time of both TensorRTs on a GPU that is made up: no GPU was at hand, and this shows what we ask of one.

The network behind it is the real one, computed by onnxruntime, so that what comes out tells whether every buffer went
where it should. What is not shown: that CUDA and TensorRT do what they are asked.
"""

from __future__ import annotations

import concurrent.futures
import ctypes
import functools
import itertools
import logging
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from calibration.golden import infer_onnx
from edge.abi.frames import Numbers, packed
from edge.bundle.bundle import Bundle
from edge.engines.openvino import OpenVinoEngine
from edge.engines.tensorrt import jetson as ours
from edge.engines.tensorrt import opened
from edge.engines.tensorrt import runtime as tensorrt_run
from edge.engines.tensorrt.builder import Ways, _aim_at_dla
from edge.engines.tensorrt.cuda import Gpu
from edge.engines.tensorrt.cuda_graph import record
from edge.engines.tensorrt.jetson import open_tensorrt
from edge.engines.tensorrt.runtime import TensorRtEngine
from edge.errors import EdgeError
from edge.model import QualityModel
from edge.phantom.golden import golden_frame

MakeBundle = Callable[..., Bundle]


class Memory:
    """Host or GPU memory, known by its address."""

    def __init__(self, owner: MadeUpGpu, size: int) -> None:
        self.owner, self.address = owner, next(owner.addresses)
        owner.memory[self.address] = np.zeros(size, np.uint8)

    def __int__(self) -> int:
        return self.address

    def get_device_pointer(self) -> int:
        return self.address

    def free(self) -> None:
        del self.owner.memory[self.address]


class Pinned(np.ndarray[Any, Any]):
    """An array whose ``base`` is what pycuda gives."""

    base: Any = None


class MadeUpGpu:
    """As much of ``pycuda.driver`` as is asked of it; memory and context are checked, streams run at once."""

    class Error(Exception):
        pass

    host_alloc_flags = SimpleNamespace(DEVICEMAP=2)

    def __init__(self) -> None:
        self.memory: dict[int, np.ndarray[Any, Any]] = {}
        self.depth = threading.local()
        self.addresses = itertools.count(1000)
        self.copies = 0
        self.kernels: ctypes.CDLL | None = None
        self.Context = self

    def push(self) -> None:
        self.depth.now = getattr(self.depth, "now", 0) + 1

    def pop(self) -> None:
        self.depth.now -= 1

    def check(self) -> None:
        if not getattr(self.depth, "now", 0):
            raise self.Error("invalid device context - no currently active context?")

    def Stream(self) -> Any:  # noqa: N802
        self.check()
        return SimpleNamespace(handle=7, synchronize=self.check)

    def Event(self) -> Any:  # noqa: N802
        self.check()
        event = SimpleNamespace(at=0.0)
        event.record = lambda stream: setattr(event, "at", time.perf_counter())
        event.time_till = lambda later: (later.at - event.at) * 1000
        return event

    def pagelocked_empty(self, shape: tuple[int, ...], dtype: Any, mem_flags: int = 0) -> Any:
        self.check()
        memory = Memory(self, int(np.prod(shape)) * np.dtype(dtype).itemsize)
        array = self.memory[memory.address].view(dtype).reshape(shape).view(Pinned)
        array.base = memory
        return array

    def module_from_buffer(self, code: bytes) -> Any:
        self.check()
        if self.kernels is None:
            raise self.Error("cuModuleLoadDataEx failed: the provided PTX was compiled with an unsupported toolchain.")
        assert b".target sm_87" in code
        return SimpleNamespace(get_function=lambda name: functools.partial(self.launch, self.kernels, name, code))

    def launch(self, kernels: Any, name: str, code: bytes, *addresses: Any, block: Any, grid: Any, stream: Any) -> None:
        self.check()
        assert f".visible .entry {name}(".encode() in code
        assert stream.handle == 7
        pointers = [ctypes.c_void_p(self.memory[int(each)].ctypes.data) for each in addresses]
        getattr(kernels, name.replace("efiqa", "on_cpu"))(grid[0], block[0], *pointers)

    def mem_alloc(self, size: int) -> Memory:
        self.check()
        return Memory(self, size)

    def memcpy_htod_async(self, to: Memory, array: Any, stream: Any) -> None:
        self.check()
        self.copies += 1
        self.memory[to.address][:] = self.memory[array.base.address]

    def memcpy_dtoh_async(self, array: Any, source: Memory, stream: Any) -> None:
        self.check()
        self.copies += 1
        self.memory[array.base.address][:] = self.memory[source.address]


class Execution:
    """Runs the network on what lies at the addresses it was given."""

    def __init__(self, gpu: MadeUpGpu, onnx: bytes) -> None:
        self.gpu, self.onnx, self.at = gpu, onnx, {}

    def set_tensor_address(self, name: str, address: int) -> None:
        self.at[name] = address

    def execute_async_v3(self, stream: int) -> bool:
        self.gpu.check()
        assert stream == 7
        tensor = self.gpu.memory[self.at["image"]].view(np.float32).reshape(1, 3, 32, 32)
        self.gpu.memory[self.at["maps"]].view(np.float32)[:] = infer_onnx(self.onnx)(tensor).ravel()
        return True


def made_up_tensorrt(gpu: MadeUpGpu, bundle: Bundle, maps: int) -> Any:
    shapes = {"image": (1, 3, 32, 32), "maps": (1, maps, 4, 4)}
    engine = SimpleNamespace(
        num_io_tensors=2,
        create_execution_context=lambda: Execution(gpu, bundle.onnx),
        get_tensor_name=list(shapes).__getitem__,
        get_tensor_mode=lambda name: "in" if name == "image" else "out",
        get_tensor_shape=shapes.__getitem__,
        get_tensor_dtype=lambda name: "float",
    )
    return SimpleNamespace(
        __name__="tensorrt",
        __version__="10.3.0",
        ILogger=type("ILogger", (), {"Severity": SimpleNamespace(ERROR=1, INTERNAL_ERROR=0, WARNING=2, INFO=3)}),
        Runtime=lambda logger: SimpleNamespace(
            deserialize_cuda_engine=lambda plan: engine if plan == b"plan" else None
        ),
        TensorIOMode=SimpleNamespace(INPUT="in"),
        DataType=SimpleNamespace(FLOAT="float"),
        LayerInformationFormat=SimpleNamespace(JSON=1),
    )


@pytest.fixture(params=[True, False], ids=["integrated", "discrete"])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Gpu:
    """Its stream is no real one: where this machine has a libcuda, that must not be asked to record on it."""
    monkeypatch.setattr(tensorrt_run, "record", lambda stream, enqueue: None)
    cuda = MadeUpGpu()
    return Gpu(cuda, "Orin", "8.7", "12060", bool(request.param), cuda, threading.RLock())


@pytest.mark.parametrize("maps", [1, 3])
def test_frames_from_eight_threads_and_everything_is_given_back(make_bundle: MakeBundle, gpu: Gpu, maps: int) -> None:
    bundle = make_bundle(maps=maps)
    engine = TensorRtEngine(made_up_tensorrt(gpu.cuda, bundle, maps), gpu, b"plan", bundle)
    truth = OpenVinoEngine(bundle)
    tensors = [np.random.default_rng(i).normal(0, 1, (1, 3, 32, 32)).astype(np.float32) for i in range(8)]
    wanted = [truth.infer(tensor) for tensor in tensors]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        found = list(pool.map(engine.infer, tensors * 5))
        for index, maps_found in enumerate(found):
            np.testing.assert_allclose(maps_found, wanted[index % 8], atol=0.005)
        assert (gpu.cuda.copies == 0) is gpu.integrated  # memory that is shared needs no copy
        pool.submit(engine.close).result()  # a thread that did not open it
    engine.close()
    assert gpu.cuda.memory == {}
    assert engine.describe()["cuda graph"] == "no"
    with pytest.raises(ValueError, match="closed"):
        engine.infer(tensors[0])


def test_the_gpu_times_the_parts_of_a_step(make_bundle: MakeBundle, gpu: Gpu) -> None:
    bundle = make_bundle()
    engine = TensorRtEngine(made_up_tensorrt(gpu.cuda, bundle, 1), gpu, b"plan", bundle)
    copy_in, network, copy_out = engine.device_ms()
    assert network > copy_in >= 0
    assert network > copy_out >= 0
    engine.close()
    with pytest.raises(ValueError, match="closed"):
        engine.device_ms()


def test_a_network_that_does_not_start_has_neither_maps_nor_times(
    make_bundle: MakeBundle, gpu: Gpu, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = make_bundle()
    engine = TensorRtEngine(made_up_tensorrt(gpu.cuda, bundle, 1), gpu, b"plan", bundle)
    monkeypatch.setattr(Execution, "execute_async_v3", lambda self, stream: False)
    with pytest.raises(EdgeError, match="tensorrt could not run the network"):
        engine.infer(np.zeros((1, 3, 32, 32), np.float32))
    with pytest.raises(EdgeError, match="tensorrt could not run the network"):
        engine.device_ms()


@pytest.mark.parametrize("dla", [None, 0])
def test_frames_replay_the_recorded_step_and_a_dla_is_not_recorded(
    make_bundle: MakeBundle, gpu: Gpu, monkeypatch: pytest.MonkeyPatch, libcuda: Any, dla: int | None
) -> None:
    monkeypatch.setattr(tensorrt_run, "record", lambda stream, enqueue: record(stream, enqueue, libcuda))
    bundle = make_bundle()
    engine = TensorRtEngine(made_up_tensorrt(gpu.cuda, bundle, 1), gpu, b"plan", bundle, dla)
    for _ in range(3):
        engine.infer(np.zeros((1, 3, 32, 32), np.float32))
    recorded = dla is None
    assert engine.describe()["cuda graph"] == ("yes" if recorded else "no")
    assert count(libcuda, "launched") == (3 if recorded else 0)
    engine.close()
    assert count(libcuda, "destroyed") == (2 if recorded else 0)


@pytest.mark.parametrize(
    ("cores", "runs", "words"),
    [
        (0, True, "finds no DLA here"),
        (1, True, "finds only DLA 0 here"),
        (2, False, "can run no layer of the network on DLA 1"),
    ],
)
def test_a_dla_that_would_do_nothing_is_refused(cores: int, runs: bool, words: str) -> None:
    """One that takes a layer is asked for the whole network."""
    trt = SimpleNamespace(
        __name__="tensorrt",
        __version__="10.3.0",
        DeviceType=SimpleNamespace(DLA="dla"),
        BuilderFlag=SimpleNamespace(GPU_FALLBACK="fallback"),
    )
    network: Any = SimpleNamespace(num_layers=3, get_layer=lambda index: index)
    config: Any = SimpleNamespace(set_flag=list, can_run_on_DLA=lambda layer: runs and layer == 2)
    builder: Any = SimpleNamespace(num_DLA_cores=cores)
    with pytest.raises(EdgeError, match=words):
        _aim_at_dla(trt, builder, config, network, 1)
    if runs:
        builder.num_DLA_cores = 2
        _aim_at_dla(trt, builder, config, network, 1)
        assert (config.default_device_type, config.DLA_core) == ("dla", 1)


def test_an_engine_is_verified_on_its_gpu_before_it_is_used(
    make_bundle: MakeBundle, gpu: Gpu, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    bundle, other = make_bundle(), make_bundle(name="other.efiqa", biases=(2.0,))
    monkeypatch.setattr(ours, "open_gpu", lambda: gpu)
    monkeypatch.setattr(opened, "build_engine", lambda trt, bundle, ways: b"plan")
    monkeypatch.setattr(ours, "_import_tensorrt", lambda: made_up_tensorrt(gpu.cuda, bundle, 1))
    engine = open_tensorrt(bundle)
    assert engine.verified["against"] == "onnx"
    assert engine.built.key["compute_capability"] == "8.7"
    engine.close()
    monkeypatch.setattr(ours, "_import_tensorrt", lambda: made_up_tensorrt(gpu.cuda, other, 1))
    for note in own_cache.glob("*.verified.json"):
        note.unlink()
    with pytest.raises(EdgeError, match="tensorrt does not compute the network"):
        open_tensorrt(bundle)
    assert gpu.cuda.memory == {}  # also what was refused is given back


@pytest.fixture
def opening(
    make_bundle: MakeBundle, gpu: Gpu, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> Callable[[], TensorRtEngine]:
    """Opens an engine as on a Jetson whose GPU is asked to do the frame step."""
    monkeypatch.setenv("EFIQA_FRAME_STEP", "gpu")
    bundle = make_bundle(maps=3)
    monkeypatch.setattr(ours, "open_gpu", lambda: gpu)
    monkeypatch.setattr(opened, "build_engine", lambda trt, bundle, ways: b"plan")
    monkeypatch.setattr(ours, "_import_tensorrt", lambda: made_up_tensorrt(gpu.cuda, bundle, 3))
    return lambda: open_tensorrt(bundle)


def test_a_gpu_that_shares_its_memory_makes_the_tensor_too(
    make_bundle: MakeBundle, gpu: Gpu, opening: Callable[[], TensorRtEngine], on_cpu: ctypes.CDLL
) -> None:
    gpu.cuda.kernels = on_cpu
    engine, bundle = opening(), make_bundle(maps=3)
    assert engine.takes_frames is gpu.integrated
    for _ in range(2):
        with QualityModel(bundle, engine) as model, QualityModel(bundle, OpenVinoEngine(bundle)) as other:
            for number, (width, height) in enumerate([(320, 240), (641, 480), (200, 150)]):
                frame = np.asarray(cv2.resize(golden_frame(number), (width, height)), np.uint8)
                found, wanted = model.assess(frame), other.assess(frame)
                assert found.verdict == wanted.verdict
                assert found.score == pytest.approx(wanted.score, abs=0.005)
                np.testing.assert_allclose(found.map, wanted.map, atol=0.005)
                np.testing.assert_array_equal(found.photometry.grain, wanted.photometry.grain)  # type: ignore[union-attr]
        assert gpu.cuda.memory == {}
        engine = opening()  # that was closed


def test_the_gpu_is_asked_for_the_frame_step_only_by_who_wants_it(
    gpu: Gpu, opening: Callable[[], TensorRtEngine], on_cpu: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu.cuda.kernels = on_cpu
    monkeypatch.delenv("EFIQA_FRAME_STEP")
    engine = opening()
    assert not engine.takes_frames
    engine.close()


def test_a_driver_that_takes_no_kernels_leaves_the_frame_step_to_the_cpu(
    gpu: Gpu, opening: Callable[[], TensorRtEngine], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    engine = opening()
    assert not engine.takes_frames
    assert ("the frame step stays with the CPU" in caplog.text) is gpu.integrated
    assert ("the provided PTX was compiled with an unsupported toolchain" in caplog.text) is gpu.integrated
    with pytest.raises(ValueError, match="takes no frames"):
        engine.infer_frame(packed(np.zeros((40, 40, 3), np.uint8)), (0, 0, 40), Numbers(32, (0, 0, 0), (1, 1, 1)))
    engine.close()
    assert gpu.cuda.memory == {}


@pytest.mark.parametrize("fault", ["no picture", "one bit of the tensor"])
def test_a_gpu_that_makes_another_tensor_is_not_asked_for_it(
    gpu: Gpu, opening: Callable[[], TensorRtEngine], on_cpu: ctypes.CDLL, caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    def pixels(*arguments: Any) -> None:
        if fault == "no picture":
            return
        on_cpu.on_cpu_frame_pixels(*arguments)
        ctypes.cast(arguments[6], ctypes.POINTER(ctypes.c_uint32))[5] ^= 1

    gpu.cuda.kernels = SimpleNamespace(on_cpu_tabulate=on_cpu.on_cpu_tabulate, on_cpu_frame_pixels=pixels)
    engine = opening()
    assert not engine.takes_frames
    assert ("makes other tensors of bgr of 644x484 and bgr of 64x64 and yuyv of 64x49" in caplog.text) is gpu.integrated
    engine.close()
    assert gpu.cuda.memory == {}


def test_frames_are_recorded_anew_only_where_their_memory_moves(
    gpu: Gpu,
    opening: Callable[[], TensorRtEngine],
    on_cpu: ctypes.CDLL,
    libcuda: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not gpu.integrated:
        pytest.skip("it takes no frames")
    gpu.cuda.kernels = on_cpu
    engine = opening()
    monkeypatch.setattr(tensorrt_run, "record", lambda stream, enqueue: record(stream, enqueue, libcuda))
    engine._graph = record(7, lambda: True, libcuda)  # as where the driver records
    numbers = Numbers(32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))

    def recordings(width: int, height: int) -> int:
        engine.infer_frame(packed(np.zeros((height, width, 3), np.uint8)), (0, 0, height), numbers)
        return count(libcuda, "begun") - 1

    assert recordings(640, 480) == 1  # of what the check at the start left, nothing was recorded
    assert recordings(640, 480) == recordings(320, 240) == 1  # smaller: in the memory that is there
    assert recordings(2560, 1920) == 2
    assert recordings(2560, 1920) == 2
    engine.close()
    assert count(libcuda, "destroyed") == 2 * 3
    assert gpu.cuda.memory == {}


def test_what_the_runtime_refuses_is_one_sentence(make_bundle: MakeBundle, gpu: Gpu) -> None:
    bundle = make_bundle()
    with pytest.raises(EdgeError, match=r"tensorrt refuses the engine of .*: run edge-compile again"):
        TensorRtEngine(made_up_tensorrt(gpu.cuda, bundle, 1), gpu, b"of another version", bundle)


def test_dla_is_part_of_the_key() -> None:
    assert len({Ways().options(), Ways(dla=0).options(), Ways(dla=1).options()}) == 3


LIBCUDA = r"""
int begun, ended, launched, destroyed, refuse;
int cuStreamBeginCapture_v2(void *s, int mode) { if (refuse == 1) return 1; begun++; return mode != 1; }
int cuStreamEndCapture(void *s, void **g) { ended++; *g = refuse == 2 ? 0 : (void *)11; return refuse == 2 ? 901 : 0; }
int cuGraphInstantiateWithFlags(void **e, void *g, unsigned long long f) { *e = (void *)12; return refuse == 3 || f; }
int cuGraphLaunch(void *e, void *s) { if (e != (void *)12 || s != (void *)7) return 1; launched++; return refuse == 4; }
int cuGraphExecDestroy(void *e) { destroyed++; return e != (void *)12; }
int cuGraphDestroy(void *g) { destroyed++; return g != (void *)11; }
"""


@pytest.fixture
def libcuda(tmp_path: Path) -> Any:
    """A library with the calls of libcuda that are made, compiled, so that their arguments really cross over."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    (tmp_path / "cuda.c").write_text(LIBCUDA)
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(tmp_path / "libcuda.so"), str(tmp_path / "cuda.c")], check=True
    )
    return ctypes.CDLL(str(tmp_path / "libcuda.so"))


def count(library: Any, name: str) -> int:
    return int(ctypes.c_int.in_dll(library, name).value)


def test_a_step_is_recorded_once_and_replayed(libcuda: Any) -> None:
    steps = []
    graph = record(7, lambda: not steps.append(1), libcuda)
    assert graph is not None
    assert [graph.launch(7) for _ in range(3)] == [True] * 3
    assert (len(steps), count(libcuda, "launched")) == (1, 3)
    graph.close()
    graph.close()
    assert count(libcuda, "destroyed") == 2


@pytest.mark.parametrize("refused", [1, 2, 3])
def test_what_cannot_be_recorded_is_run_call_by_call(libcuda: Any, refused: int) -> None:
    ctypes.c_int.in_dll(libcuda, "refuse").value = refused
    assert record(7, lambda: True, libcuda) is None
    assert count(libcuda, "begun") == count(libcuda, "ended")  # a stream that is left recording can do nothing else
    assert count(libcuda, "destroyed") == (1 if refused == 3 else 0)


def test_a_step_that_fails_while_it_is_recorded(libcuda: Any) -> None:
    def fails() -> bool:
        raise RuntimeError("operation not permitted when stream is capturing")

    assert record(7, fails, libcuda) is None
    assert record(7, lambda: False, libcuda) is None
    assert count(libcuda, "ended") == count(libcuda, "destroyed") == 2


def test_a_replay_that_is_refused_is_told(libcuda: Any) -> None:
    graph = record(7, lambda: True, libcuda)
    assert graph is not None
    ctypes.c_int.in_dll(libcuda, "refuse").value = 4
    assert not graph.launch(7)


def test_without_libcuda_there_is_no_graph() -> None:
    assert record(7, lambda: True, ctypes.CDLL(None)) is None
