"""A captured frame as DICOM: Ophthalmic Photography 8 Bit Image, with the quality as acquisition context.

It holds no patient data except that of its study: see ``edge.capture.archive.study``.
"""

from __future__ import annotations

import datetime
import io
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

import edge
from edge.camera.protocol import Frame
from edge.capture.archive import codes
from edge.capture.archive.codes import code
from edge.capture.archive.settled import settle, settle_eye
from edge.capture.archive.study import Study
from edge.capture.archive.study_file import import_pydicom
from edge.capture.graded import Graded
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind


def dicom_bytes(
    graded: Graded, sidecar: Mapping[str, Any], study: Study, number: int, eye: Eye | None, field: FieldKind
) -> bytes:
    """One captured frame as a DICOM file. The same arguments give the same instance, whose UID depends on the number.

    Args:
        graded: the frame.
        sidecar: the content of ``STEM.json``.
        study: of the visit.
        number: of the image in the visit, from 1.
        eye: that it shows; None where it is unknown, which Ophthalmic Photography cannot say: see ``settle``.
        field: what it is centred on.
    """
    pydicom = import_pydicom()
    image = pydicom.Dataset()
    taken = datetime.datetime.fromisoformat(sidecar["frame"]["taken"]).astimezone()
    image.SOPInstanceUID = study.image_uid(number)
    image.InstanceNumber = number
    _add_times(image, None if study.began is None else study.began.by(graded.epoch), taken)
    image.ImageType = ["ORIGINAL", "PRIMARY"]
    image.SoftwareVersions = f"efiqa-edge {edge.__version__}"
    _add_quality(image, graded, sidecar)
    _add_pixels(image, graded.frame)
    settle(image, study, eye, field)
    return _written(image)


def rewritten(data: bytes, study: Study, eye: Eye | None, field: FieldKind) -> bytes:
    """The same instance with what the operator said since: another eye, or whose visit it is.

    Only for a file that has not left: an archive would keep what it got first (PS3.4, B.4.1).

    Args:
        data: as ``dicom_bytes`` made it.
        study: of the visit, which may have got an identity.
        eye, field: as for ``dicom_bytes``.
    """
    image = import_pydicom().dcmread(io.BytesIO(data))
    if study.began is None:
        image.StudyDate, image.StudyTime = "", ""
    elif not image.StudyDate:
        image.StudyDate, image.StudyTime = _day_and_time(study.began.by(time.time() - time.monotonic()))
    settle(image, study, eye, field)
    return _written(image)


def answered(data: bytes, eye: Eye, field: FieldKind) -> bytes:
    """The same instance with the eye that somebody named after its visit was over. Only for a file that has not left.

    Args:
        data: as ``dicom_bytes`` or ``rewritten`` made it.
        eye: that it shows.
        field: what it is centred on.
    """
    image = import_pydicom().dcmread(io.BytesIO(data))
    settle_eye(image, eye, field)
    return _written(image)


def _written(image: Any) -> bytes:
    pydicom = import_pydicom()
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    file = io.BytesIO()
    pydicom.dcmwrite(file, image, enforce_file_format=True)
    return file.getvalue()


def _add_times(image: Any, began: datetime.datetime | None, taken: datetime.datetime) -> None:
    image.SpecificCharacterSet = "ISO_IR 192"
    image.StudyDate, image.StudyTime = ("", "") if began is None else _day_and_time(began)
    image.ContentDate, image.ContentTime = _day_and_time(taken)
    image.AcquisitionDateTime = taken.strftime("%Y%m%d%H%M%S.%f%z")
    image.TimezoneOffsetFromUTC = taken.strftime("%z")


def _day_and_time(moment: datetime.datetime) -> tuple[str, str]:
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S.%f")


def _add_quality(image: Any, graded: Graded, sidecar: Mapping[str, Any]) -> None:
    """Add score, verdict, causes, coverage and their algorithm as acquisition context."""
    assessment, model = graded.assessment, sidecar["model"]
    maker = f"efiqa-edge {edge.__version__}, {model['name']} {model['sha256']}, {assessment.verdict}"
    image.AcquisitionContextSequence = [
        codes.numeric("111029", "DCM", "Image Quality Rating", assessment.score),
        codes.coded("111050", "DCM", "Quality Assessment", codes.USABLE[assessment.verdict]),
        codes.text("111001", "DCM", "Algorithm Name", maker),
        codes.numeric("COVERAGE", codes.SCHEME, "Lit share of the field of view", assessment.coverage),
    ]
    for cause in assessment.causes:  # the one that most likely took most of it first
        finding = codes.coded("111052", "DCM", "Quality Finding", codes.FINDINGS[cause.code])
        image.AcquisitionContextSequence.append(finding)
    if "criterion" in sidecar:
        name = ("ADEQUACY", codes.SCHEME, "Adequacy by a criterion of screening")
        image.AcquisitionContextSequence.append(codes.text(*name, sidecar["criterion"]["words"]))
    image.CodingSchemeIdentificationSequence = [codes.private_scheme()]
    image.AnatomicRegionSequence = [code("5665001", "SCT", "Retina")]


def _add_pixels(image: Any, frame: Frame) -> None:
    """Add the pixels and their earlier lossy compression."""
    picture = np.ascontiguousarray(frame.image[:, :, ::-1])
    image.Rows, image.Columns = picture.shape[:2]
    image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", 0
    image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
    image.LossyImageCompression, image.BurnedInAnnotation = "00" if frame.lossy is None else "01", "NO"
    if frame.lossy is not None:
        image.LossyImageCompressionRatio = f"{max(frame.lossy.ratio, 0.01):.6g}"
        image.LossyImageCompressionMethod = frame.lossy.method or "UNKNOWN"  # required here
    image.PixelData = picture.tobytes() + b"\0" * (picture.size % 2)
