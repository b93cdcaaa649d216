from __future__ import annotations

import dataclasses
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edge.bundle.bundle import Bundle
from edge.engines.checks import UnavailableError
from edge.engines.choose import compile_bundle, open_engine, plan_bundle
from edge.engines.tensorrt import cuda, opened
from edge.engines.tensorrt import jetson as tensorrt
from edge.engines.tensorrt.cuda import Gpu
from edge.errors import EdgeError

MakeBundle = Callable[..., Bundle]


@pytest.fixture
def cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where only OpenVINO is installed."""
    for module in ("tensorrt", "tensorrt_rtx", "pycuda", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, module, None)
    _forget_gpu()


def _forget_gpu() -> None:
    from edge.engines.tensorrt.cuda import open_gpu

    open_gpu.cache_clear()


@pytest.mark.usefixtures("cpu_only")
def test_auto_takes_openvino_where_there_is_no_gpu(make_bundle: MakeBundle, caplog: pytest.LogCaptureFixture) -> None:
    engine = open_engine(make_bundle())
    assert engine.name == "openvino"
    assert engine.infer(np.zeros((1, 3, 32, 32), np.float32)).shape == (1, 4, 4)
    compiled = compile_bundle(make_bundle())
    assert compiled.built.key["runtime"] == "openvino"
    assert list(compiled.passed_over) == ["tensorrt", "tensorrt_rtx"]
    assert "not installed" in compiled.passed_over["tensorrt"]
    assert not caplog.records  # what is not there is not worth a warning


@pytest.mark.usefixtures("cpu_only")
def test_auto_says_why_nothing_works(make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EdgeError) as caught:
        open_engine(make_bundle())
    said = str(caught.value)
    assert "tensorrt: " in said
    assert "tensorrt_rtx: " in said
    assert "openvino: OpenVINO is not installed (" in said
    assert '): pip install "efiqa-edge[cpu]"' in said


@pytest.mark.usefixtures("cpu_only")
def test_auto_gives_the_last_engine_s_own_reason(make_bundle: MakeBundle) -> None:
    with pytest.raises(EdgeError, match=r"^OpenVINO cannot take the network in .*bad\.efiqa"):
        open_engine(dataclasses.replace(make_bundle(name="bad.efiqa"), onnx=b"garbage"))


@pytest.mark.usefixtures("cpu_only")
@pytest.mark.parametrize(
    ("name", "driver", "remedy"),
    [
        ("tensorrt", False, "JetPack"),
        ("tensorrt_rtx", True, "pip install pycuda"),
        ("tensorrt_rtx", False, "there is no NVIDIA driver here"),
    ],
)
def test_a_named_engine_that_is_not_here(
    make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch, name: str, driver: bool, remedy: str
) -> None:
    monkeypatch.setattr(cuda, "_has_driver", lambda: driver)
    with pytest.raises(EdgeError, match=remedy):
        open_engine(make_bundle(), name)
    with pytest.raises(EdgeError, match=remedy):
        compile_bundle(make_bundle(), name)


@pytest.mark.parametrize("use", [open_engine, compile_bundle])
def test_an_unknown_engine(make_bundle: MakeBundle, use: Callable[[Bundle, str], object]) -> None:
    with pytest.raises(EdgeError, match="no engine 'onnxruntime': choose auto, tensorrt, tensorrt_rtx, openvino"):
        use(make_bundle(), "onnxruntime")


def test_only_tensorrt_rtx_builds_ahead_of_time(make_bundle: MakeBundle) -> None:
    with pytest.raises(EdgeError, match="only tensorrt_rtx builds ahead of time for sm86"):
        compile_bundle(make_bundle(), "openvino", "sm86")


@pytest.mark.usefixtures("cpu_only")
def test_a_target_without_tensorrt_rtx(make_bundle: MakeBundle) -> None:
    with pytest.raises(EdgeError, match=r'TensorRT-RTX is not installed .*pip install "efiqa-edge\[rtx\]"'):
        compile_bundle(make_bundle(), "auto", "sm86")


class FakeCuda:
    """``pycuda.driver`` of a GPU without free memory, or one that is lost altogether."""

    class Error(Exception):
        pass

    def __init__(self, lost: bool) -> None:
        self.lost = lost
        self.Context = self

    def push(self) -> None:
        if self.lost:
            raise self.Error("cuCtxPushCurrent failed: device lost")

    def pop(self) -> None:
        pass

    def Stream(self) -> None:  # noqa: N802
        raise self.Error("cuMemAlloc failed: out of memory")


def _fake_trt(**more: Any) -> Any:
    """As much of TensorRT as loads the tiny engine."""
    tensors = {"image": (1, 3, 32, 32), "maps": (1, 1, 4, 4)}
    engine = SimpleNamespace(
        num_io_tensors=2,
        create_execution_context=object,
        get_tensor_name=list(tensors).__getitem__,
        get_tensor_mode=lambda name: "in" if name == "image" else "out",
        get_tensor_shape=tensors.__getitem__,
        get_tensor_dtype=lambda name: "float",
    )

    class Logger:
        Severity = SimpleNamespace(ERROR=1, INTERNAL_ERROR=0, WARNING=2, INFO=3)

    return SimpleNamespace(
        __name__="tensorrt",
        __version__="8.4.1",
        ILogger=Logger,
        Builder=lambda logger: SimpleNamespace(create_builder_config=SimpleNamespace),
        Runtime=lambda logger: SimpleNamespace(deserialize_cuda_engine=lambda plan: engine),
        TensorIOMode=SimpleNamespace(INPUT="in"),
        DataType=SimpleNamespace(FLOAT="float"),
        LayerInformationFormat=SimpleNamespace(JSON=1),
        **more,
    )


def _lend_gpu(monkeypatch: pytest.MonkeyPatch, trt: Any, lost: bool) -> None:
    cuda = FakeCuda(lost)
    gpu = Gpu(cuda, "Orin", "8.7", "12060", True, cuda, threading.RLock())
    monkeypatch.setattr(tensorrt, "open_gpu", lambda: gpu)
    monkeypatch.setattr(tensorrt, "_import_tensorrt", lambda: trt)


@pytest.mark.usefixtures("cpu_only")
@pytest.mark.parametrize(("lost", "words"), [(False, "out of memory"), (True, "device lost")])
def test_auto_falls_through_where_the_gpu_fails(
    make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch, lost: bool, words: str
) -> None:
    bundle = make_bundle()
    _lend_gpu(monkeypatch, _fake_trt(), lost)
    if not lost:
        monkeypatch.setattr(opened, "build_engine", lambda trt, bundle, ways: b"plan")
    with pytest.raises(EdgeError, match=rf"the GPU Orin cannot .*{words}"):
        open_engine(bundle, "tensorrt")
    assert open_engine(bundle).name == "openvino"


@pytest.mark.usefixtures("cpu_only")
def test_a_tensorrt_that_is_too_old_is_not_available(make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = make_bundle()
    _lend_gpu(monkeypatch, _fake_trt(NetworkDefinitionCreationFlag=SimpleNamespace(EXPLICIT_BATCH=0)), False)
    with pytest.raises(UnavailableError, match=r"^tensorrt 8\.4\.1 is too old: install version 10 or newer$"):
        open_engine(bundle, "tensorrt")
    assert open_engine(bundle).name == "openvino"


@pytest.mark.usefixtures("cpu_only")
def test_a_plan_builds_nothing(make_bundle: MakeBundle, own_cache: Path) -> None:
    bundle = make_bundle()
    plans = plan_bundle(bundle)
    assert [(plan.engine, plan.cached, bool(plan.reason)) for plan in plans] == [
        ("tensorrt", False, True),
        ("tensorrt_rtx", False, True),
        ("openvino", False, False),
    ]
    assert not own_cache.exists()
    assert compile_bundle(bundle).built.key == plans[-1].key
    assert plan_bundle(bundle, "openvino")[0].cached
    with pytest.raises(EdgeError, match="no engine 'x'"):
        plan_bundle(bundle, "x")
    with pytest.raises(EdgeError, match="only tensorrt_rtx"):
        plan_bundle(bundle, "openvino", "sm86")
    (ahead,) = plan_bundle(bundle, "auto", "sm86")
    assert "not installed" in ahead.reason


@pytest.mark.usefixtures("cpu_only")
def test_a_folder_of_the_name_is_no_tensorrt(
    make_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an uninstalled wheel or type stubs leave behind can be imported, and holds nothing."""
    (tmp_path / "tensorrt").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorrt")
    with pytest.raises(UnavailableError, match="not completely installed"):
        open_engine(make_bundle(), "tensorrt")
