"""Damaged files are refused, or come out close to what they were."""

from __future__ import annotations

import io
import random
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from edge.errors import EdgeError
from edge.images import read_image
from edge.images.kinds.lzw import unfolded_lzw

Picture = NDArray[np.uint8]
CLOSE = 2.5  # grey levels, on average
# How many of a hundred damaged files may pass as another picture, half as many again as were found. Codes without a
# checksum fall into step again, and then nothing tells: a baseline JPEG keeps a shift of colour.
MISSES = {"jpeg": 45, "jpeg-restarts": 20, "jpeg-grey": 35, "jpeg-cmyk": 30, "tiff-jpeg": 15, "webp-lossless": 30}
MISSES |= {"jp2": 10, "j2k-16": 10, "j2k": 10, "avif": 70, "heic": 85}


def damaged(data: bytes, chance: random.Random) -> bytes:
    new, at = bytearray(data), chance.randrange(min(700, len(data) // 4), len(data) - 2)
    match chance.randrange(5):
        case 0:
            new[at] ^= 1 << chance.randrange(8)
        case 1:
            new[at : at + 64] = chance.randbytes(len(new[at : at + 64]))
        case 2:
            new[at : at + 64] = bytes(len(new[at : at + 64]))
        case 3:
            del new[at : at + 16]
        case 4:
            del new[at:]
    return bytes(new)


def misses(files: Any, data: bytes, rounds: int, seed: int) -> float:
    """The share of damaged copies that pass as another picture."""
    whole, chance, missed = read_image(files.save("whole", data)), random.Random(seed), 0
    for _ in range(rounds):
        try:
            frame = read_image(files.save("damaged", damaged(data, chance)))
        except EdgeError:
            continue
        missed += frame.shape != whole.shape or np.abs(frame.astype(int) - whole).mean() > CLOSE
    return missed / rounds


def test_random_damage_to_every_kind(files: Any, seeds: dict[str, bytes], dicom_seeds: dict[str, bytes]) -> None:
    for name, data in (seeds | dicom_seeds).items():
        allowed = MISSES.get(name.replace("dicom-", ""), 4)
        assert misses(files, data, 40, 1) <= allowed / 100, name


def test_a_file_cut_off_anywhere_is_refused(files: Any, seeds: dict[str, bytes]) -> None:
    for name, data in seeds.items():
        for length in [*range(1, 40, 5), *np.linspace(40, len(data) - 3, 12).astype(int)]:
            with pytest.raises(EdgeError, match=r"cut\.x"):
                read_image(files.save(f"{name}-{length}-cut.x", data[:length]))


def test_cut_off_says_so(files: Any, seeds: dict[str, bytes]) -> None:
    for name in ("jpeg", "png", "tiff-raw", "webp"):
        with pytest.raises(EdgeError, match="cut off"):
            read_image(files.save("half", seeds[name][: len(seeds[name]) // 2]))


def test_half_a_jpeg_with_an_end_is_refused(files: Any, seeds: dict[str, bytes]) -> None:
    for name in ("jpeg", "jpeg-progressive", "jpeg-grey", "jpeg-cmyk"):
        with pytest.raises(EdgeError, match="damaged or cut off"):
            read_image(files.save("half.jpg", seeds[name][: len(seeds[name]) // 2] + b"\xff\xd9"))


def test_zeros_before_the_end_are_no_damage_whatever_follows(files: Any, seeds: dict[str, bytes]) -> None:
    jpeg = next(data for name, data in seeds.items() if data[:2] == b"\xff\xd8" and data.endswith(b"\xff\xd9"))
    padded = jpeg[:-2] + bytes(9) + b"\xff\xd9"
    frames = [
        read_image(files.save(name, data))
        for name, data in (
            ("whole", jpeg),
            ("padded", padded),
            ("followed", padded + jpeg),
            ("tail", padded + b"x\xff\xd9"),
        )
    ]
    for frame in frames[1:]:
        np.testing.assert_array_equal(frame, frames[0])
    damaged = jpeg[:-2] + b"\x11" * 9 + b"\xff\xd9"
    for spoiled in (jpeg[: len(jpeg) // 2] + b"\xff\xd9" + padded, damaged + padded, damaged):
        with pytest.raises(EdgeError, match="damaged or cut off"):
            read_image(files.save("spoiled", spoiled))


def test_a_grey_picture_is_no_damage(files: Any) -> None:
    path = files.save("grey.jpg", Image.new("RGB", (100, 80), (128, 128, 128)))
    assert np.abs(read_image(path).astype(int) - 128).max() <= 1


def test_png_rows_that_are_missing_are_not_black(files: Any, noise: Picture) -> None:
    rows = files.rows(noise)
    assert read_image(files.save("whole.png", files.png((56, 40), 8, 2, rows))).shape == (40, 56, 3)
    with pytest.raises(EdgeError, match="cut off"):
        read_image(files.save("half.png", files.png((56, 40), 8, 2, rows[: len(rows) // 2])))


@pytest.mark.parametrize("interlaced", [0, 1])
def test_png_of_every_depth_counts_its_rows(files: Any, interlaced: int) -> None:
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items():
        for depth in depths:
            bits = depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour]
            steps = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
            passes = steps if interlaced else [(0, 0, 1, 1)]
            size = sum(
                len(range(top, 33, down)) * (1 + -(-len(range(left, 37, right)) * bits // 8))
                for left, top, right, down in passes
            )
            palette = files.chunk(b"PLTE", bytes(range(256)) * 3) if colour == 3 else b""
            for missing in (0, 1):
                data = files.png((37, 33), depth, colour, bytes(size - missing), palette)
                data = data[:28] + bytes([interlaced]) + data[29:]
                data = data[:29] + struct.pack(">I", zlib.crc32(data[12:29])) + data[33:]
                path = files.save("eye.png", data)
                if missing:
                    with pytest.raises(EdgeError, match="cut off"):
                        read_image(path)
                else:
                    assert read_image(path).shape == (33, 37, 3)


def test_a_second_size_behind_the_pixels_of_a_png_counts_for_nothing(files: Any, noise: Picture) -> None:
    """It asked for fewer rows, and the rest of the picture was black."""
    rows = files.rows(noise)
    data = files.png((56, 40), 8, 2, rows[: len(rows) * 3 // 4])
    small = files.chunk(b"IHDR", struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0))
    for place in (len(data) - 12, 33):
        with pytest.raises(EdgeError, match="two sizes"):
            read_image(files.save("eye.png", data[:place] + small + data[place:]))


@pytest.mark.parametrize("boxed", [True, False])
def test_a_tile_that_is_missing_in_a_jpeg_2000_is_not_black(
    files: Any, eye: Picture, make_dicom: Any, boxed: bool
) -> None:
    data = files.bytes_of(Image.fromarray(eye), "JPEG2000", tile_size=(64, 64), no_jp2=not boxed)
    starts = [at for at in range(len(data)) if data[at : at + 4] == b"\xff\x90\x00\x0a"]
    assert len(starts) == 6
    assert read_image(files.save("whole", data)).shape == eye.shape
    halves = (
        data[: starts[3]] + b"\xff\xd9",
        data[: starts[1]] + data[starts[2] :],
        data[: starts[0]] + data[starts[2] :],
    )
    for number, damaged in enumerate(halves):
        with pytest.raises(EdgeError, match="a part of its pixels is missing"):
            read_image(files.save(f"{number}.jp2", damaged))
    boxes = make_dicom(eye, "YBR_RCT", "1.2.840.10008.1.2.4.90", [halves[0]])
    with pytest.raises(EdgeError, match="a part of its pixels is missing"):
        read_image(files.save("eye.dcm", boxes))


def test_a_checksum_of_the_pixels_counts(files: Any, seeds: dict[str, bytes]) -> None:
    data = bytearray(seeds["png"])
    data[-13] ^= 1  # of the last part of the pixels
    with pytest.raises(EdgeError, match="checksum"):
        read_image(files.save("eye.png", bytes(data)))


def test_a_tiff_without_all_its_strips_is_refused(files: Any, noise: Picture) -> None:
    with pytest.raises(EdgeError, match="a part of its pixels is missing"):
        read_image(files.save("few.tif", files.tiff(noise, {278: 10})))  # one strip of four
    with pytest.raises(EdgeError, match="a part of its pixels is missing"):
        read_image(files.save("short.tif", files.tiff(noise, {279: 100})))
    assert read_image(files.save("none.tif", files.tiff(noise, {279: None}))).shape == (40, 56, 3)  # old writers


@pytest.mark.parametrize("packed", ["tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"])
def test_a_strip_that_unfolds_to_another_length_is_refused(files: Any, eye: Picture, packed: str) -> None:
    """libtiff leaves rows blank, or takes what it needs and says nothing."""
    data = files.bytes_of(Image.fromarray(eye), "TIFF", compression=packed)
    image = Image.open(io.BytesIO(data))
    start, size = image.tag_v2[273][0], image.tag_v2[279][0]
    for place in (0, size // 2):
        new, piece = bytearray(data), size // 2 if packed != "packbits" or place else 1
        new[start + place : start + place + piece] = random.Random(place).randbytes(piece)
        with pytest.raises(EdgeError, match="damaged"):
            read_image(files.save("eye.tif", bytes(new)))


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.integers(1, 300),
    width=st.integers(1, 200),
    levels=st.sampled_from([1, 2, 5, 256]),
    seed=st.integers(0, 2**32 - 1),
)
def test_the_length_of_any_lzw_strip(rows: int, width: int, levels: int, seed: int) -> None:
    samples = np.random.default_rng(seed).integers(0, levels, (rows, width), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(samples).save(target, "TIFF", compression="tiff_lzw", tiffinfo={278: rows})
    tags = Image.open(target).tag_v2
    found = 0
    for start, size in zip(tags[273], tags[279], strict=True):
        found += unfolded_lzw(target.getvalue()[start : start + size], samples.size)
    assert found == samples.size


@settings(deadline=None)
@given(st.binary(max_size=2000), st.integers(0, 100_000))
def test_any_bytes_have_a_length_in_lzw(strip: bytes, expected: int) -> None:
    assert unfolded_lzw(strip, expected) >= -1
    assert unfolded_lzw(b"\x80" + strip, expected) >= -1


KINDS = [
    b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"BM", b"RIFF\0\0\0\0WEBPVP8 ", b"P6 40 40 255\n",
    b"P5 40 40 4095\n", b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x20ftypheic", b"\0\0\0\x20ftypavif", bytes(128) + b"DICM",
]  # fmt: skip
ANY = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@ANY
@given(start=st.sampled_from(KINDS), rest=st.binary(max_size=400))
def test_any_bytes_are_a_frame_or_an_edge_error(files: Any, start: bytes, rest: bytes) -> None:
    path = files.save("any", start + rest)
    try:
        frame, said = read_image(path), str(path)
    except EdgeError as error:
        frame, said = np.zeros((1, 1, 3), np.uint8), str(error)
    assert str(path) in said
    assert "\n" not in said
    assert frame.dtype == np.uint8
    assert frame.shape[2:] == (3,)


@ANY
@given(
    data=st.data(),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_changed_files_are_a_frame_or_an_edge_error(
    files: Any, seeds: dict[str, bytes], data: st.DataObject, changes: list[tuple[float, int]]
) -> None:
    new = bytearray(seeds[data.draw(st.sampled_from(sorted(seeds)))])
    for place, value in changes:
        new[int(place**3 * len(new))] = value  # mostly in the header
    try:
        frame = read_image(files.save("any", bytes(new)))
    except EdgeError:
        return
    assert frame.dtype == np.uint8
    assert frame.shape[2:] == (3,)
