"""A photograph in a DICOM file: the first frame, through its rescale and its window."""

from __future__ import annotations

import io
import math
import warnings
from typing import Any, BinaryIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import pixel_array
from pydicom.uid import RLELossless

from edge.images.kinds import jpeg
from edge.images.kinds.j2k import check_tiles, depth_of
from edge.images.limits import TWO_SIZES, RefusedError, check_size
from edge.images.samples import Stored, eight_bits, grey_to_bgr, look_up, to_eight

_JPEG = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51")
_JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
_GREY = ("MONOCHROME1", "MONOCHROME2")
_CONVERTED = ("YBR_FULL", "YBR_FULL_422")
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")


def header(file: BinaryIO) -> pydicom.Dataset:
    """Read a file and refuse what cannot be shown correctly.

    Raises:
        RefusedError: it has no picture, one that is too large or too small, or samples or a packing that is not read.
    """
    dataset = pydicom.dcmread(file)
    if "PixelData" not in dataset:
        raise RefusedError("is a DICOM file without a picture of whole numbers: give one with a photograph in it")
    samples, kind = int(dataset.SamplesPerPixel), str(dataset.PhotometricInterpretation)
    if int(dataset.BitsAllocated) not in (1, 8, 16) or not 1 <= int(dataset.BitsStored) <= int(dataset.BitsAllocated):
        raise RefusedError("holds samples of more than 16 bits: export the picture in it with 8 or 16 bits")
    if int(dataset.get("HighBit", dataset.BitsStored - 1)) != int(dataset.BitsStored) - 1:
        raise RefusedError(
            f"holds its samples in other bits than the lowest (HighBit {dataset.HighBit} of {dataset.BitsStored} bits "
            "stored): export the picture in it as PNG"
        )
    if (kind in (*_GREY, "PALETTE COLOR")) != (samples == 1) or (
        samples > 1 and (kind not in _COLOURS or samples != 3)
    ):
        raise RefusedError(f"has colours that are not read ({samples} x {kind}): export the picture in it as PNG")
    if kind in _CONVERTED and int(dataset.BitsStored) != 8:  # it is made RGB before the bits above are left away
        raise RefusedError(f"has colours that are not read ({kind} of {dataset.BitsStored} bits): export it as PNG")
    check_size(int(dataset.Columns), int(dataset.Rows), samples * int(dataset.BitsAllocated) / 8)
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_encapsulated and syntax not in (*_JPEG, *_JPEG_2000, RLELossless):
        raise RefusedError(f"is packed in a way that is not read ({syntax.name}): export it uncompressed, or as PNG")
    if samples > 1 and int(dataset.get("PixelRepresentation", 0)):
        raise RefusedError("holds signed colours: export the picture in it as PNG")
    for sequence in ("ModalityLUTSequence", "VOILUTSequence"):
        if dataset.get(sequence) and not (sequence == "VOILUTSequence" and _first(dataset, "WindowWidth") is not None):
            raise RefusedError("has brightness given as a table, which is not read: export the picture in it as PNG")
    return dataset


def load(dataset: pydicom.Dataset) -> Stored:
    """Decode the first frame.

    Raises:
        RefusedError: it is damaged.
    """
    said = str(dataset.get("ImageLaterality") or dataset.get("Laterality") or "")
    return Stored(_picture(dataset), eye=said if said in ("R", "L") else None)


def _picture(dataset: pydicom.Dataset) -> NDArray[np.uint8]:
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        _check_frame(dataset)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*RLE")  # a segment that unfolds to too much
        stored = np.asarray(pixel_array(dataset, index=0))
    kind = str(dataset.PhotometricInterpretation)
    if kind in _GREY:
        bits = stored.dtype.itemsize * 8
        return grey_to_bgr(look_up(_grey_table(dataset, stored.dtype), stored.view(f"u{bits // 8}")))
    if kind == "PALETTE COLOR":
        stored = apply_color_lut(stored, dataset)[:, :, :3]
        full = 255 if stored.dtype.itemsize == 1 else 65535
    else:
        full = (1 << int(dataset.BitsStored)) - 1
    stored = stored & full  # bits above those stored may hold an overlay
    eight = stored if full == 255 and stored.dtype == np.uint8 else to_eight(stored, full)
    return np.asarray(eight[:, :, ::-1], np.uint8)


def _check_frame(dataset: pydicom.Dataset) -> None:
    """Find the damage that Pillow ignores in a JPEG, also here."""
    number = int(dataset.get("NumberOfFrames", 1) or 1)
    frame = get_frame(dataset.PixelData, 0, number_of_frames=number)
    syntax = dataset.file_meta.TransferSyntaxUID
    size = (int(dataset.Columns), int(dataset.Rows))
    if syntax in _JPEG:
        jpeg.decode(frame, "GRAY" if int(dataset.SamplesPerPixel) == 1 else "BGR", size)
    elif syntax in _JPEG_2000:
        image = Image.open(io.BytesIO(frame), formats=("JPEG2000",))
        if image.size != size:
            raise RefusedError(TWO_SIZES)
        check_tiles(frame)
    depth = 8 if syntax in _JPEG else depth_of(frame) if syntax in _JPEG_2000 else None
    if depth is not None and depth < int(dataset.BitsStored):
        raise RefusedError(
            f"is damaged: its picture has {depth} bits, and its header says {dataset.BitsStored}; "
            "copy it again from its source"
        )


def _grey_table(dataset: pydicom.Dataset, kind: np.dtype[Any]) -> NDArray[np.uint8]:
    """For every bit pattern of a stored sample its 8-bit grey; uint8 (256,) or (65536,)."""
    bits, size = int(dataset.BitsStored), kind.itemsize * 8
    spare = size - bits  # bits above those stored may hold an overlay: shifted out, and the sign is taken along back
    patterns = np.arange(1 << size).astype(f"u{size // 8}") << spare
    stored = (patterns.astype(f"u{size // 8}").view(kind) >> spare).astype(np.float64)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if kind.kind == "i" else (0, (1 << bits) - 1)
    slope, intercept = (_first(dataset, name) for name in ("RescaleSlope", "RescaleIntercept"))
    slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
    if slope == 0:
        raise RefusedError("has a rescale slope of 0, which makes one grey of all: export the picture in it as PNG")
    with np.errstate(over="ignore", invalid="ignore"):
        return _greys(dataset, stored * slope + intercept, (low * slope + intercept, high * slope + intercept))


def _greys(dataset: pydicom.Dataset, value: NDArray[np.float64], ends_of: tuple[float, float]) -> NDArray[np.uint8]:
    """The 8-bit grey of rescaled values, through the file's window, or from one end of their range to the other."""
    centre, width = _first(dataset, "WindowCenter"), _first(dataset, "WindowWidth")
    if centre is None or width is None:
        ends = sorted(ends_of)
        part = (value - ends[0]) / ((ends[1] - ends[0]) or 1.0)
    else:
        part = _window(value, centre, width, str(dataset.get("VOILUTFunction", "LINEAR") or "LINEAR"))
    if not np.isfinite(part).all():
        raise RefusedError("has a rescale or a window that is out of range: export the picture in it as PNG")
    grey = eight_bits(part)
    return 255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def _window(value: NDArray[np.float64], centre: float, width: float, function: str) -> NDArray[np.float64]:
    """Values through a window (DICOM PS3.3 C.11.2.1.2), 0 to 1."""
    if width <= 0 or (function == "LINEAR" and width < 1):
        raise RefusedError("has a window without width: export the picture in it as PNG")
    if function == "SIGMOID":
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (value - centre) / width, -700, 700))))
    if function == "LINEAR_EXACT":
        return (value - centre) / width + 0.5
    if function != "LINEAR":
        raise RefusedError(
            f"has a window of a kind that is not read ({function[:16]}): export the picture in it as PNG"
        )
    if width == 1:
        return (value > centre - 0.5).astype(np.float64)
    return (value - (centre - 0.5)) / (width - 1) + 0.5


def _first(dataset: pydicom.Dataset, name: str) -> float | None:
    """A number, or the first of several."""
    value = dataset.get(name)
    if value is None or value == "":
        return None
    values = [value] if isinstance(value, (int, float, str)) else list(value)
    if not values:
        return None
    if not math.isfinite(number := float(values[0])):
        raise RefusedError(f"gives no number for {name} ({str(values[0])[:20]}): export the picture in it as PNG")
    return number
