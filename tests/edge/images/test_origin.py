from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from edge.images import ImageReader
from edge.images.origin import UNSTATED, Origin, from_dicom, from_tags


def read(path: Any) -> Origin:
    with ImageReader() as reader:
        return reader.picture(path).origin


def test_dicom_says_camera_institution_and_time_and_nothing_of_the_patient(
    files: Any, make_dicom: Any, eye: NDArray[np.uint8]
) -> None:
    more = {"Manufacturer": "TOPCON", "ManufacturerModelName": "NW400", "InstitutionName": "Eye Clinic"}
    patient = {"PatientName": "Doe^Jane", "PatientID": "4711"}
    times = {"AcquisitionDateTime": "20210506070809.5", "StudyDate": "20200101"}
    path = files.save("a.dcm", make_dicom(np.ascontiguousarray(eye[:, :, ::-1]), "RGB", **more, **patient, **times))
    assert read(path) == Origin("TOPCON NW400", "Eye Clinic", "2021-05-06T07:08:09")
    path = files.save("b.dcm", make_dicom(np.ascontiguousarray(eye[:, :, ::-1]), "RGB", StudyDate="20200101"))
    assert read(path) == Origin(taken="2020-01-01")


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_exif_and_tags_say_camera_and_time(files: Any, eye: NDArray[np.uint8], suffix: str) -> None:
    exif = Image.Exif()
    exif[271], exif[272], exif[306] = "Canon", "CR-2 PLUS", "2021:05:06 07:08:09"
    path = files.save(f"a.{suffix}", Image.fromarray(eye[:, :, ::-1]), exif=exif)
    assert read(path) == Origin("Canon CR-2 PLUS", "", "2021-05-06T07:08:09")
    assert read(files.save(f"b.{suffix}", Image.fromarray(eye[:, :, ::-1]))) == UNSTATED


@pytest.mark.parametrize(
    ("tags", "origin"),
    [
        ({}, UNSTATED),
        ({271: "NIDEK", 272: "NIDEK AFC-330"}, Origin("NIDEK AFC-330")),
        ({272: b"AFC\xff\0"}, Origin("AFC\xff")),
        ({271: "a\nb\x1b[31m"}, Origin("a b [31m")),
        ({306: "0000:00:00 00:00:00"}, UNSTATED),
        ({306: "yesterday"}, UNSTATED),
        ({306: "2021:05:06 07:08:09", 36867: "2020:01:02 03:04:05"}, Origin(taken="2020-01-02T03:04:05")),
    ],
)
def test_what_tags_hold(tags: dict[int, Any], origin: Origin) -> None:
    assert from_tags(tags) == origin


@given(st.dictionaries(st.sampled_from([271, 272, 306, 36867]), st.none() | st.text() | st.binary() | st.integers()))
def test_whatever_tags_hold_is_short_and_printable(tags: dict[int, Any]) -> None:
    for text in from_tags(tags).to_dict().values():
        assert text.isprintable()
        assert len(text) <= 64


@given(st.dictionaries(st.sampled_from(["Manufacturer", "StudyDate", "ContentDate", "ContentTime"]), st.text()))
def test_whatever_a_data_set_holds_is_short_and_printable(dataset: dict[str, str]) -> None:
    for text in from_dicom(dataset).to_dict().values():
        assert text.isprintable()
        assert len(text) <= 64
