"""What a DICOM image says of its own pixels: the picture, how it was compressed, and how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import edge
from edge.assessment import Verdict
from edge.camera.protocol import Frame
from edge.capture.loop import Graded

_USABLE: dict[Verdict, tuple[str, str]] = {
    "good": ("111237", "Usable - Meets the quality control standard"),
    "usable": ("111236", "Usable - Does not meet the quality control standard"),
    "reject": ("111235", "Unusable - Quality renders image unusable"),
    "no_fundus": ("111235", "Unusable - Quality renders image unusable"),
}


def say_quality(image: Any, graded: Graded, sidecar: Mapping[str, Any]) -> None:
    """Score, verdict and their maker, as the context of the acquisition."""
    score, verdict, maker = (
        _context(("111029", "Image Quality Rating"), "NUMERIC"),
        _context(("111050", "Quality Assessment"), "CODE"),
        _context(("111001", "Algorithm Name"), "TEXT"),
    )
    score.NumericValue = f"{graded.assessment.score:.4f}"
    score.MeasurementUnitsCodeSequence = [code("1", "UCUM", "no units")]
    number, meaning = _USABLE[graded.assessment.verdict]
    verdict.ConceptCodeSequence = [code(number, "DCM", meaning)]
    model = sidecar["model"]
    maker.TextValue = f"efiqa-edge {edge.__version__}, {model['name']} {model['sha256']}, {graded.assessment.verdict}"
    image.AcquisitionContextSequence = [score, verdict, maker]


def draw(image: Any, frame: Frame) -> None:
    """The pixels, and what became of them before they came here."""
    picture = np.ascontiguousarray(frame.image[:, :, ::-1])
    image.Rows, image.Columns = picture.shape[:2]
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", 0
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    image.LossyImageCompression, image.BurnedInAnnotation = "00" if frame.lossy is None else "01", "NO"
    if frame.lossy is not None:
        image.LossyImageCompressionRatio = f"{max(frame.lossy.ratio, 0.01):.6g}"
        image.LossyImageCompressionMethod = frame.lossy.method or "UNKNOWN"  # it may not be left out here
    image.NumberOfFrames = 1
    image.FrameIncrementPointer, image.FrameTimeVector = 0x00181065, [0]
    image.PixelData = picture.tobytes() + b"\0" * (picture.size % 2)


def _context(name: tuple[str, str], kind: str) -> Any:
    item = _dataset()
    item.ValueType = kind
    item.ConceptNameCodeSequence = [code(name[0], "DCM", name[1])]
    return item


def code(value: str, scheme: str, meaning: str) -> Any:
    """A coded entry."""
    item = _dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _dataset() -> Any:
    import pydicom  # an extra

    return pydicom.Dataset()
