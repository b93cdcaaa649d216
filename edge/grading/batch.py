"""Grading a batch of image files: read ahead, grade in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from edge.ahead import ahead
from edge.errors import EdgeError, InputError
from edge.findings.eye import Eye
from edge.grading.graded_file import GradedFile
from edge.grading.inputs import Input, find_inputs
from edge.images import ImageReader, Picture
from edge.model import QualityModel
from edge.sources.shared import Shared
from edge.sources.source import held

_EYES: dict[str, Eye] = {"R": "right", "L": "left"}
READERS = 2
AHEAD = 4  # frames read and not yet graded: what bounds the memory


def grade_files(
    model: QualityModel, inputs: Sequence[Input | Path | str], bits: int | None = None
) -> Iterator[GradedFile]:
    """Grade files in the order given; one that cannot be graded yields its error and stops nothing.

    Args:
        model: what grades them.
        inputs: files, folders, patterns, archives, lists and addresses, or what ``find_inputs`` has made of them.
        bits: how many of the 16 bits of a sample count; None for what each file declares.

    Raises:
        InputError: ``inputs`` is one path and no list.
    """
    if isinstance(inputs, (str, Path)):
        raise InputError(f"inputs is a list of files and folders, not one of them alone: give [{str(inputs)!r}].")
    found = [each for one in inputs for each in ([one] if isinstance(one, Input) else find_inputs([one], True))]
    # Left last, after the threads: but the reader is closed before these are waited for, so that Ctrl-C ends at once.
    with ThreadPoolExecutor(READERS, thread_name_prefix="read") as threads, Shared() as shared, ImageReader() as reader:
        reader.start(min(READERS, len(found)))
        with closing(ahead(threads, partial(_read, reader, shared, bits), found, AHEAD)) as readings:
            for item, reading in zip(found, readings, strict=True):
                yield grade_read(model, item, reading.result)


def _read(reader: ImageReader, shared: Shared, bits: int | None, item: Input) -> Picture:
    if item.error:
        raise EdgeError(item.error)
    if item.source is None:
        return reader.picture(item.path, bits)
    with held(item.source, shared) as found:
        return reader.picture(found.path, bits, item.name)


def grade_read(model: QualityModel, item: Input, read: Callable[[], Picture]) -> GradedFile:
    """Grade one photograph; whatever goes wrong is its error.

    Args:
        model: what grades it.
        item: the photograph.
        read: gives its picture, or raises.
    """
    path, name = item.path, item.name
    try:
        picture = read()
        assessment = model.assess(picture.frame)
    except EdgeError as error:
        reason = str(error)
        return GradedFile(path, None, None, reason if name in reason else f"{name}: {reason}", name=name)
    except Exception as error:  # whatever it is, the other files are graded
        reason = (str(error).strip().splitlines() or ["no message"])[0]
        words = f"{name} could not be graded ({type(error).__name__}: {reason}): save it again as PNG."
        return GradedFile(path, None, None, words, name=name)
    if not math.isfinite(assessment.score):
        words = f"{name} got no finite score: the model is broken; take another one."
        return GradedFile(path, None, None, words, name=name)
    eye = _EYES.get(picture.eye or "")
    return GradedFile(path, picture.frame, assessment, "", picture.reaches, eye, picture.origin, name, picture.identity)
