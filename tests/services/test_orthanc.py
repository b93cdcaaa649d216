"""Captures on their way to a real archive: Orthanc with its DICOMweb plugin."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")
pytest.importorskip("aiohttp")

LOGIN = {"EFIQA_STOW_LOGIN": "camera:p@ss:w/rd"}
SECRETS = ("p@ss", "p%40ss", "00123", "Müller", "1950")
ONE = ("--fast", "--no-video", "--frames", "45", "--dicom", "--laterality", "L")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text("patient_id: 00123\npatient_name: Müller^Änne\nbirth_date: 1950-01-31\nsex: F\n", encoding="utf-8")
    return path


def kept(out: Path) -> list[Any]:
    return sorted(map(pydicom.dcmread, out.rglob("*.dcm")), key=lambda image: int(image.InstanceNumber))


def marks(out: Path) -> list[Path]:
    return [*out.rglob(".*.waiting"), *out.rglob(".handing-over")]


def test_what_comes_back_is_what_was_captured(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], study: Path, tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    run = capture(
        "demo", "--no-video", "--json", "--strictness", "easy", "--keep-dicom", "2", "--dicom", "--laterality", "L",
        "--study", study, "--hand-over", orthanc.address, "--out", out, **LOGIN,
    )  # fmt: skip
    assert run.end() == 0, run.said.read_text()
    sent, back = kept(out), orthanc.instances()
    assert len(sent) == len(back) >= 2
    for mine, theirs in zip(sent, back, strict=True):
        assert np.array_equal(mine.pixel_array, theirs.pixel_array)
        assert mine == theirs  # every attribute of the data set
        assert theirs.PatientName == "Müller^Änne"
    shots = [json.loads(path.with_suffix(".json").read_text())["capture"] for path in out.glob("*.dcm")]
    assert {shot["rank"] for shot in shots} <= {1, 2}
    assert run.notes("DICOM") == []
    assert marks(out) == []
    for path in (run.said, run.said.with_name("stdout"), *out.glob("*.json*")):
        assert not [secret for secret in SECRETS if secret in path.read_text()], path


def test_an_archive_that_goes_away_and_comes_back_loses_nothing(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    run = capture(
        "demo:20", "--no-video", "--strictness", "easy", "--dicom", "--laterality", "R",
        "--hand-over", orthanc.address, "--out", out, **LOGIN,
    )  # fmt: skip
    while not orthanc.instances():
        assert run.process.poll() is None, run.said.read_text()
    orthanc.stop()
    run.process.send_signal(signal.SIGUSR1)
    run.wait_for("does not take DICOM files")
    orthanc.start()
    assert run.end() == 0, run.said.read_text()
    assert [image.SOPInstanceUID for image in orthanc.instances()] == [image.SOPInstanceUID for image in kept(out)]
    assert len(kept(out)) >= 2
    began, over = run.notes("DICOM")
    assert began.startswith("note: http://127.0.0.1:")
    assert "takes DICOM files again, after" in over
    assert marks(out) == []


def test_what_was_not_delivered_goes_at_the_next_start(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], study: Path, tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    first = capture("demo", *ONE, "--study", study, "--hand-over", orthanc.address, "--out", out, **LOGIN)
    first.wait_for("does not take DICOM files")
    first.process.kill()  # as a power cut would
    first.end()
    assert len(kept(out)) == 1
    orthanc.start()
    second = capture("demo", *ONE, "--hand-over", orthanc.address, "--out", out, **LOGIN)
    assert second.end() == 0, second.said.read_text()
    assert len(orthanc.instances()) == len(kept(out)) == 2
    (told,) = second.notes("DICOM")
    assert told.startswith("note: 1 DICOM file of earlier sessions in")
    assert marks(out) == []


def test_wrong_credentials_are_told_of_and_end_in_bounded_time(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    wrong = orthanc.address.replace("://", "://camera:wrongword@")
    run = capture("demo", *ONE, "--hand-over", wrong, "--out", out)
    assert run.end() == 1
    began, *_, left = run.notes("DICOM")
    assert "it answers 401: user, password or token is wrong" in began
    assert "1 DICOM file could not be handed over" in left
    assert "401" in left
    assert "wrongword" not in run.said.read_text()
    right = orthanc.address.replace("://", f"://camera:{quote('p@ss:w/rd', safe='')}@")
    again = capture("demo", *ONE, "--hand-over", right, "--out", out)
    assert again.end() == 0, again.said.read_text()
    assert len(orthanc.instances()) == 2


def test_an_instance_that_the_archive_refuses_does_not_keep_the_others_from_it(
    make_orthanc: Callable[..., Any], capture: Callable[..., Any], tmp_path: Path
) -> None:
    orthanc, out = make_orthanc(), tmp_path / "out"
    out.mkdir()
    broken = out / "frame-000001.dcm"
    broken.write_bytes(b"an image that a disk has eaten")
    mark = broken.with_name(".frame-000001.dcm.waiting")
    mark.touch()
    orthanc.start()
    run = capture("demo", *ONE, "--hand-over", orthanc.address, "--out", out, **LOGIN)
    assert run.end() == 1
    before, began, *_, left = run.notes("DICOM")
    assert "1 DICOM file of earlier sessions" in before
    assert "it answers 400: it does not understand the file" in began
    assert "1 DICOM file could not be handed over" in left
    assert len(orthanc.instances()) == 1
    assert broken.exists()
    assert marks(out) == [mark]


def test_tls_with_a_certificate_of_the_hospital(
    make_orthanc: Callable[..., Any],
    capture: Callable[..., Any],
    proxy: Callable[..., Any],
    study: Path,
    tmp_path: Path,
) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=archive", "-addext",
         "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    orthanc, out = make_orthanc(), tmp_path / "out"
    orthanc.start()
    with proxy(orthanc.port, tmp_path / "cert.pem", tmp_path / "key.pem") as port:
        address = f"https://127.0.0.1:{port}/dicom-web"
        common = ("demo", *ONE, "--study", study, "--hand-over", address, "--out", out)
        untrusted = capture(*common, **LOGIN)
        assert untrusted.end() == 1
        assert "its certificate is not trusted: self" in untrusted.notes()[0]
        assert orthanc.instances() == []
        trusted = capture(*common, "--ca", tmp_path / "cert.pem", **LOGIN)
        assert trusted.end() == 0, trusted.said.read_text()
    assert len(orthanc.instances()) == 2
