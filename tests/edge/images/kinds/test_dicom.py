"""Photographs in DICOM files."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.errors import EdgeError
from edge.images import find_images, passed_over, read_image

pydicom = pytest.importorskip("pydicom", reason="without pydicom NO DICOM FILE WAS READ")

Picture = NDArray[np.uint8]
RLE, JPEG, JPEG2000, BIG = (
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.2",
)


@pytest.fixture
def rgb(eye: Picture) -> Picture:
    return np.ascontiguousarray(eye[:, :, ::-1])


@pytest.fixture
def grey(rgb: Picture) -> Picture:
    return np.asarray(Image.fromarray(rgb).convert("L"))


def test_every_seed_is_the_eye(files: Any, dicom_seeds: dict[str, bytes], eye: Picture, grey: Picture) -> None:
    for name, data in dicom_seeds.items():
        frame = read_image(files.save(name, data))
        wanted = grey[:, :, None] if "grey" in name or "12" in name else eye
        assert np.abs(frame.astype(int) - wanted).mean() < (3 if "jpeg" in name else 0.6), name


def test_first_frame_of_several(files: Any, make_dicom: Any, rgb: Picture, eye: Picture) -> None:
    both = np.stack([rgb, 255 - rgb])
    data = make_dicom(both, "RGB", NumberOfFrames=2)
    np.testing.assert_array_equal(read_image(files.save("native", data)), eye)
    frames = [files.bytes_of(Image.fromarray(each), "JPEG2000") for each in both]
    data = make_dicom(both, "YBR_RCT", JPEG2000, frames, NumberOfFrames=2)
    np.testing.assert_array_equal(read_image(files.save("packed", data)), eye)


def test_ybr_full_is_converted(files: Any, make_dicom: Any, rgb: Picture, eye: Picture) -> None:
    ybr = np.asarray(Image.fromarray(rgb).convert("YCbCr"))
    for planar in (0, 1):
        frame = read_image(files.save("eye", make_dicom(ybr, "YBR_FULL", PlanarConfiguration=planar)))
        assert np.abs(frame.astype(int) - eye).mean() < 1


def test_what_would_be_converted_with_bits_that_do_not_count_is_refused(
    files: Any, make_dicom: Any, rgb: Picture
) -> None:
    data = make_dicom(rgb >> 1 | 0x80, "YBR_FULL", BitsStored=7, HighBit=6)
    with pytest.raises(EdgeError, match=r"colours that are not read \(YBR_FULL of 7 bits\)"):
        read_image(files.save("eye", data))
    above = make_dicom(rgb >> 1 | 0x80, "RGB", BitsStored=7, HighBit=6)  # which only has to be masked
    frame = read_image(files.save("rgb", above))
    assert np.abs(frame[:, :, ::-1].astype(int) - rgb).max() <= 2


def test_palette(files: Any, make_dicom: Any, eye: Picture) -> None:
    indexed = Image.fromarray(np.ascontiguousarray(eye[:, :, ::-1])).quantize(256)
    table = np.asarray(indexed.getpalette(), np.uint8).reshape(-1, 3)
    table = np.vstack([table, np.zeros((256 - len(table), 3), np.uint8)])
    for bits in (8, 16):
        entries = {}
        for name, column in zip(("Red", "Green", "Blue"), table.T, strict=True):
            entries[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
            values = column.astype("<u2") * 257 if bits == 16 else column
            entries[f"{name}PaletteColorLookupTableData"] = values.tobytes()
        frame = read_image(files.save("eye", make_dicom(np.asarray(indexed), "PALETTE COLOR", **entries)))
        np.testing.assert_array_equal(frame, np.asarray(indexed.convert("RGB"))[:, :, ::-1])


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_full_scale_of_the_stored_bits(files: Any, make_dicom: Any, grey: Picture, bits: int, signed: bool) -> None:
    full = np.rint(grey * (((1 << bits) - 1) / 255)).astype(np.int64) - (1 << bits - 1 if signed else 0)
    for name, samples in (("full", full), ("dark", full // 4)):
        stored = samples.astype(np.dtype(f"{'i' if signed else 'u'}{1 if bits == 8 else 2}"))
        data = make_dicom(stored, "MONOCHROME2", BitsStored=bits, HighBit=bits - 1)
        low = -(1 << bits - 1) if signed else 0
        wanted = (samples - low) * (255 / ((1 << bits) - 1))
        frame = read_image(files.save("eye", data))
        assert np.abs(frame[:, :, 0] - wanted).max() <= 1, name
        inverted = read_image(files.save("eye", data.replace(b"MONOCHROME2 ", b"MONOCHROME1 ")))
        np.testing.assert_array_equal(inverted, 255 - frame)


@pytest.mark.parametrize("signed", [False, True])
def test_an_overlay_above_the_stored_bits_is_no_brightness(
    files: Any, make_dicom: Any, grey: Picture, signed: bool
) -> None:
    plain = (grey.astype(np.int16) * 16 - (2048 if signed else 0)).astype(np.int16 if signed else np.uint16)
    overlaid = ((plain.view(np.uint16) & 0x0FFF) | np.uint16(0x5000)).view(plain.dtype)
    frames = [
        read_image(files.save(name, make_dicom(samples, "MONOCHROME2", BitsStored=12, HighBit=11)))
        for name, samples in (("plain", plain), ("overlaid", overlaid))
    ]
    np.testing.assert_array_equal(*frames)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_rescale_and_window_are_pydicoms(files: Any, make_dicom: Any, grey: Picture, function: str) -> None:
    from pydicom.pixels.processing import apply_rescale, apply_windowing

    more = {"RescaleSlope": 2, "RescaleIntercept": -100, "WindowCenter": [3000, 1], "WindowWidth": [2500, 1]}
    samples = grey.astype(np.uint16) * 16
    data = make_dicom(samples, "MONOCHROME2", BitsStored=12, HighBit=11, VOILUTFunction=function, **more)
    dataset = pydicom.dcmread(io.BytesIO(data))
    through = apply_windowing(apply_rescale(dataset.pixel_array, dataset), dataset, 0)
    low, high = -100, 2 * 4095 - 100  # what pydicom maps a window to
    wanted = (through - low) * (255 / (high - low))
    assert np.abs(read_image(files.save("eye", data))[:, :, 0] - wanted).max() <= 1


def test_a_negative_slope_inverts(files: Any, make_dicom: Any, grey: Picture) -> None:
    frame = read_image(files.save("eye", make_dicom(grey, "MONOCHROME2", RescaleSlope=-1, RescaleIntercept=255)))
    np.testing.assert_array_equal(frame[:, :, 0], 255 - grey)


@pytest.mark.parametrize(
    ("kind", "syntax", "more", "words"),
    [
        ("MONOCHROME2", "1.2.840.10008.1.2.4.70", {}, "packed in a way that is not read"),
        ("MONOCHROME2", "1.2.840.10008.1.2.4.80", {}, "packed in a way that is not read"),
        ("MONOCHROME2", "", {"BitsAllocated": 32, "BitsStored": 32}, "more than 16 bits"),
        ("HSV", "", {}, "colours that are not read"),
        ("MONOCHROME2", "", {"Rows": 20}, "fewer than 32"),
        ("MONOCHROME2", "", {"Rows": 4000}, "damaged, cut off"),
        ("MONOCHROME2", "", {"WindowCenter": 1, "WindowWidth": 0}, "window without width"),
        ("MONOCHROME2", "", {"WindowCenter": "1", "WindowWidth": "1e400"}, "no number for WindowWidth"),
        ("MONOCHROME2", "", {"WindowCenter": "inf", "WindowWidth": "1"}, "no number for WindowCenter"),
        ("MONOCHROME2", "", {"RescaleSlope": "nan", "RescaleIntercept": "0"}, "no number for RescaleSlope"),
        ("MONOCHROME2", "", {"RescaleSlope": "0", "RescaleIntercept": "7"}, "slope of 0"),
        ("MONOCHROME2", "", {"RescaleSlope": "1e308", "RescaleIntercept": "1e308"}, "out of range"),
        ("MONOCHROME2", "", {"BitsStored": 6, "HighBit": 7}, "other bits than the lowest"),
    ],
)
def test_what_is_refused_says_why(
    files: Any, make_dicom: Any, grey: Picture, kind: str, syntax: str, more: dict[str, Any], words: str
) -> None:
    path = files.save("eye.dcm", make_dicom(grey, kind, syntax, [b"\xff\xd8\xff\xd9"] if syntax else None, **more))
    with pytest.raises(EdgeError, match=words) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_picture_in_it(files: Any, make_dicom: Any, grey: Picture) -> None:
    dataset = pydicom.dcmread(io.BytesIO(make_dicom(grey, "MONOCHROME2")))
    del dataset.PixelData
    dataset.save_as(files.folder / "eye.dcm")
    with pytest.raises(EdgeError, match="without a picture"):
        read_image(files.folder / "eye.dcm")


def test_cut_off_and_damaged(files: Any, dicom_seeds: dict[str, bytes]) -> None:
    for name, data in dicom_seeds.items():
        for length in np.linspace(140, len(data) - 12, 8).astype(int):
            with pytest.raises(EdgeError):
                read_image(files.save(f"{name}-{length}", data[:length]))


def test_files_without_a_suffix_are_found(files: Any, dicom_seeds: dict[str, bytes], seeds: dict[str, bytes]) -> None:
    data = dicom_seeds["dicom-grey"]
    found = [files.save(name, data) for name in ("1.2.840.113619.2", "IM000001", "eye.DCM")]
    found.append(files.save("picture", seeds["png"]))
    files.save("DICOMDIR", data)
    files.save("notes", b"nothing")
    files.save(".hidden", data)
    assert find_images([files.folder]) == sorted(found)
    assert passed_over([files.folder]).unread == ()


@pytest.mark.parametrize("kind", ["jpeg", "jp2"])
def test_a_picture_of_fewer_bits_than_the_header_says_is_not_black(
    files: Any, seeds: dict[str, bytes], eye: Any, make_dicom: Any, kind: str
) -> None:
    syntax = "1.2.840.10008.1.2.4.50" if kind == "jpeg" else "1.2.840.10008.1.2.4.90"
    wide = make_dicom(eye.astype(np.uint16), "RGB", syntax, [seeds[kind]])
    with pytest.raises(EdgeError, match="has 8 bits, and its header says 16"):
        read_image(files.save("eye.dcm", wide))
