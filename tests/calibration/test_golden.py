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
    """Of a network that shrinks its input to three maps."""
    from onnx import TensorProto, helper

    step = size // grid
    pool = helper.make_node("AveragePool", ["image"], ["maps"], kernel_shape=[step, step], strides=[step, step])
    ends = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, side, side])
        for name, side in (("image", size), ("maps", grid))
    )
    graph = helper.make_graph([pool], "shrinks", [next(ends)], [next(ends)])
    onnx = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)]).SerializeToString()
    manifest = dataclasses.replace(read_bundle(default_model()).manifest, input_size=size, grid=grid)
    data = make_golden(manifest, onnx)
    assert len(data) <= LARGEST_GOLDEN
    assert (len(unpack_golden(data, manifest).frames) if data else 0) == frames
