"""A bundle of an older version in, the same with golden maps out."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from calibration.golden import make_golden
from edge.bundle.bundle import GOLDEN, ONNX, default_model, read_bundle, write_bundle
from edge.bundle.golden import LARGEST_GOLDEN, unpack_golden
from edge.errors import EdgeError


def edge_calibrate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = "import sys\nfrom calibration.commands import main\ntry: main()\nfinally: assert 'torch' not in sys.modules"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=120
    )


def pooling(size: int, grid: int, times: float = 1.0) -> bytes:
    """A network that shrinks its input to three maps."""
    from onnx import TensorProto, helper

    step = size // grid
    pool = helper.make_node("AveragePool", ["image"], ["mean"], kernel_shape=[step, step], strides=[step, step])
    factor = helper.make_tensor("times", TensorProto.FLOAT, [], [times])
    ends = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, side, side])
        for name, side in (("image", size), ("maps", grid))
    )
    nodes = [pool, helper.make_node("Mul", ["mean", "times"], ["maps"])]
    graph = helper.make_graph(nodes, "shrinks", [next(ends)], [next(ends)], [factor])
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    return bytes(model.SerializeToString())


def test_all_but_the_golden_maps_stays_as_it_was(tmp_path: Path) -> None:
    shipped, path, target = read_bundle(default_model()), tmp_path / "older.efiqa", tmp_path / "new.efiqa"
    older = write_bundle(path, shipped.manifest, shipped.onnx)
    done = edge_calibrate("golden", path, "-o", target)
    assert done.returncode == 0, done.stderr
    new = read_bundle(target)
    assert new.onnx == older.onnx
    assert dataclasses.replace(new.manifest, members={}) == dataclasses.replace(older.manifest, members={})
    assert new.manifest.members.keys() == {GOLDEN, ONNX}
    # On another processor a number that lies between two steps of INT8 may fall to the other side.
    wanted, found = (unpack_golden(bundle.golden, bundle.manifest) for bundle in (shipped, new))
    assert np.abs(found.maps.astype(np.float32) - wanted.maps).mean() < 0.001


def test_an_input_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "model.efiqa"
    path.write_bytes(default_model().read_bytes())
    done = edge_calibrate("golden", path, "-o", path)
    assert done.returncode == 1
    assert "cannot be the bundle" in done.stderr.replace("\n", " ")
    assert path.read_bytes() == default_model().read_bytes()


def test_the_runtime_that_computes_them_is_asked_for_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EdgeError, match="pip install onnxruntime"):
        make_golden(read_bundle(default_model()).manifest, b"")


@pytest.mark.parametrize(("size", "grid", "frames"), [(64, 8, 3), (512, 64, 3), (512, 256, 1), (512, 512, 0)])
def test_they_take_less_than_a_mebibyte(size: int, grid: int, frames: int) -> None:
    manifest = dataclasses.replace(read_bundle(default_model()).manifest, input_size=size, grid=grid)
    data = make_golden(manifest, pooling(size, grid))
    assert len(data) <= LARGEST_GOLDEN
    assert (len(unpack_golden(data, manifest).frames) if data else 0) == frames


def test_scans_are_drawn_for_a_model_of_scans_and_maps_that_tell_nothing_are_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """On an eye, the map of such a model is 1 everywhere: an engine that computes nothing would pass."""
    manifest = dataclasses.replace(
        read_bundle(default_model()).manifest, input_size=64, grid=8, modality="octa", field="whole"
    )
    found = unpack_golden(make_golden(manifest, pooling(64, 8)), manifest)
    assert (found.frames == found.frames[..., :1]).all()
    assert min(each.std() for each in found.maps.astype(float)) > 0.1
    assert not caplog.records
    make_golden(manifest, pooling(64, 8, times=0.0))
    assert "golden maps are all alike" in caplog.text
