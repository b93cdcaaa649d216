"""The gate before an engine is used: golden maps, engines that lie, and what is kept of it."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.bundle.bundle import Bundle, Golden, default_model, read_bundle, write_bundle
from edge.bundle.golden import GoldenMaps, pack_golden, unpack_golden
from edge.engines.openvino import OpenVinoEngine
from edge.engines.verify import golden_score, verify
from edge.errors import EdgeError
from edge.frame.prepare import normalise

MakeBundle = Callable[..., Bundle]


class Lying(OpenVinoEngine):
    """An engine whose maps are moved by a fixed amount."""

    off = 0.0

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(super().infer(tensor) + self.off, np.float32)


@pytest.mark.parametrize("maps", [1, 3])
def test_golden_maps_are_what_an_engine_computes(make_bundle: MakeBundle, maps: int) -> None:
    bundle = make_bundle(maps=maps)
    about, engine, golden = bundle.manifest, OpenVinoEngine(bundle), unpack_golden(bundle.golden, bundle.manifest)
    assert len(golden.frames) == 3
    for frame, wanted in zip(golden.frames, golden.maps, strict=True):
        tensor = normalise(frame, about.mean, about.std)
        np.testing.assert_allclose(engine.infer(tensor), wanted, atol=0.005)


def test_the_shipped_model_is_verified_once_and_that_is_kept(own_cache: Path) -> None:
    first = OpenVinoEngine(read_bundle(default_model()))
    assert first.verified["against"] == "onnx"
    assert 0 < first.verified["map_mae"] < 0.003
    (note,) = own_cache.glob("*.verified.json")
    told = json.loads(note.read_text())
    assert told["facts"] == first.verified
    told["facts"]["frames"] = 99  # to see that the second load reads it
    note.write_text(json.dumps(told))
    assert OpenVinoEngine(read_bundle(default_model())).verified["frames"] == 99


@pytest.mark.parametrize("off", [0.05, -0.05, float("nan")])
def test_an_engine_that_computes_something_else_is_refused(
    make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch, off: float, own_cache: Path
) -> None:
    monkeypatch.setattr(Lying, "off", off)
    with pytest.raises(EdgeError, match=r"openvino does not compute the network of .*tiny\.efiqa: maps differ"):
        Lying(make_bundle())
    assert not list(own_cache.glob("*.verified.json"))


def test_what_is_no_number_is_like_no_map(make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_bundle()
    golden = unpack_golden(made.golden, made.manifest)
    half = pack_golden(GoldenMaps(golden.frames, np.full_like(golden.maps, 0.5)))
    monkeypatch.setattr(Lying, "off", float("nan"))
    with pytest.raises(EdgeError, match="maps differ"):
        Lying(write_bundle(made.path.with_name("half.efiqa"), made.manifest, made.onnx, half))


def test_another_engine_under_our_key_is_found_out(make_bundle: MakeBundle, caplog: pytest.LogCaptureFixture) -> None:
    """Whole by its sidecar and taken by the runtime, but of another network."""
    from edge.engines.cache import sidecar

    ours = OpenVinoEngine(make_bundle(biases=(0.1,))).built
    theirs = OpenVinoEngine(make_bundle(biases=(2.0,), name="other.efiqa")).built
    assert ours.path is not None
    ours.path.write_bytes(theirs.data)
    ours.path.with_suffix(".json").write_bytes(sidecar(ours.key, theirs.data))
    with caplog.at_level(logging.WARNING):
        engine = OpenVinoEngine(make_bundle(biases=(0.1,)))
    assert "does not compute the network" in caplog.text
    assert engine.built.data != theirs.data


def test_golden_maps_of_another_network_are_not_those_of_this_one(make_bundle: MakeBundle) -> None:
    bundle, other = make_bundle(), make_bundle(biases=(2.0,), name="other.efiqa")
    with pytest.raises(EdgeError, match=r"openvino does not compute the network of .*: maps differ"):
        OpenVinoEngine(dataclasses.replace(bundle, golden=other.golden))


def test_frames_that_are_smaller_than_the_tensor_are_enlarged_as_at_calibration(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    about, golden = bundle.manifest, unpack_golden(bundle.golden, bundle.manifest)
    small = np.full((1, 16, 16, 3), 90, np.uint8)  # of one grey, which no resampling changes
    engine = OpenVinoEngine(bundle)
    maps = engine.infer(normalise(np.full((32, 32, 3), 90, np.uint8), about.mean, about.std))
    packed = pack_golden(GoldenMaps(small, maps[None].astype(golden.maps.dtype)))
    facts = verify(engine, dataclasses.replace(bundle, golden=packed), dataclasses.replace(engine.built, path=None))
    assert facts["frames"] == 1
    assert facts["map_max"] < 0.001


def test_a_bundle_without_golden_maps_is_verified_by_its_golden_scores(
    make_bundle: MakeBundle, caplog: pytest.LogCaptureFixture
) -> None:
    odd = make_bundle()
    odd = write_bundle(odd.path, odd.manifest, odd.onnx)
    with caplog.at_level(logging.WARNING):
        engine = OpenVinoEngine(odd)
    assert engine.verified == {"against": "nothing", "frames": 0}
    assert "cannot be verified" in caplog.text
    assert f"edge-calibrate golden {odd.path}" in caplog.text
    scores = _golden_scores(engine, odd)
    right = dataclasses.replace(odd.manifest, golden=tuple(Golden(seed, score) for seed, score in scores))
    wrong = dataclasses.replace(odd.manifest, golden=tuple(Golden(seed, 1 - score) for seed, score in scores))
    built = dataclasses.replace(engine.built, path=None)
    caplog.clear()
    assert verify(engine, write_bundle(odd.path, right, odd.onnx), built)["against"] == "golden scores"
    assert f"edge-calibrate golden {odd.path}" in caplog.text
    with pytest.raises(EdgeError, match="golden scores differ"):
        verify(engine, write_bundle(odd.path, wrong, odd.onnx), built)


def test_golden_maps_that_were_added_are_looked_at_though_the_engine_was_used_before(make_bundle: MakeBundle) -> None:
    bundle = make_bundle()
    older = dataclasses.replace(bundle, golden=b"")
    assert OpenVinoEngine(older).verified["against"] == "nothing"
    assert OpenVinoEngine(bundle).verified["against"] == "onnx"
    again = OpenVinoEngine(older)  # and what they showed holds for the engine, whoever opens it
    assert again.built.cached
    assert again.verified["against"] == "onnx"


def test_a_network_that_gives_no_numbers_has_golden_maps_that_say_so(make_bundle: MakeBundle) -> None:
    """Its maps are refused where they are used, with a sentence of their own; the engine is not to blame."""
    assert OpenVinoEngine(make_bundle(biases=(float("nan"),))).verified["map_max"] == 0


def _golden_scores(engine: OpenVinoEngine, bundle: Bundle) -> list[tuple[int, float]]:
    return [(seed, golden_score(engine, bundle.manifest, seed)) for seed in (0, 1)]
