"""``golden.npz`` of a stranger's bundle: whole and as the manifest says, or one sentence, and never much memory."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.bundle.bundle import GOLDEN, MANIFEST, ONNX, default_model, read_bundle, write_bundle
from edge.bundle.golden import LARGEST_GOLDEN, GoldenMaps, pack_golden, unpack_golden
from edge.errors import EdgeError

SHIPPED = read_bundle(default_model())
LIKE = dataclasses.replace(SHIPPED.manifest, grid=4, maps=("degradation",))
FRAMES, MAPS = np.arange(2 * 8 * 8 * 3, dtype=np.uint8).reshape(2, 8, 8, 3), np.full((2, 1, 4, 4), 0.5, np.float16)


def npz(way: Any = np.savez, **arrays: Any) -> bytes:
    packed = io.BytesIO()
    way(packed, **arrays)
    return packed.getvalue()


def npy(header: str, data: bytes = b"", version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header.encode() + data


def with_frames(member: bytes) -> bytes:
    """Sound maps beside any bytes for the frames."""
    packed, maps = io.BytesIO(), io.BytesIO()
    np.save(maps, MAPS)
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("frames.npy", member)
        archive.writestr("maps.npy", maps.getvalue())
    return packed.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(EdgeError) as caught:
        unpack_golden(data, LIKE)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300
    return str(caught.value)


def test_what_was_packed_is_read_back() -> None:
    data = pack_golden(GoldenMaps(FRAMES, MAPS))
    found = unpack_golden(data, LIKE)
    np.testing.assert_array_equal(found.frames, FRAMES)
    np.testing.assert_array_equal(found.maps, MAPS)
    assert (found.frames.dtype, found.maps.dtype) == (np.uint8, np.float16)
    assert data == pack_golden(GoldenMaps(FRAMES.copy(), MAPS.copy()))


def test_the_shipped_model_has_golden_maps_that_are_not_all_alike() -> None:
    golden = unpack_golden(SHIPPED.golden, SHIPPED.manifest)
    assert len(SHIPPED.golden) < LARGEST_GOLDEN
    side = min(SHIPPED.manifest.input_size, 256)
    assert golden.frames.shape == (3, side, side, 3)
    clear, *spoiled = golden.maps[:, 0].mean(axis=(1, 2))
    assert all(each > clear + 0.1 for each in spoiled)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zip",
        npz(),
        npz(frames=FRAMES),
        npz(frames=FRAMES[:1], maps=MAPS),
        npz(frames=FRAMES[:0], maps=MAPS[:0]),
        npz(frames=FRAMES[:, :4], maps=MAPS),
        npz(frames=FRAMES[0], maps=MAPS),
        npz(frames=np.uint8(3), maps=MAPS),
        npz(frames=FRAMES.astype(np.float32), maps=MAPS),
        npz(frames=FRAMES, maps=MAPS.astype(np.float64)),
        npz(frames=FRAMES, maps=MAPS.astype(">f2")),
        npz(frames=FRAMES, maps=np.concatenate([MAPS, MAPS], axis=1)),
        npz(frames=np.asfortranarray(FRAMES), maps=MAPS),
        npz(frames=np.array([{"an": "object"}], dtype=object), maps=MAPS),
        npz(np.savez_compressed, frames=FRAMES, maps=MAPS),
        with_frames(b"no array"),
        with_frames(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 8, 8, 3)}\n", bytes(383))),
        with_frames(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 8, 8, 3)}\n", bytes(385))),
        with_frames(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 8, -1, -1)}\n", bytes(384))),
        with_frames(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 8)}\n", bytes(384))),
        with_frames(npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}\n", b"cos\nsystem\n(S'id'\ntR.")),
        with_frames(npy("__import__('os').abort()\n")),
        with_frames(npy("(" * 200 + "\n")),
        with_frames(npy("-" * 60_000 + "1\n")),
        with_frames(npy("{}\n", version=b"\2\0")),
        with_frames(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (2, 8, 8, 3)}" + " " * 400, bytes(384))),
    ],
)  # fmt: skip
def test_what_is_no_golden_frames(data: bytes) -> None:
    assert "its golden frames" in refusal(data)


def test_a_stranger_s_word_for_its_size_takes_no_memory() -> None:
    """Twelve gigabytes by the header."""
    data = with_frames(npy("{'descr': '|u1', 'fortran_order': False, 'shape': (100000, 200, 200, 3)}\n", bytes(100)))
    tracemalloc.start()
    try:
        refusal(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@settings(max_examples=200, deadline=None)
@given(place=st.integers(0, 2000), value=st.integers(0, 255), cut=st.integers(0, 400))
def test_damaged_ones_are_read_or_refused(place: int, value: int, cut: int) -> None:
    data = bytearray(pack_golden(GoldenMaps(FRAMES, MAPS)))
    data[place % len(data)] = value
    with contextlib.suppress(EdgeError):
        assert unpack_golden(bytes(data[: len(data) - cut]), LIKE).frames.shape == FRAMES.shape


def changed(path: Path, golden: bytes | None, manifest: bytes | None = None) -> Path:
    """The shipped bundle with other bytes for golden.npz, or none, under the manifest as it is."""
    with zipfile.ZipFile(default_model()) as archive, zipfile.ZipFile(path, "w") as other:
        other.writestr(MANIFEST, manifest or archive.read(MANIFEST))
        other.writestr(ONNX, archive.read(ONNX))
        if golden is not None:
            other.writestr(GOLDEN, golden)
    return path


@pytest.mark.parametrize(
    ("golden", "said"),
    [
        (None, "holds no golden.npz"),
        (b"", "golden.npz does not have the hash"),
        (b"anything", "golden.npz does not have the hash"),
        (bytes(LARGEST_GOLDEN + 1), "golden.npz in it claims 1024 KiB, which is too large"),
    ],
)
def test_golden_frames_that_are_not_those_of_the_manifest(tmp_path: Path, golden: bytes | None, said: str) -> None:
    path = changed(tmp_path / "model.efiqa", golden)
    with pytest.raises(EdgeError, match=said) as caught:
        read_bundle(path)
    assert str(path) in str(caught.value)


def test_golden_frames_with_the_right_hash_are_read_before_the_bundle_is_used(tmp_path: Path) -> None:
    path = tmp_path / "model.efiqa"
    with pytest.raises(EdgeError, match=r"model\.efiqa cannot be used: its golden frames are damaged"):
        write_bundle(path, SHIPPED.manifest, SHIPPED.onnx, b"no zip")
    assert not path.exists()


def test_a_bundle_without_them_is_read(tmp_path: Path) -> None:
    older = write_bundle(tmp_path / "model.efiqa", SHIPPED.manifest, SHIPPED.onnx)
    assert older.golden == b""
    assert set(older.manifest.members) == {ONNX}
    beside = changed(tmp_path / "beside.efiqa", b"nobody listed this", zipfile.ZipFile(older.path).read(MANIFEST))
    assert read_bundle(beside).golden == b""  # of a member that has no hash nothing is read
