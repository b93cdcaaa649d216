"""The builder runs here without a GPU (TensorRT-RTX, ahead of time); inference needs one."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import gc
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.bundle.bundle import Bundle, default_model, read_bundle
from edge.engines.choose import compile_bundle, open_engine
from edge.engines.openvino import OpenVinoEngine
from edge.engines.tensorrt.builder import TARGETS, Ways, build_engine
from edge.engines.tensorrt.log import Log, logger_of
from edge.engines.tensorrt.rtx import compile_tensorrt_rtx
from edge.errors import EdgeError

MakeBundle = Callable[..., Bundle]

needs_rtx = pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None,
    reason='THE TENSORRT BUILDER IS NOT TESTED: tensorrt_rtx is missing, pip install "efiqa-edge[rtx]"',
)


@needs_rtx
def test_the_default_model_is_built_ahead_of_time_and_kept(own_cache: Path) -> None:
    bundle = read_bundle(default_model())
    first = compile_tensorrt_rtx(bundle, "sm86")
    assert not first.cached
    assert first.seconds > 0
    assert first.path is not None
    assert first.path.parent == own_cache
    assert first.path.read_bytes() == first.data
    assert len(first.data) > 10_000
    assert first.key["target"] == "sm86"
    assert first.key["compute_capability"] == "8.6"
    second = compile_tensorrt_rtx(bundle, "sm86")
    assert second.cached
    assert second.data == first.data


@needs_rtx
@pytest.mark.parametrize("maps", [1, 3])
def test_a_quantized_network_is_built_for_every_family(make_bundle: MakeBundle, own_cache: Path, maps: int) -> None:
    bundle = make_bundle(maps=maps)
    engines = {target: compile_tensorrt_rtx(bundle, target).data for target in TARGETS}
    assert len(set(engines.values())) == len(TARGETS)
    assert len(list(own_cache.glob("*.engine"))) == len(TARGETS)


@needs_rtx
def test_a_tampered_engine_is_built_again(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    path = compile_tensorrt_rtx(bundle, "sm86").path
    assert path is not None
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    again = compile_tensorrt_rtx(bundle, "sm86")
    assert not again.cached
    assert path.read_bytes() == again.data != bytes(data)


@needs_rtx
def test_each_build_hears_the_builder_also_where_an_earlier_one_is_still_held(make_bundle: MakeBundle) -> None:
    """TensorRT speaks to the first logger that it was given for as long as anything made with it lives."""
    import tensorrt_rtx as trt

    first = Log()
    held = trt.Builder(logger_of(trt))
    del first
    gc.collect()
    said: list[str] = []
    build_engine(trt, make_bundle(), Ways("sm86"), said)
    assert said
    del held
    with pytest.raises(EdgeError, match="cannot take the network"):
        build_engine(trt, dataclasses.replace(make_bundle(), onnx=b"no network"), Ways("sm86"))


@needs_rtx
def test_an_unknown_operator_is_named_with_its_node(make_bundle: MakeBundle) -> None:
    onnx = make_bundle().onnx.replace(b"\x22\x04Conv", b"\x22\x04Warp")
    with pytest.raises(EdgeError, match=r"bad\.efiqa .*node make_sums of type Warp: .*edge-calibrate") as caught:
        compile_tensorrt_rtx(dataclasses.replace(make_bundle(name="bad.efiqa"), onnx=onnx), "sm86")
    assert "\n" not in str(caught.value)


@needs_rtx
@pytest.mark.parametrize("onnx", [b"", b"garbage" * 100])
def test_a_network_that_is_no_onnx(make_bundle: MakeBundle, onnx: bytes) -> None:
    with pytest.raises(EdgeError, match=r"bad\.efiqa"):
        compile_tensorrt_rtx(dataclasses.replace(make_bundle(name="bad.efiqa"), onnx=onnx), "sm86")


@needs_rtx
def test_a_network_unlike_its_manifest(make_bundle: MakeBundle) -> None:
    with pytest.raises(EdgeError, match="manifest says"):
        compile_tensorrt_rtx(make_bundle(grid=2), "sm86")
    with pytest.raises(EdgeError, match="manifest says"):
        compile_tensorrt_rtx(make_bundle(make_bundle().onnx, maps=3), "sm86")


@needs_rtx
def test_an_unknown_family(make_bundle: MakeBundle) -> None:
    with pytest.raises(EdgeError, match="sm13 is not a GPU family"):
        compile_tensorrt_rtx(make_bundle(), "sm13")


@needs_rtx
def test_parser_errors_are_told_once_not_printed(make_bundle: MakeBundle, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EdgeError):
        compile_tensorrt_rtx(make_bundle(b"garbage"), "sm86")
    assert capfd.readouterr() == ("", "")


INTERRUPTED = """
import os, signal
from contextlib import contextmanager
from edge.bundle.bundle import default_model, read_bundle
from edge.engines.tensorrt.rtx import compile_tensorrt_rtx
from edge.progress import shown_by

@contextmanager
def interrupted(what, total, done):
    os.kill(os.getpid(), signal.SIGINT)
    yield lambda done, loss=None: None

before = signal.getsignal(signal.SIGINT)
try:
    with shown_by(interrupted):
        compile_tensorrt_rtx(read_bundle(default_model()), "sm86")
except KeyboardInterrupt:
    print("interrupted", signal.getsignal(signal.SIGINT) is before)
"""


@needs_rtx
def test_ctrl_c_ends_a_build(own_cache: Path) -> None:
    """In a process of its own, as a user has it: what else is loaded here makes TensorRT's way out crash at times."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["interrupted", "True"], done.stderr
    assert not [path for path in own_cache.iterdir() if path.suffix != ".lock"]


@needs_rtx
def test_a_build_in_another_thread(make_bundle: MakeBundle) -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(compile_tensorrt_rtx, make_bundle(), "sm86").result().data


def test_importing_the_engines_imports_no_runtime() -> None:
    """A camera with one runtime must not need, nor wait for, the others."""
    code = (
        "import sys, edge; "
        "print([m for m in ('tensorrt', 'tensorrt_rtx', 'openvino', 'pycuda', 'torch') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("maps", [1, 3])
@pytest.mark.parametrize("name", ["tensorrt", "tensorrt_rtx"])
def test_inference_on_the_gpu(make_bundle: MakeBundle, name: str, maps: int) -> None:
    bundle = make_bundle(maps=maps)
    try:
        engine = open_engine(bundle, name)
    except EdgeError as error:
        pytest.skip(f"{name.upper()} IS NOT TESTED: {error}")
    tensors = [np.random.default_rng(i).normal(0, 1, (1, 3, 32, 32)).astype(np.float32) for i in range(16)]
    truth = OpenVinoEngine(bundle)
    wanted = [truth.infer(tensor) for tensor in tensors]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(engine.infer, tensors * 20))
        pool.submit(engine.close).result()  # a thread that did not open it
    for index, found in enumerate(got):
        np.testing.assert_allclose(found, wanted[index % 16], atol=0.01)
    assert compile_bundle(bundle, name).built.cached
    engine.close()
    with pytest.raises(ValueError, match="closed"):
        engine.infer(tensors[0])
