"""Grading a batch of image files: read ahead, grade in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from edge.ahead import ahead
from edge.assessment import Assessment
from edge.errors import EdgeError, EngineError, InputError
from edge.grading.graded_file import GradedFile
from edge.grading.grader import Graded, Grader
from edge.grading.inputs import Input, find_inputs
from edge.grading.judged import judged
from edge.images import ImageReader, Picture
from edge.model import QualityModel
from edge.sources.shared import Shared
from edge.sources.source import held

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
                yield judged(item, partial(_assessed, model, reading.result))


def grade_inputs(grades: Grader, inputs: Sequence[Input]) -> Iterator[Graded]:
    """The same, with what keeps no frames.

    Args:
        grades: what grades them; it is closed at the end.
        inputs: the photographs.
    """
    with (
        ThreadPoolExecutor(grades.at_once, thread_name_prefix="grade") as threads,
        Shared() as shared,
        closing(grades),  # before the threads are waited for
        closing(ahead(threads, partial(_graded, grades, shared), inputs, 2 * grades.at_once)) as done,
    ):
        for each in done:
            yield each.result()


def _graded(grades: Grader, shared: Shared, item: Input) -> Graded:
    try:
        if item.error:
            raise EdgeError(item.error)
        if item.source is None:
            return grades.graded(item)
        with held(item.source, shared) as found:
            return grades.graded(item, found.path)
    except EngineError:
        raise
    except EdgeError as error:
        return failed(item, error)


def failed(item: Input, error: Exception) -> Graded:
    """The result of a photograph that was not read."""

    def fail() -> tuple[Picture, Assessment]:
        raise error

    return Graded(judged(item, fail))


def _read(reader: ImageReader, shared: Shared, bits: int | None, item: Input) -> Picture:
    if item.error:
        raise EdgeError(item.error)
    if item.source is None:
        return reader.picture(item.path, bits)
    with held(item.source, shared) as found:
        return reader.picture(found.path, bits, item.name)


def _assessed(model: QualityModel, read: Callable[[], Picture]) -> tuple[Picture, Assessment]:
    picture = read()
    return picture, model.assess(picture.frame)
