"""What all images of one visit have in common: one study and one series, the patient, and what was ordered."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.capture.archive.study_file import import_pydicom
from edge.capture.archive.worklist_item import WorklistItem

_STEP_S = 2.0  # a larger step means that the clock was set; less is ordinary synchronisation
_OF_THE_CAMERA = ("InstitutionName", "Manufacturer", "ManufacturerModelName", "DeviceSerialNumber", "PixelSpacing")


class Beginning:
    """When a study began, by the system's clock.

    A board without a battery learns the time in mid-session; until the clock steps, all images have the same value.
    """

    def __init__(self) -> None:
        self._at = time.monotonic()
        self._epoch: float | None = None

    def by(self, epoch: float) -> datetime.datetime:
        """Date and time of the beginning, by an ``epoch`` as in ``Graded``."""
        if self._epoch is None or abs(epoch - self._epoch) > _STEP_S:
            self._epoch = epoch
        return datetime.datetime.fromtimestamp(self._at + self._epoch, datetime.timezone.utc).astimezone()


@dataclass(frozen=True)
class Study:
    """What all images of a visit have in common; its repr shows nobody, nor the study of an archive.

    Attributes:
        attributes: DICOM attributes of patient, study and camera, checked; hidden in the repr.
        study_uid: of this visit.
        unsided_series_uid: of its images whose eye is unknown: these have another modality, and so another series.
        began: date and time of the study, the same for all its images unless the clock is set; None if a file names an
            existing study.
        ordered: the entry of the worklist that the visit fulfils, if any; hidden in the repr.
    """

    attributes: Mapping[str, str] = field(repr=False)
    study_uid: str = field(repr=False)
    unsided_series_uid: str
    began: Beginning | None
    ordered: WorklistItem | None = field(default=None, repr=False)

    @property
    def names_somebody(self) -> bool:
        """Whether an image identifies a person, by itself or through the archive."""
        others = (value for name, value in self.attributes.items() if name not in _OF_THE_CAMERA)
        return self.began is None or self.ordered is not None or any(others)

    def image_uid(self, number: int) -> str:
        """The UID of an image, by its number in the series: the same again when its file is written again."""
        return _derived(self.series_uid, str(number))

    @property
    def series_uid(self) -> str:
        """The UID of the series of images whose eye is known."""
        return sided_series_of(self.unsided_series_uid)


def begin_study(given: Mapping[str, str] | None = None, item: WorklistItem | None = None) -> Study:
    """Start the study of a visit, or a new series of an existing study.

    Args:
        given: DICOM attributes, as ``read_study`` and ``check_patient`` return them; joined, where there are both.
        item: of the worklist, whose patient goes before ``given``.

    Raises:
        EdgeError: pydicom is missing.
    """
    uid = import_pydicom().uid.generate_uid
    attributes = dict(given or {})
    known = attributes.pop("StudyInstanceUID", None)
    began = None if known else Beginning()
    return _with_item(Study(attributes, known or str(uid()), str(uid()), began), item)


def identified(study: Study, patient: Mapping[str, str], item: WorklistItem | None = None) -> Study:
    """The same study of another patient: the visit's identity came after it had begun.

    Args:
        study: of the visit; what it says of the camera stays, what it says of a patient does not.
        patient: DICOM attributes, as ``check_patient`` returns them.
        item: of the worklist, whose patient goes before ``patient``.
    """
    attributes = {**of_the_camera(study.attributes), **patient}
    bare = dataclasses.replace(study, attributes=attributes, ordered=None)
    theirs = study.began is None or study.ordered is not None  # the archive may know that study, as the other's
    if theirs and attributes != study.attributes:
        bare = dataclasses.replace(bare, study_uid=begin_study().study_uid, began=study.began or Beginning())
    return _with_item(bare, item)


def of_the_camera(attributes: Mapping[str, str]) -> dict[str, str]:
    """What stays true when the next patient comes."""
    return {name: value for name, value in attributes.items() if name in _OF_THE_CAMERA}


def _with_item(study: Study, item: WorklistItem | None) -> Study:
    if item is None:
        return study
    return dataclasses.replace(
        study,
        attributes={**of_the_camera(study.attributes), **item.attributes},
        study_uid=item.study_uid or study.study_uid,
        began=study.began or Beginning(),
        ordered=item,
    )


def sided_series_of(unsided: str) -> str:
    """The UID of the series of a visit's images whose eye is known, from that of the others.

    So an image can be moved there after its visit, when nothing but its file is left.
    """
    return _derived(unsided, "eye known")


def _derived(*sources: str) -> str:
    return str(import_pydicom().uid.generate_uid(entropy_srcs=list(sources)))
