from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from edge.bundle.bundle import (
    MANIFEST,
    ONNX,
    Bundle,
    Golden,
    Manifest,
    MapName,
    Thresholds,
    default_model,
    read_bundle,
    write_bundle,
)
from edge.bundle.manifest import SCHEMA, read_manifest, write_manifest
from edge.errors import EdgeError


def a_network(maps: int = 3) -> bytes:
    """A convolution of 8x8 blocks and a sigmoid."""
    weights = np.zeros((maps, 3, 8, 8), np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "weights"], ["sums"], kernel_shape=[8, 8], strides=[8, 8]),
            helper.make_node("Sigmoid", ["sums"], ["maps"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 32, 32])],
        [helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, maps, 4, 4])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 18)])
    return bytes(model.SerializeToString())


NETWORK = a_network()

LIKE = Manifest(
    name="tiny, für Tests",
    precision="int8",
    input_size=32,
    grid=4,
    maps=("degradation", "disc", "macula"),
    mean=(0.5, 0.4, 0.3),
    std=(0.5, 0.6, 1e-05),
    pooling={"disc": 3.0, "macula": 0.0, "periphery": 2.0},
    thresholds=Thresholds(0.02, 0.5, 0.8),
    thresholds_from="a test",
    metrics={"auroc": 0.99},
    trained_on=("phantoms, CC0",),
    golden=(Golden(7, 0.25),),
    made_with={"efiqa-edge": "0.1.0"},
)


def packed(members: dict[str, bytes], way: int = zipfile.ZIP_STORED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", way) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return data.getvalue()


def tree() -> dict[str, object]:
    """The manifest as YAML reads it, with the hash of NETWORK."""
    members = {ONNX: hashlib.sha256(NETWORK).hexdigest()}
    loaded = yaml.safe_load(write_manifest(dataclasses.replace(LIKE, members=members)))
    assert isinstance(loaded, dict)
    return loaded


def refusal(path: Path) -> str:
    with pytest.raises(EdgeError) as caught:
        read_bundle(path)
    assert str(path) in str(caught.value)
    return str(caught.value).replace(str(path), "")  # the path holds the test's own words


def refusal_of(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    return refusal(path)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "model.efiqa"
    written = write_bundle(path, LIKE, NETWORK)
    bundle = read_bundle(path)
    assert bundle == written
    assert bundle.onnx == NETWORK
    assert dataclasses.replace(bundle.manifest, members={}) == LIKE
    assert bundle.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_same_content_makes_same_bytes_and_leaves_nothing_beside(tmp_path: Path) -> None:
    for name in ("a.efiqa", "b.efiqa", "b.efiqa"):
        write_bundle(tmp_path / name, LIKE, NETWORK)
    assert (tmp_path / "a.efiqa").read_bytes() == (tmp_path / "b.efiqa").read_bytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.efiqa", "b.efiqa"]


def test_members_are_stored(tmp_path: Path) -> None:
    write_bundle(tmp_path / "model.efiqa", LIKE, NETWORK)
    with zipfile.ZipFile(tmp_path / "model.efiqa") as archive:
        assert [each.filename for each in archive.infolist()] == [MANIFEST, ONNX]
        assert all(each.compress_type == zipfile.ZIP_STORED for each in archive.infolist())
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_numbers_of_numpy_can_be_written(tmp_path: Path) -> None:
    score = float(np.float32(0.5))
    manifest = dataclasses.replace(LIKE, metrics={"auroc": np.float32(score)}, golden=(Golden(1, np.float64(score)),))  # type: ignore[dict-item]
    assert write_bundle(tmp_path / "model.efiqa", manifest, NETWORK).manifest.metrics == {"auroc": score}


def test_a_manifest_that_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="grid"):
        write_bundle(tmp_path / "model.efiqa", dataclasses.replace(LIKE, grid=100_000), NETWORK)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("scores", [(0.9, 0.5, 0.1), (-0.1, 0.5, 0.8), (0.05, 0.5, 1.1), (0.05, float("nan"), 0.8)])
def test_thresholds_are_in_order(scores: tuple[float, float, float]) -> None:
    with pytest.raises(EdgeError, match="in order"):
        Thresholds(*scores)


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="cannot be written"):
        write_bundle(tmp_path / "no such folder" / "model.efiqa", LIKE, NETWORK)


def test_the_default_model_is_sound() -> None:
    bundle = read_bundle(default_model())
    assert default_model().stat().st_size <= 8 << 20
    assert bundle.manifest.input_size % bundle.manifest.grid == 0


def test_absent_folder_and_unreadable(tmp_path: Path) -> None:
    assert "there is no model" in refusal(tmp_path / "absent.efiqa")
    assert "is a folder" in refusal(tmp_path)
    under_a_file = tmp_path / "file"
    under_a_file.write_bytes(b"")
    assert "cannot be read" in refusal(under_a_file / "model.efiqa")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything: run the tests as another user to test this")
def test_no_right_to_read(tmp_path: Path) -> None:
    write_bundle(tmp_path / "model.efiqa", LIKE, NETWORK)
    (tmp_path / "model.efiqa").chmod(0)
    assert "cannot be read" in refusal(tmp_path / "model.efiqa")


def test_not_a_zip_and_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "model.efiqa"
    assert "not a zip" in refusal_of(path, b"")
    assert "not a zip" in refusal_of(path, b"\xff\xd8\xff a photograph")
    write_bundle(path, LIKE, NETWORK)
    whole = path.read_bytes()
    for length in range(2, len(whole), 101):
        assert "damaged or cut off" in refusal_of(path, whole[:length])


def test_missing_members(tmp_path: Path) -> None:
    path = tmp_path / "model.efiqa"
    assert MANIFEST in refusal_of(path, packed({ONNX: NETWORK}))
    text = yaml.safe_dump(tree()).encode()
    assert f"holds no {ONNX}" in refusal_of(path, packed({MANIFEST: text}))
    more = yaml.safe_dump({**tree(), "members": {ONNX: "0" * 64, "model.fp16.onnx": "0" * 64}}).encode()
    assert "model.fp16.onnx" in refusal_of(path, packed({MANIFEST: more, ONNX: NETWORK}))


def test_wrong_hash_names_the_member(tmp_path: Path) -> None:
    data = packed({MANIFEST: yaml.safe_dump(tree()).encode(), ONNX: NETWORK + b"!"})
    assert f"{ONNX} does not have the hash" in refusal_of(tmp_path / "model.efiqa", data)


def test_an_unlisted_network_is_refused(tmp_path: Path) -> None:
    data = packed({MANIFEST: yaml.safe_dump({**tree(), "members": {}}).encode(), ONNX: NETWORK})
    assert "hash" in refusal_of(tmp_path / "model.efiqa", data)


def test_zip_bombs_are_not_unfolded(tmp_path: Path) -> None:
    text = yaml.safe_dump(tree()).encode()
    bomb = packed({MANIFEST: text, ONNX: bytes(64 << 20)}, zipfile.ZIP_DEFLATED)
    assert "compressed" in refusal_of(tmp_path / "model.efiqa", bomb)
    assert "too large" in refusal_of(tmp_path / "model.efiqa", packed({MANIFEST: bytes(2 << 20), ONNX: NETWORK}))


def test_a_newer_schema(tmp_path: Path) -> None:
    text = yaml.safe_dump({"schema": SCHEMA + 1, "what": "nobody knows yet"}).encode()
    message = refusal_of(tmp_path / "model.efiqa", packed({MANIFEST: text, ONNX: NETWORK}))
    assert "made by a newer version" in message
    assert "update efiqa-edge" in message


def test_an_older_schema(tmp_path: Path) -> None:
    text = yaml.safe_dump({**tree(), "schema": SCHEMA - 1}).encode()
    message = refusal_of(tmp_path / "model.efiqa", packed({MANIFEST: text, ONNX: NETWORK}))
    assert "made by an older version" in message
    assert "make it again with edge-calibrate int8" in message


@pytest.mark.parametrize("maps", [("degradation",), ("degradation", "disc", "macula")])
def test_degradation_alone_or_with_landmarks(tmp_path: Path, maps: tuple[MapName, ...]) -> None:
    written = write_bundle(tmp_path / "model.efiqa", dataclasses.replace(LIKE, maps=maps), NETWORK)
    assert read_bundle(tmp_path / "model.efiqa").manifest.maps == written.manifest.maps == maps


@pytest.mark.parametrize("field", [each for each in tree() if each not in ("why_float", "field")])
def test_every_field_is_needed(tmp_path: Path, field: str) -> None:
    fields = tree()
    del fields[field]
    data = packed({MANIFEST: yaml.safe_dump(fields).encode(), ONNX: NETWORK})
    assert f"lacks {field}" in refusal_of(tmp_path / "model.efiqa", data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("schema", "1"),
        ("schema", 0),
        ("schema", True),
        ("name", 5),
        ("precision", "int4"),
        ("precision", ["int8"]),
        ("precision", "float32"),  # without why_float
        ("input_size", 0),
        ("input_size", 1e9),
        ("input_size", 32.5),
        ("grid", -4),
        ("grid", 64),  # larger than the input
        ("mean", [0.5, 0.5]),
        ("mean", "0.5"),
        ("mean", [0.5, 0.5, float("nan")]),
        ("mean", [0.5, 0.5, True]),
        ("std", [0.5, 0.5, 0]),
        ("std", [0.5, 0.5, float("inf")]),
        ("maps", "degradation"),
        ("maps", []),
        ("maps", ["disc"]),
        ("maps", ["degradation", "disc"]),
        ("maps", ["degradation", "macula", "disc"]),
        ("maps", ["degradation", "disc", "macula", "vessels"]),
        ("pooling", {"disc": 1.0, "macula": 1.0}),
        ("pooling", {"centre": 1.0, "middle": 1.0, "periphery": 1.0}),
        ("pooling", {"disc": 1.0, "macula": 1.0, "periphery": 1.0, "vessels": 1.0}),
        ("pooling", {"disc": 1.0, "macula": -1.0, "periphery": 1.0}),
        ("pooling", {"disc": 1.0, "macula": 1.0, "periphery": 0}),
        ("pooling", {"disc": 1.0, "macula": float("nan"), "periphery": 1.0}),
        ("thresholds", {"fundus": 0.5, "usable": 0.4, "good": 0.8}),
        ("thresholds", {"fundus": 0.1, "usable": 0.4, "good": 1.8}),
        ("thresholds", [0.1, 0.2, 0.3]),
        ("metrics", {"auroc": "high"}),
        ("metrics", {"auroc": 10**400}),
        ("metrics", {1: 1.0}),
        ("trained_on", "phantoms"),
        ("golden", [{"seed": -1, "score": 0.5}]),
        ("golden", [{"seed": 1, "score": 1.5}]),
        ("golden", [1]),
        ("made_with", {"torch": 2}),
        ("members", {ONNX: "abc"}),
    ],
)
def test_every_field_is_checked(tmp_path: Path, field: str, value: object) -> None:
    data = packed({MANIFEST: yaml.safe_dump({**tree(), field: value}).encode(), ONNX: NETWORK})
    assert field in refusal_of(tmp_path / "model.efiqa", data)


@pytest.mark.parametrize(
    "text",
    [b"", b"- a\n- b\n", b"a: [", b"\xff\xfe\x00", b"[" * 5000, b"2021-02-30", b"!!python/object/apply:os.getcwd []"],
)
def test_a_manifest_that_is_none(tmp_path: Path, text: bytes) -> None:
    assert "manifest" in refusal_of(tmp_path / "model.efiqa", packed({MANIFEST: text, ONNX: NETWORK}))


FAST = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FAST
@given(st.data())
def test_corrupted_bytes_give_the_same_bundle_or_a_clear_error(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "model.efiqa"
    sound = write_bundle(path, LIKE, NETWORK)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile warns of duplicate names and odd dates
            bundle: Bundle | None = read_bundle(path)
    except EdgeError as error:
        bundle, said = None, str(error)
    if bundle is None:
        assert str(path) in said
        assert "\n" not in said
    else:
        assert (bundle.manifest, bundle.onnx) == (sound.manifest, sound.onnx)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@FAST
@given(st.sampled_from(sorted(tree())), ANYTHING)
def test_any_value_of_any_field_is_taken_or_refused(field: str, value: object) -> None:
    try:
        manifest: Manifest | None = read_manifest(yaml.safe_dump({**tree(), field: value}).encode())
    except EdgeError as error:
        manifest, said = None, str(error)
    if manifest is None:
        assert len(said) < 300
    else:
        assert read_manifest(write_manifest(manifest)) == manifest


@FAST
@given(
    st.binary(max_size=60) | st.text(alphabet="abc:-[]{}!&*#|>'\"%@`?,0123456789.x_\n\t ", max_size=60).map(str.encode)
)
def test_any_text_for_a_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(EdgeError):
        read_manifest(text)
