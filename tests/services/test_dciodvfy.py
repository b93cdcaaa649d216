"""Every DICOM file that we write, judged by David Clunie's dciodvfy."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.assessment import Assessment, Timings, Verdict
from edge.camera.folder import FolderCamera
from edge.camera.open import open_camera
from edge.camera.protocol import Frame
from edge.camera.recording.lossy import Lossy
from edge.capture.archive import codes
from edge.capture.archive.dicom import dicom_bytes, rewritten
from edge.capture.archive.study import begin_study, identified
from edge.capture.archive.study_file import read_study
from edge.capture.archive.worklist_item import Code, WorklistItem
from edge.capture.graded import Graded
from edge.errors import EdgeError
from edge.field.find import Crop
from edge.findings.cause import CAUSES, CauseCode
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind

pydicom = pytest.importorskip("pydicom")
SIDECAR = {"frame": {"taken": "2026-03-04T05:06:07.800+00:00"}, "model": {"name": "default", "sha256": "ab" * 32}}
COLOUR = np.random.default_rng(1).integers(0, 255, (65, 61, 3), np.uint8)
GREY = np.repeat(COLOUR[:, :, :1], 3, axis=2)


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., None]:
    if shutil.which("dciodvfy") is None:
        pytest.skip("NO DCIODVFY: what we write is NOT held against DICOM; apt install dicom3tools")

    def errors(data: bytes, kind: str = "OphthalmicPhotography8BitImage") -> None:
        (tmp_path / "image.dcm").write_bytes(data)
        done = subprocess.run(["dciodvfy", tmp_path / "image.dcm"], capture_output=True, text=True, errors="replace")
        said = (done.stdout + done.stderr).splitlines()
        assert kind in said
        assert [line for line in said if line.startswith("Error")] == []

    return errors


def image(
    picture: NDArray[np.uint8] = COLOUR,
    eye: Eye | None = "right",
    study: Path | None = None,
    lossy: Lossy | None = None,
    verdict: Verdict = "good",
    field: FieldKind = "macula",
) -> bytes:
    whole = np.ones((4, 4), bool)
    assessment = Assessment(
        0.875, verdict, np.full((4, 4), 0.125, np.float32), whole, Crop(0, 0, 60), Timings(1.0, 2.0, 3.0)
    )
    graded = Graded(Frame(picture, 1, 100.0, lossy=lossy), assessment, 1.0, 5.0)
    return dicom_bytes(graded, SIDECAR, begin_study(study and read_study(study)), 1, eye, field)


@pytest.mark.parametrize("lossy", [None, Lossy("ISO_10918_1", 12.5), Lossy("ISO_14496_10", 1 / 3), Lossy("", 1e7)])
@pytest.mark.parametrize("picture", [COLOUR, GREY, COLOUR[:1, :1], COLOUR[:, :60]], ids=["rgb", "grey", "one", "even"])
@pytest.mark.parametrize("eye", ["right", "left"])
def test_images_of_all_kinds(
    judge: Callable[..., None], picture: NDArray[np.uint8], eye: Eye, lossy: Lossy | None
) -> None:
    judge(image(np.ascontiguousarray(picture), eye, lossy=lossy))


@pytest.mark.parametrize("verdict", ["usable", "reject", "no_fundus"])
def test_images_of_all_verdicts(judge: Callable[..., None], verdict: Verdict) -> None:
    judge(image(verdict=verdict))


WHOLE = """patient_name: Doe^Jane
patient_id: "00123"
birth_date: 1950-01-31
sex: O
accession_number: A-77
study_uid: 1.2.826.0.1.3680043.8.498.7
study_id: S 1
study_description: Ärztliche Kontrolle
referring_physician: 李^四
institution: St. Mary's
manufacturer: Maker & Söhne
model: HandCam
serial_number: 42
pixel_spacing: 0.0061
"""
NAMES = ["Müller^Änne", "山田^太郎", "Yamada^Tarou=山田^太郎=やまだ^たろう", "محمد^علي", "Łukasz^Żółć", "A" * 64,
         "山" * 64, "Doe^Jane^Q^Dr.^MD", "^", "=", "^=", "^^^^", "==", "Doe^", "^Jane", "O'Neil^Mary-Jane", " ",
         " Doe ", "", "*", "?", "🦠^👁", "\u202eeoD", "e\u0301", "a\u2028b", "\ufeffDoe", "\ufffe", "\x00", "\x1b[31m",
         "a\tb", "a\nb", "\x7f", "\x85", "\ud800", "A" * 65, "山" * 200, "a" * 100_000, "a^b^c^d^e^f", "a=b=c=d",
         "a\\b", "/", "%s", "null", "~"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:24] for name in NAMES])
@pytest.mark.parametrize("field", ["patient_name", "patient_id", "institution", "referring_physician", "study_id"])
def test_an_identity_is_told_right_or_refused_in_one_sentence(
    judge: Callable[..., None], tmp_path: Path, field: str, name: str
) -> None:
    path = tmp_path / "study.yaml"
    escaped = "".join(c if " " <= c <= "~" and c not in '"\\' else f"\\U{ord(c):08x}" for c in name)
    path.write_text(f'{field}: "{escaped}"\n', encoding="utf-8")
    try:
        data = image(study=path)
    except EdgeError as error:
        told = str(error)
    else:
        judge(data)
        assert "\ud800" not in name  # which no file can hold
        return
    assert told.startswith(f"{path}: {field} does not have the form or length")
    assert len(name) < 3 or name not in told.replace(str(path), "")


def test_all_that_can_be_said(judge: Callable[..., None], tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    judge(image(study=path))
    path.write_text("sex: F\nmanufacturer: ''\nmodel: ''\npatient_id: ''\n", encoding="utf-8")
    judge(image(study=path))


# --- from a source


def record(path: Path, codec: str, pixels: str) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        for n in range(8):
            picture = np.full((48, 64, 3), 20 * n, np.uint8)
            picture[10:30, 10 + n : 40] = COLOUR[:20, : 30 - n]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "bgr24")))
        container.mux(stream.encode())
    return path


RECORDINGS = [
    ("a.avi", "mjpeg", "yuvj420p", "ISO_10918_1"),
    ("a.mp4", "libx264", "yuv420p", "ISO_14496_10"),
    ("a.mkv", "mpeg4", "yuv420p", "ISO_14496_2"),
    ("a.webm", "libvpx", "yuv420p", "VP8"),
    ("b.mkv", "ffv1", "bgr0", None),
    ("c.mov", "png", "rgb24", None),
    ("d.avi", "rawvideo", "bgr24", None),
]


@pytest.mark.parametrize(("name", "codec", "pixels", "method"), RECORDINGS, ids=[row[1] for row in RECORDINGS])
def test_recordings_say_what_they_lost(
    judge: Callable[..., None], tmp_path: Path, name: str, codec: str, pixels: str, method: str | None
) -> None:
    path = record(tmp_path / name, codec, pixels)
    camera = open_camera(str(path))
    first = camera.read()
    frame = camera.read()
    camera.close()
    assert first is not None
    assert frame is not None
    data = of_frame(frame)
    judge(data)
    said = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    assert said.LossyImageCompression == ("00" if method is None else "01")
    assert said.get("LossyImageCompressionMethod") == method
    if method is not None:
        assert 1 < said.LossyImageCompressionRatio < 48 * 64 * 3


def of_frame(frame: Frame) -> bytes:
    whole = np.ones((4, 4), bool)
    assessment = Assessment(
        0.875, "good", np.full((4, 4), 0.125, np.float32), whole, Crop(0, 0, 40), Timings(1.0, 2.0, 3.0)
    )
    return dicom_bytes(Graded(frame, assessment, 1.0, 5.0), SIDECAR, begin_study(), 1, "left", "disc")


KINDS = [
    ("a.jpg", {}, "ISO_10918_1"),
    ("a.png", {}, None),
    ("a.bmp", {}, None),
    ("a.tif", {}, None),
    ("b.tif", {"compression": "jpeg"}, "ISO_10918_1"),
    ("c.tif", {"compression": "tiff_deflate"}, None),
    ("a.webp", {}, "VP8"),
    ("b.webp", {"lossless": True}, None),
    ("a.jp2", {"irreversible": True}, "ISO_15444_1"),
    ("b.jp2", {}, None),
    ("a.avif", {}, "AV1"),
]


@pytest.mark.parametrize(("name", "settings", "method"), KINDS, ids=[f"{row[0]}" for row in KINDS])
def test_photographs_say_what_they_lost(
    judge: Callable[..., None], tmp_path: Path, name: str, settings: dict[str, object], method: str | None
) -> None:
    smooth = np.add.outer(np.arange(96), np.arange(64)).astype(np.uint8)
    Image.fromarray(np.stack([smooth, smooth // 2, smooth // 3], axis=2)).save(tmp_path / name, **settings)
    frame = FolderCamera(tmp_path).read()
    assert frame is not None
    data = of_frame(frame)
    judge(data)
    said = pydicom.dcmread(pydicom.filebase.DicomBytesIO(data))
    assert (said.LossyImageCompression, said.get("LossyImageCompressionMethod")) == (
        "00" if method is None else "01",
        method,
    )


def test_a_dicom_file_that_was_lossy_stays_so(judge: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(image(lossy=Lossy("ISO_10918_1", 9.0)))
    frame = FolderCamera(tmp_path).read()
    assert frame is not None
    assert frame.lossy is not None
    assert frame.lossy.method == "ISO_10918_1"
    judge(of_frame(dataclasses.replace(frame, picture=COLOUR)))
    (tmp_path / "a.dcm").write_bytes(image())
    frame = FolderCamera(tmp_path).read()
    assert frame is not None
    assert frame.lossy is None


@pytest.mark.parametrize("lossy", [None, Lossy("ISO_10918_1", 12.5)])
@pytest.mark.parametrize("field", ["macula", "disc", "other"])
def test_an_image_is_right_in_every_state_of_a_visit(
    judge: Callable[..., None], field: FieldKind, lossy: Lossy | None
) -> None:
    """Without an eye, with one, corrected, with an identity, and with an order of a worklist."""
    unknown = image(eye=None, field=field, lossy=lossy)
    judge(unknown, "VLPhotographicImage")
    ordered = WorklistItem(
        "0f", {"PatientID": "77", "PatientName": "Roe^Rita", "AccessionNumber": "A-9"}, "2026-11-29T09:30",
        "1.2.826.0.1.3680043.8.498.77", "RP-1", "Fundus", "S-1", "both eyes",
        Code("FP", "99RIS", "Fundus"), Code("FP2", "99RIS", "Both"),
    )  # fmt: skip
    bare = begin_study()
    named = identified(bare, {"PatientID": "00123", "PatientBirthDate": "19500131"})
    for study in (bare, named, identified(named, {}, ordered)):
        for eye in ("right", "left"):
            judge(rewritten(unknown, study, eye, field))
        judge(rewritten(image(eye="left", field=field, lossy=lossy), study, None, field), "VLPhotographicImage")


@pytest.mark.parametrize("name", list(CAUSES))
def test_every_cause_and_the_criterion_are_right(judge: Callable[..., None], name: CauseCode) -> None:
    data = pydicom.dcmread(pydicom.filebase.DicomBytesIO(image()))
    data.AcquisitionContextSequence.append(codes.coded("111052", "DCM", "Quality Finding", codes.FINDINGS[name]))
    data.AcquisitionContextSequence.append(codes.text("ADEQUACY", codes.SCHEME, "Adequacy", "nhs-desp: adequate"))
    file = pydicom.filebase.DicomBytesIO()
    data.save_as(file)
    judge(file.getvalue())
