from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
import pytest

from edge.bundle import Bundle
from edge.engines.choose import compile_bundle, open_engine
from edge.errors import EdgeError

MakeBundle = Callable[..., Bundle]


@pytest.fixture
def cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where only OpenVINO is installed."""
    for module in ("tensorrt", "tensorrt_rtx", "pycuda", "pycuda.driver"):
        monkeypatch.setitem(sys.modules, module, None)
    _forget_gpu()


def _forget_gpu() -> None:
    from edge.engines.cuda import open_gpu

    open_gpu.cache_clear()


@pytest.mark.usefixtures("cpu_only")
def test_auto_takes_openvino_where_there_is_no_gpu(make_bundle: MakeBundle, caplog: pytest.LogCaptureFixture) -> None:
    engine = open_engine(make_bundle())
    assert engine.name == "openvino"
    assert engine.infer(np.zeros((1, 3, 32, 32), np.float32)).shape == (4, 4)
    assert compile_bundle(make_bundle()).key["runtime"] == "openvino"
    assert not caplog.records  # what is not there is not worth a warning


@pytest.mark.usefixtures("cpu_only")
def test_auto_says_why_nothing_works(make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EdgeError) as caught:
        open_engine(make_bundle())
    said = str(caught.value)
    assert "tensorrt: " in said
    assert "tensorrt_rtx: " in said
    assert 'openvino: OpenVINO is not installed: pip install "efiqa-edge[cpu]"' in said


@pytest.mark.usefixtures("cpu_only")
def test_auto_gives_the_last_engine_s_own_reason(make_bundle: MakeBundle) -> None:
    with pytest.raises(EdgeError, match=r"^OpenVINO cannot take the network in .*bad\.efiqa"):
        open_engine(make_bundle(b"garbage", "bad.efiqa"))


@pytest.mark.usefixtures("cpu_only")
@pytest.mark.parametrize(
    ("name", "remedy"),
    [("tensorrt", "JetPack"), ("tensorrt_rtx", "pip install")],
)
def test_a_named_engine_that_is_not_here(make_bundle: MakeBundle, name: str, remedy: str) -> None:
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
