"""Samples of more than 8 bits: one rule for every kind of file, full scale mapped linearly to 0..255."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from edge.errors import EdgeError
from edge.images import ImageReader, read_image

Samples = NDArray[np.uint16]


def mapped(samples: NDArray[Any], full: int = 65535) -> NDArray[np.uint8]:
    """The rule, in whole numbers; there are no ties where ``full`` is odd."""
    return np.asarray((samples.astype(np.int64) * 510 + full) // (2 * full), np.uint8)


@pytest.fixture(scope="module")
def wide() -> Samples:
    """RGB of 16 bits, (256, 128, 3): every 16-bit number and more."""
    return np.random.default_rng(0).permutation(np.arange(3 * 32768) % 65536).reshape(256, 128, 3).astype(np.uint16)


def saved(files: Any, kind: str, samples: Samples) -> Path:
    """RGB samples, or the first channel of them, as a file of a kind; alpha is opaque."""
    height, width = samples.shape[:2]
    grey = np.ascontiguousarray(samples[:, :, 0])
    opaque = np.full((height, width, 1), 65535, np.uint16)
    if kind.startswith("png"):
        colour = {"png": 0, "png-colour": 2, "png-alpha": 4, "png-colour-alpha": 6}[kind]
        own = samples if colour in (2, 6) else grey[:, :, None]
        rows = files.rows(np.concatenate([own, opaque], axis=2) if colour >= 4 else own)
        return Path(files.save(f"{kind}.png", files.png((width, height), 16, colour, rows)))
    path = Path(files.folder / kind)
    match kind:
        case "tiff" | "tiff-colour":
            files.save(kind, files.tiff(grey if kind == "tiff" else samples))
        case "tiff-colour-alpha":
            files.save(kind, files.tiff(np.concatenate([samples, opaque], axis=2), {338: 2}))
        case "tiff-planar-colour":
            tifffile.imwrite(path, np.moveaxis(samples, -1, 0), photometric="rgb", planarconfig="separate")
        case "pnm" | "pnm-colour":
            part = grey if kind == "pnm" else samples
            head = f"P{5 if kind == 'pnm' else 6}\n{width} {height}\n65535\n".encode()
            files.save(kind, head + part.astype(">u2").tobytes())
        case "j2k":
            files.save(kind, files.bytes_of(Image.fromarray(grey), "JPEG2000", no_jp2=True, irreversible=False))
    return path


KINDS = ["png", "png-colour", "png-alpha", "png-colour-alpha", "tiff", "tiff-colour", "tiff-colour-alpha"]
KINDS += ["tiff-planar-colour", "pnm", "pnm-colour", "j2k"]


@pytest.mark.parametrize("kind", KINDS)
def test_one_rule_for_every_kind(files: Any, wide: Samples, kind: str) -> None:
    wanted = mapped(wide) if "colour" in kind else np.repeat(mapped(wide[:, :, :1]), 3, axis=2)
    np.testing.assert_array_equal(read_image(saved(files, kind, wide)), wanted[:, :, ::-1])


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_dicom_without_a_window(files: Any, wide: Samples, make_dicom: Any, bits: int) -> None:
    full = (1 << bits) - 1
    samples = wide & full
    grey, colour = (
        make_dicom(part, kind, BitsStored=bits, HighBit=bits - 1)
        for part, kind in ((np.ascontiguousarray(samples[:, :, 0]), "MONOCHROME2"), (samples, "RGB"))
    )
    wanted = mapped(samples, full)[:, :, ::-1]
    np.testing.assert_array_equal(read_image(files.save("a.dcm", colour)), wanted)
    np.testing.assert_array_equal(read_image(files.save("b.dcm", grey)), np.repeat(wanted[:, :, 2:], 3, axis=2))


@pytest.mark.parametrize("bits", [9, 12, 15])
def test_jpeg_2000_of_fewer_bits(files: Any, wide: Samples, bits: int) -> None:
    """Pillow writes 16 bits only, so the header is made to say what the samples have."""
    grey = np.ascontiguousarray(wide[:, :, 0]) >> (16 - bits)
    data = bytearray(files.bytes_of(Image.fromarray(grey), "JPEG2000", no_jp2=True, irreversible=False))
    at = data.index(b"\xff\x4f\xff\x51")
    assert data[at + 42] == 15
    # Samples are stored around the middle of their range: moved by as much, they are the same numbers of fewer bits.
    moved = (grey.astype(np.int64) - (1 << (bits - 1)) + 32768).astype(np.uint16)
    data = bytearray(files.bytes_of(Image.fromarray(moved), "JPEG2000", no_jp2=True, irreversible=False))
    data[at + 42] = bits - 1
    frame = read_image(files.save("eye.j2k", bytes(data)))
    np.testing.assert_array_equal(frame[:, :, 0], mapped(grey, (1 << bits) - 1))


@pytest.mark.parametrize("deep", [10, 12])
@pytest.mark.parametrize("mode", ["RGB;16", "RGBA;16"])
def test_heic_of_more_than_8_bits(
    files: Any, wide: Samples, deep: int, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    heif = pytest.importorskip("pillow_heif", reason="without pillow-heif NO HEIC WAS READ")
    monkeypatch.setattr(heif.options, "SAVE_HDR_TO_12_BIT", deep == 12)
    opaque = np.full((*wide.shape[:2], 1), 65535, np.uint16)
    samples = wide if mode == "RGB;16" else np.concatenate([wide, opaque], axis=2)
    path = files.folder / "eye.heic"
    heif.from_bytes(mode=mode, size=(128, 256), data=samples.tobytes()).save(path, quality=-1)
    stored = np.asarray(heif.open_heif(path, convert_hdr_to_8bit=False))[:, :, :3]
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(read_image(path), mapped(stored >> (16 - deep), (1 << deep) - 1)[:, :, ::-1])


@pytest.mark.parametrize("kind", ["png-alpha", "png-colour-alpha", "tiff-colour-alpha"])
def test_bits_count_in_pictures_with_alpha_too(files: Any, wide: Samples, kind: str) -> None:
    twelve = wide >> 4
    wanted = mapped(twelve, 4095) if "colour" in kind else np.repeat(mapped(twelve[:, :, :1], 4095), 3, axis=2)
    np.testing.assert_array_equal(read_image(saved(files, kind, twelve), 12), wanted[:, :, ::-1])


def test_a_png_of_16_bits_that_unfolds_to_too_much(files: Any) -> None:
    with pytest.raises(EdgeError, match="unfolds to more than 512 MiB"):
        read_image(files.save("eye.png", files.png((10_000, 10_000), 16, 2, b"")))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "planar" not in kind])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_few_bits_in_16_are_noticed_and_not_stretched(files: Any, wide: Samples, kind: str, bits: int) -> None:
    path = saved(files, kind, wide >> (16 - bits))
    with ImageReader() as reader:
        picture = reader.picture(path)
        assert picture.reaches == bits
        assert picture.frame.max() <= 256 >> (16 - bits)
        assert reader.picture(path, bits).reaches is None
        assert reader.picture(path, 16).reaches is None
        assert reader.picture(saved(files, kind, wide)).reaches is None
        assert reader.picture(saved(files, kind, wide >> 8)).reaches is None  # dark, or of 8 bits


def test_what_says_its_white_needs_no_notice(files: Any, wide: Samples, make_dicom: Any) -> None:
    twelve = np.ascontiguousarray(wide[:, :, 0]) >> 4
    dark = twelve >> 2 << 4
    told = {
        "a.png": files.png((128, 256), 16, 0, files.rows(twelve), files.chunk(b"sBIT", b"\x0c")),
        "scaled.png": files.png((128, 256), 16, 0, files.rows(dark >> 4 << 4), files.chunk(b"sBIT", b"\x0c")),
        "a.tif": files.tiff(twelve, {281: 4095}),
        "a.pgm": b"P5\n128 256\n4095\n" + twelve.astype(">u2").tobytes(),
        "a.dcm": make_dicom(twelve, "MONOCHROME2"),
    }
    with ImageReader() as reader:
        for name, data in told.items():
            assert reader.picture(files.save(name, data)).reaches is None, name
