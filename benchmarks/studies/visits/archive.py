"""Whether what reached the archive is what was kept."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import tempfile
import urllib.request
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from edge.capture.archive.study_file import import_pydicom


@dataclass(frozen=True)
class Found:
    """What was read back.

    Attributes:
        studies, images: how many.
        whole: studies whose images are those of one visit, under its patient.
        same: images with the pixels, the eye and the field of the capture that was kept.
        complaints: errors that ``dciodvfy`` names, by their text; None where it is not here.
    """

    studies: int
    images: int
    whole: int
    same: int
    complaints: dict[str, int] | None


def from_folder(folder: Path) -> list[Any]:
    """The data sets of a folder."""
    return [import_pydicom().dcmread(path) for path in sorted(folder.glob("*.dcm"))]


def from_orthanc(address: str) -> list[Any]:
    """The data sets of an Orthanc, by the address of its REST API.

    Raises:
        OSError: it does not answer.
    """
    with urllib.request.urlopen(f"{address}/instances") as answer:
        names = json.load(answer)
    read = []
    for name in names:
        with urllib.request.urlopen(f"{address}/instances/{name}/file") as answer:
            read.append(import_pydicom().dcmread(io.BytesIO(answer.read())))
    return read


def compare(images: list[Any], folders: dict[str, Path]) -> Found:
    """Compare what was read back with the folders of the visits.

    Args:
        images: data sets.
        folders: of the visits, by the patient's ID.
    """
    studies: dict[str, list[Any]] = {}
    for image in images:
        studies.setdefault(str(image.StudyInstanceUID), []).append(image)
    whole = same = 0
    for found in studies.values():
        patients = {str(image.PatientID) for image in found}
        folder = folders.get(patients.pop()) if len(patients) == 1 else None
        if folder is None:
            continue
        kept = [_capture(path) for path in sorted(folder.glob("frame-*.json"))]
        best = [each for each in kept if each is not None]
        whole += len(best) == len(found)
        same += sum(any(_is_same(image, one) for one in best) for image in found)
    return Found(len(studies), len(images), whole, same, _complaints(images))


def _capture(sidecar: Path) -> tuple[dict[str, Any], Path] | None:
    said = json.loads(sidecar.read_bytes())["capture"]
    sure = said["laterality"] is not None and not said["contradiction"]
    return (said, sidecar.with_suffix(".png")) if said["rank"] == 1 and sure else None


def _is_same(image: Any, kept: tuple[dict[str, Any], Path]) -> bool:
    said, path = kept
    picture = cv2.imread(str(path))
    letter = {"right": "R", "left": "L"}[said["laterality"]]
    return (
        image.get("ImageLaterality") == letter
        and picture is not None
        and np.array_equal(image.pixel_array, picture[:, :, ::-1])
    )


def _complaints(images: list[Any]) -> dict[str, int] | None:
    if shutil.which("dciodvfy") is None:
        return None
    said: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for image in images:
            path = Path(folder) / "image.dcm"
            image.save_as(path)
            done = subprocess.run(["dciodvfy", path], capture_output=True, text=True, check=False)
            said.update(line for line in (done.stderr + done.stdout).splitlines() if line.startswith("Error"))
    return dict(said)
