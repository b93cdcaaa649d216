"""One set of limits for every kind: pixels, bytes, time and memory; files that were made to break them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.errors import EdgeError
from edge.images import read_image

Picture = NDArray[np.uint8]


def resized(kind: str, data: bytes, width: int, height: int) -> bytes:
    """A file whose header claims another size."""
    new = bytearray(data)
    if kind.startswith("jpeg"):
        at = next(new.index(mark) for mark in (b"\xff\xc0", b"\xff\xc2") if mark in new)
        new[at + 5 : at + 9] = struct.pack(">HH", height, width)
    elif kind.startswith("png"):
        new[16:24] = struct.pack(">II", width, height)
        new[29:33] = struct.pack(">I", zlib.crc32(new[12:29]))
    elif kind.startswith("bmp"):
        new[18:26] = struct.pack("<ii", width, height)
    elif kind == "webp":
        new[26:30] = struct.pack("<HH", width, height)
    elif kind == "webp-lossless":
        bits = struct.unpack_from("<I", new, 21)[0] >> 28 << 28 | (height - 1) << 14 | (width - 1)
        new[21:25] = struct.pack("<I", bits)
    elif kind.startswith("p"):
        new = bytearray(b"%b\n%d %d\n%b" % (data[:2], width, height, data.split(b"\n", 2)[2]))
    elif kind in ("jp2", "j2k-16"):
        at = new.index(b"\xff\x4f\xff\x51")
        new[at + 8 : at + 16] = struct.pack(">II", width, height)
        if kind == "jp2":
            at = new.index(b"ihdr")
            new[at + 4 : at + 12] = struct.pack(">II", height, width)
    elif kind == "avif":
        at = new.index(b"ispe")
        new[at + 8 : at + 16] = struct.pack(">II", width, height)
    return bytes(new)


GIANTS = [
    "jpeg",
    "jpeg-progressive",
    "png",
    "png-palette",
    "bmp",
    "webp",
    "webp-lossless",
    "ppm",
    "pgm-16",
    "jp2",
    "j2k-16",
]


@pytest.mark.parametrize("kind", GIANTS)
def test_giants_are_refused_by_their_header(files: Any, seeds: dict[str, bytes], kind: str) -> None:
    side = 15_000
    with pytest.raises(EdgeError, match=f"{side} x {side} pixels, more than the 120 megapixels"):
        read_image(files.save("giant", resized(kind, seeds[kind], side, side)))


def test_giant_tiffs_tiles_and_dicom_are_refused_by_their_header(files: Any, make_dicom: Any) -> None:
    small = np.zeros((40, 40), np.uint8)
    with pytest.raises(EdgeError, match="15000 x 15000 pixels, more than"):
        read_image(files.save("giant.tif", files.tiff(small, {256: 15_000, 257: 15_000})))
    with pytest.raises(EdgeError, match="more than the 120 megapixels"):
        read_image(
            files.save("tile.tif", files.tiff(small, {273: None, 279: None, 322: 60_000, 323: 60_000, 324: 8, 325: 9}))
        )
    with pytest.raises(EdgeError, match="15000 x 15000 pixels, more than"):
        read_image(files.save("giant.dcm", make_dicom(small, "MONOCHROME2", Rows=15_000, Columns=15_000)))
    with pytest.raises(EdgeError, match="unfolds to more than 512 MiB"):
        read_image(files.save("wide.tif", files.tiff(np.zeros((40, 40, 3), np.uint16), {256: 10_000, 257: 10_000})))


def test_too_small_in_every_kind(files: Any) -> None:
    for suffix in ("png", "jpg", "tif", "bmp", "webp", "ppm", "jp2", "avif"):
        for size in ((31, 400), (400, 31)):
            with pytest.raises(EdgeError, match="fewer than 32 on a side"):
                read_image(files.save(f"flat.{suffix}", Image.new("RGB", size)))


@pytest.mark.parametrize("kind", ["jpeg", "jpeg-progressive", "png", "bmp", "webp-lossless", "ppm", "avif", "jp2"])
def test_a_header_that_asks_for_much_takes_little(
    files: Any, seeds: dict[str, bytes], kind: str, peak_mib: Callable[..., int]
) -> None:
    assert peak_mib(files.save("bomb", resized(kind, seeds[kind], 10_900, 10_900))) < 1536


def test_what_takes_too_much_memory_is_not_called_damaged(files: Any) -> None:
    large = Image.new("CMYK", (10_900, 10_900))
    with pytest.raises(EdgeError, match="too much memory"):
        read_image(files.save("progressive.jpg", large, progressive=True))


def test_two_sizes_in_one_jpeg(files: Any, seeds: dict[str, bytes], peak_mib: Callable[..., int]) -> None:
    """One parser took the first header, the decoder the second: 5.9 GiB."""
    data = seeds["jpeg"]
    at = data.index(b"\xff\xc0")
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    frame = data[at : at + 2 + length]
    giant = frame[:5] + struct.pack(">HH", 60_000, 60_000) + frame[9:]
    for name, order in (("before", giant + frame), ("after", frame + giant)):
        path = files.save(f"{name}.jpg", data[:at] + order + data[at + len(frame) :])
        with pytest.raises(EdgeError):
            read_image(path)
        assert peak_mib(path) < 600
    stuffed = files.save("comment.jpg", data[:2] + b"\xff\xfe" + struct.pack(">H", len(giant) + 2) + giant + data[2:])
    assert read_image(stuffed).shape == (120, 160, 3)


def test_a_bomb_of_zeros_in_a_png(files: Any, peak_mib: Callable[..., int]) -> None:
    packer = zlib.compressobj(9)
    body = b"".join(packer.compress(bytes(1 << 20)) for _ in range(600)) + packer.flush()
    head = files.png((100, 100), 8, 2, b"")
    texts = files.chunk(b"zTXt", b"a\0\0" + body) + files.chunk(b"iCCP", b"a\0\0" + body)
    path = files.save("bomb.png", head[:33] + texts + files.chunk(b"IDAT", body) + files.chunk(b"IEND", b""))
    assert peak_mib(path) < 1000


def in_time(path: Path) -> None:
    """Either way is right; not to come back is not."""
    try:
        read_image(path)
    except EdgeError as error:
        assert str(path) in str(error)  # noqa: PT017


def test_thousands_of_tags_that_each_claim_the_whole_file(files: Any, noise: Picture) -> None:
    data = bytearray(files.tiff(noise))
    (entries,) = struct.unpack_from("<H", data, 8)
    own = bytes(data[10 : 10 + 12 * entries])
    size = 3 << 20
    data += bytes(size)
    more = b"".join(struct.pack("<HHII", 40_000 + number, 1, size, 8) for number in range(5000))
    data[4:8] = struct.pack("<I", len(data))
    in_time(files.save("tags.tif", bytes(data) + struct.pack("<H", entries + 5000) + own + more + bytes(4)))


def test_an_exif_block_that_goes_in_circles(files: Any, seeds: dict[str, bytes]) -> None:
    entries = b"".join(struct.pack(">HHII", number, 2, 1 << 20, 8) for number in range(1, 60_000))
    exif = b"MM\0*\0\0\0\x08" + struct.pack(">H", 59_999) + entries + struct.pack(">I", 8) + bytes(1 << 20)
    data = seeds["png"]
    in_time(files.save("exif.png", data[:33] + files.chunk(b"eXIf", exif) + data[33:]))


def test_a_million_empty_chunks(files: Any, seeds: dict[str, bytes]) -> None:
    data = seeds["png"]
    in_time(files.save("chunks.png", data[:33] + files.chunk(b"tEXt", b"a\0b") * 400_000 + data[33:]))


def test_a_jpeg_that_goes_on_in_fill_bytes(files: Any, seeds: dict[str, bytes]) -> None:
    with pytest.raises(EdgeError, match="cut off"):
        read_image(files.save("fill.jpg", seeds["jpeg"][:-2] + b"\xff" * (4 << 20)))


def test_a_pnm_of_blanks(files: Any) -> None:
    with pytest.raises(EdgeError, match="damaged"):
        read_image(files.save("blank.pgm", b"P5" + b" " * (1 << 20)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "settings"), [("jpg", {}), ("jpg", {"progressive": True}), ("png", {}), ("tif", {}), ("bmp", {})]
)
def test_120_megapixels_are_read(
    files: Any, suffix: str, settings: dict[str, Any], peak_mib: Callable[..., int]
) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    more = {} if suffix == "bmp" else {"exif": exif}
    path = files.save(
        f"large.{suffix}", Image.radial_gradient("L").resize((12_000, 10_000)).convert("RGB"), **settings, **more
    )
    assert read_image(path).shape[0] == (10_000 if suffix == "bmp" else 12_000)
    assert peak_mib(path) < 1536
