"""Grading a batch of image files: read ahead, grade in order, and what is kept of it on disk."""

from __future__ import annotations

import glob
import itertools
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.ahead import ahead
from edge.assessment import Assessment
from edge.errors import EdgeError, InputError
from edge.files.output import write_output
from edge.files.table import csv_text, whole_sentence
from edge.findings.eye import Eye
from edge.images import ImageReader, Picture, images_of, unlisted
from edge.model import QualityModel
from edge.overlay import draw_overlay, map_picture

COLUMNS = ("path", "score", "verdict", "error", "cause", "place", "coverage", "eye", "field_definition")
_LONGEST_STEM = 230  # bytes: a name has 255, and needs some for its number and .overlay.png
_EYES: dict[str, Eye] = {"R": "right", "L": "left"}
_READERS = 2
_AHEAD = 4  # frames read and not yet graded: what bounds the memory


@dataclass(frozen=True)
class Input:
    """A file to be graded, or a path that leads to no file, with the reason.

    Attributes:
        root: the folder that was given and holds it, or its own where it was given by name.
    """

    path: Path
    error: str = ""
    root: Path = Path()


@dataclass(frozen=True, eq=False)
class GradedFile:
    """One input: an assessment of its frame, or the reason why there is none.

    Attributes:
        reaches: how many bits its samples reach, where that is fewer than they have; see ``edge.images.Picture``.
        stated_eye: the eye that a DICOM file says it shows.
    """

    path: Path
    frame: NDArray[np.uint8] | None
    assessment: Assessment | None
    error: str = ""
    reaches: int | None = None
    stated_eye: Eye | None = None

    @property
    def other_eye(self) -> bool:
        """Whether the photograph shows the other eye than its file says."""
        told = None if self.assessment is None else self.assessment.eye
        return None not in (told, self.stated_eye) and told != self.stated_eye

    def cells(self) -> tuple[str, ...]:
        """What ``COLUMNS`` name, as text; empty where there is nothing to say."""
        found = self.assessment
        if found is None:
            return readable(self.path), "", "", whole_sentence(readable(self.error)), *[""] * (len(COLUMNS) - 4)
        cause = found.cause
        return (
            readable(self.path),
            f"{found.score:.4f}",
            found.verdict,
            "",
            cause.code if cause else "",
            cause.place if cause else "",
            f"{found.coverage:.4f}",
            found.eye or "",
            "" if found.verdict == "no_fundus" else found.field_definition.kind,
        )


def readable(text: Path | str) -> str:
    """Text that can be encoded: a file name of foreign bytes keeps them as escapes."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def find_inputs(paths: Sequence[Path], or_none: bool = False) -> list[Input]:
    """The files that paths mean, in the order given; a path that means none keeps its place with its error.

    A sub-folder that cannot be listed comes behind the files of its folder, with its error.

    Args:
        paths: files, folders and patterns.
        or_none: that there is no file at all is no error.

    Raises:
        EdgeError: there is no file at all.
    """
    inputs: list[Input] = []
    for path in paths:
        try:
            inputs += [Input(image, root=_root_of(path)) for image in images_of(path)]
        except EdgeError as error:
            inputs.append(Input(path, str(error), path.parent))
        inputs += [
            Input(folder, f"{folder} is passed over: {reason}", path) for folder, reason in unlisted([path]).items()
        ]
    if not or_none and all(item.error for item in inputs):
        raise EdgeError(" ".join(item.error for item in inputs))
    return inputs


def _root_of(given: Path) -> Path:
    """The folder from which on sub-folders tell files apart."""
    if given.is_dir():
        return given
    if given.exists():
        return given.parent
    plain = itertools.takewhile(lambda part: not glob.has_magic(part), given.parts[:-1])
    return Path(*plain)


def grade_files(
    model: QualityModel, inputs: Sequence[Input | Path | str], bits: int | None = None
) -> Iterator[GradedFile]:
    """Grade files in the order given; one that cannot be graded yields its error and stops nothing.

    Args:
        model: what grades them.
        inputs: files, folders and patterns, or what ``find_inputs`` has made of them.
        bits: how many of the 16 bits of a sample count; None for what each file declares.

    Raises:
        InputError: ``inputs`` is one path and no list.
    """
    if isinstance(inputs, (str, Path)):
        raise InputError(f"inputs is a list of files and folders, not one of them alone: give [{str(inputs)!r}].")
    found = [each for one in inputs for each in ([one] if isinstance(one, Input) else find_inputs([Path(one)], True))]
    # Left last, after the threads: but the reader is closed before these are waited for, so that Ctrl-C ends at once.
    with ThreadPoolExecutor(_READERS, thread_name_prefix="read") as threads, ImageReader() as reader:
        reader.start(min(_READERS, len(found)))
        with closing(ahead(threads, partial(_read, reader, bits), found, _AHEAD)) as readings:
            for item, reading in zip(found, readings, strict=True):
                yield _grade(model, item.path, reading)


def _read(reader: ImageReader, bits: int | None, item: Input) -> Picture:
    if item.error:
        raise EdgeError(item.error)
    return reader.picture(item.path, bits)


def _grade(model: QualityModel, path: Path, reading: Future[Picture]) -> GradedFile:
    try:
        picture = reading.result()
        assessment = model.assess(picture.frame)
    except EdgeError as error:
        reason = str(error)
        return GradedFile(path, None, None, reason if str(path) in reason else f"{path}: {reason}")
    except Exception as error:  # whatever it is, the other files are graded
        reason = (str(error).strip().splitlines() or ["no message"])[0]
        return GradedFile(
            path, None, None, f"{path} could not be graded ({type(error).__name__}: {reason}): save it again as PNG."
        )
    if not math.isfinite(assessment.score):
        return GradedFile(path, None, None, f"{path} got no finite score: the model is broken; take another one.")
    return GradedFile(path, picture.frame, assessment, "", picture.reaches, _EYES.get(picture.eye or ""))


def write_csv(path: Path, rows: Sequence[tuple[str, ...]], more: Sequence[str] = ()) -> None:
    """Write rows below the header of ``COLUMNS`` and, behind these, of the columns ``more``.

    They are written whole or not at all where that can be; see ``edge.files.output``.

    Raises:
        EdgeError: the file cannot be written.
    """
    try:
        write_output(path, csv_text([(*COLUMNS, *more), *rows]).encode())
    except OSError as error:
        raise EdgeError(f"{path} cannot be written ({error.strerror}): check the folder and the disk.") from None


def picture_stems(inputs: Sequence[Input]) -> list[Path]:
    """Where the pictures of each input go below the folder of maps, without suffix, each one different.

    The sub-folders of a folder that was given are kept, of several folders also those below the deepest one that they
    share. Of equal names later ones are numbered, and one that leaves no room for an ending is cut.
    """
    if not inputs:
        return []
    # As they are named: no '..' may lead out of the folder.
    absolute = [Path(os.path.abspath(item.path)) for item in inputs]  # noqa: PTH100
    roots = {os.path.abspath(item.root) for item in inputs}  # noqa: PTH100
    common = os.path.commonpath([*roots, *(path.parent for path in absolute)])
    taken: set[Path] = set()
    stems = []
    for path in absolute:
        wanted = path.relative_to(common).with_suffix("")
        while len(os.fsencode(wanted.name)) > _LONGEST_STEM:
            wanted = wanted.with_name(wanted.name[:-1])
        stem, number = wanted, 1
        while stem in taken:
            number += 1
            stem = wanted.with_name(f"{wanted.name}-{number}")
        taken.add(stem)
        stems.append(stem)
    return stems


def picture_of(stem: Path, kind: str) -> Path:
    """The file of a ``map`` or an ``overlay``."""
    return stem.with_name(f"{stem.name}.{kind}.png")


def write_pictures(folder: Path, stem: Path, frame: NDArray[np.uint8], assessment: Assessment) -> None:
    """Write ``STEM.map.png`` and ``STEM.overlay.png`` below a folder.

    Raises:
        EdgeError: they cannot be written.
    """
    target = folder / stem
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        pictures = {"map": map_picture(assessment), "overlay": draw_overlay(frame, assessment)}
        for kind, picture in pictures.items():
            done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 2])
            if not done:
                raise EdgeError(f"{target} cannot get its {kind}: OpenCV makes no PNG of it; install OpenCV again.")
            write_output(picture_of(target, kind), data.tobytes())
    except OSError as error:
        raise EdgeError(
            f"{target} cannot get its map and overlay ({error.strerror}): check the folder and the disk."
        ) from None
