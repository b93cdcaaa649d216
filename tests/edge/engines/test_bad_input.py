"""Networks, libraries and folders that are not what they should be."""

from __future__ import annotations

import dataclasses
import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.bundle.bundle import Bundle
from edge.engines.choose import open_engine
from edge.engines.openvino import OpenVinoEngine
from edge.engines.tensorrt.rtx import compile_tensorrt_rtx
from edge.errors import EdgeError
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

MakeBundle = Callable[..., Bundle]


def builders() -> list[Callable[[Bundle], object]]:
    """What really builds on this machine."""
    ways: list[Callable[[Bundle], object]] = [OpenVinoEngine]
    try:
        import tensorrt_rtx  # noqa: F401
    except ImportError:
        return ways
    return [*ways, lambda bundle: compile_tensorrt_rtx(bundle, "sm86")]


@pytest.mark.parametrize("build", builders())
def test_an_operation_that_nobody_knows(make_bundle: MakeBundle, build: Callable[[Bundle], object]) -> None:
    """A bundle's reader refuses it; a runtime that is given it all the same says so in one sentence."""
    with pytest.raises(EdgeError, match=r"bad\.efiqa.*Warp"):
        make_bundle(last="Warp", name="bad.efiqa")
    sound = make_bundle(name="bad.efiqa")
    with pytest.raises(EdgeError, match=r"bad\.efiqa.*Warp") as caught:
        build(dataclasses.replace(sound, onnx=sound.onnx.replace(b"\x22\x07Sigmoid", b"\x22\x07Warping")))
    assert "\n" not in str(caught.value)


def test_open_dimensions(make_bundle: MakeBundle) -> None:
    with pytest.raises(EdgeError, match=r"bad\.efiqa cannot be used: the shape of 'image' .*1 x 3 x open x open"):
        make_bundle(side=-1, name="bad.efiqa")


def test_an_input_of_another_name_is_of_no_account(make_bundle: MakeBundle) -> None:
    """There is one input; its name is the exporter's affair."""
    tensor = np.random.default_rng(0).normal(0, 1, (1, 3, 32, 32)).astype(np.float32)
    wanted = OpenVinoEngine(make_bundle()).infer(tensor)
    found = OpenVinoEngine(make_bundle(reads="picture", name="other.efiqa"))
    np.testing.assert_array_equal(found.infer(tensor), wanted)
    assert found.verified["against"] == "onnx"


def test_a_bundle_that_is_replaced_while_it_is_used(make_bundle: MakeBundle, tmp_path: Path) -> None:
    frame, bundle = phantom_frame(0), make_bundle()
    with QualityModel(bundle, OpenVinoEngine(bundle)) as model:
        before = model.assess(frame).score
        shutil.copy(make_bundle(biases=(2.0,), name="new.efiqa").path, bundle.path)
        assert model.assess(frame).score == before
        with QualityModel.load(bundle.path, engine="openvino") as anew:
            assert anew.assess(frame).score != before
        bundle.path.write_bytes(b"half a file")
        assert model.assess(frame).score == before
    with pytest.raises(EdgeError, match="not a model bundle"):
        QualityModel.load(bundle.path)


@pytest.mark.parametrize(("name", "start"), [("board.engine", b"\0\0\0\0"), ("board.efiqa", b"ftrt\0\0")])
def test_an_engine_of_another_board_is_no_model(name: str, start: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(start + bytes(100))
    with pytest.raises(EdgeError, match=r"is a built engine, .*: name the \.efiqa file"):
        QualityModel.load(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/sys").is_dir(), reason="needs a folder that even root cannot write")
def test_a_read_only_cache_costs_a_warning(
    make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("EFIQA_CACHE", "/proc/sys/efiqa")
    with caplog.at_level(logging.WARNING):
        engine = OpenVinoEngine(make_bundle())
    assert engine.built.path is None
    assert engine.verified["against"] == "onnx"
    assert "cannot be kept in /proc/sys/efiqa" in caplog.text


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt_rtx"])
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ImportError('libnvinfer.so.10: cannot open shared object file')", "does not load .*libnvinfer"),
        ("raise RuntimeError('numpy.dtype size changed')", "does not load .*numpy"),
        ("import no_such_part_of_it", "is not installed"),
    ],
)
def test_a_half_installed_tensorrt_is_one_sentence_and_the_next_engine_is_taken(
    make_bundle: MakeBundle,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    name: str,
    code: str,
    words: str,
) -> None:
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path / "modules")
    for module in ("tensorrt", "tensorrt_rtx"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    bundle = make_bundle()
    use = open_engine if name == "tensorrt" else compile_tensorrt_rtx
    with pytest.raises(EdgeError, match=words) as caught:
        use(bundle, name if name == "tensorrt" else "sm86")
    assert "\n" not in str(caught.value)
    with caplog.at_level(logging.WARNING):
        assert open_engine(bundle).name == "openvino"
    if name == "tensorrt":  # what is there and fails is worth a warning, what is not there is not
        assert ("tensorrt fails" in caplog.text) is ("does not load" in words)


@pytest.mark.parametrize(
    "code", ["raise ImportError('libopenvino.so: cannot open')", "raise RuntimeError('numpy')", ""]
)
def test_a_half_installed_openvino_is_one_sentence(
    make_bundle: MakeBundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    (tmp_path / "openvino.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "openvino")
    with pytest.raises(EdgeError, match="OpenVINO is installed but does not load") as caught:
        open_engine(make_bundle(), "openvino")
    assert "\n" not in str(caught.value)


def test_a_cache_that_vanishes_between_two_loads(make_bundle: MakeBundle, own_cache: Path) -> None:
    bundle = make_bundle()
    OpenVinoEngine(bundle).close()
    shutil.rmtree(own_cache)
    assert not OpenVinoEngine(bundle).built.cached
