"""By what edge-grade grades: one model in this process, or several processes where there are many photographs."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.bundle.bundle import Bundle, read_bundle
from edge.bundle.named import named_bundle
from edge.commands.grade_shown import print_note
from edge.field.known import field_setting
from edge.field.learned import LearnedField
from edge.grading import GradedFile, Input, grade_files
from edge.grading.batch import grade_inputs
from edge.grading.grader import Graded, Grader, Told
from edge.grading.table.made import Asked, Makes, RowsOf
from edge.grading.table.on_ray import OnRay
from edge.grading.workers import ENOUGH, Setup, Workers, cores
from edge.model import QualityModel


@dataclass(frozen=True)
class Which:
    """What is asked of a model."""

    model: Path | None
    engine: str
    threads: int | None
    field: str | None
    bits: int | None


def are_many(inputs: Iterable[Input]) -> tuple[Iterator[Input], bool]:
    """The same inputs, and whether so many come that processes pay off; no more are taken for that."""
    more = iter(inputs)
    first = list(itertools.islice(more, ENOUGH))
    return itertools.chain(first, more), len(first) == ENOUGH


def learns(which: Which) -> bool:
    """Whether the field is learned from photographs in their order.

    Raises:
        EdgeError: the model cannot be read.
    """
    field = read_bundle(named_bundle(which.model)).manifest.field if which.field is None else which.field
    return isinstance(field_setting(field), LearnedField)


def _apart(which: Which, many: bool, asked: Asked | None) -> Workers | None:
    """Several processes, where they pay off."""
    processes = which.threads or cores()
    if not many or processes == 1:
        return None
    return Workers(Setup(which.model, which.engine, which.field, which.bits, asked), processes)


@contextmanager
def rows_by(which: Which, many: bool, asked: Asked, on: str | None) -> Iterator[tuple[Bundle, Makes]]:
    """The model, and what makes rows of photographs in any order.

    Args:
        which: the model.
        many: whether processes pay off.
        asked: how rows are made.
        on: ``ray`` or the address of a cluster; None for this machine.

    Raises:
        EdgeError: the model, or the cluster, cannot be used.
    """
    if on is not None:
        with OnRay(on, which.model, which.engine, asked, which.threads) as cluster:
            yield cluster.bundle, cluster
        return
    if workers := _apart(which, many, asked):
        with workers:
            yield workers.bundle, workers
        return
    with QualityModel.load(which.model, which.engine, which.threads, field=which.field) as model:
        yield model.bundle, RowsOf(Grader(model, which.bits), asked)


@contextmanager
def graded_by(which: Which, inputs: Sequence[Input], frames: bool) -> Iterator[tuple[Bundle, Iterator[GradedFile]]]:
    """The model, and the files as it grades them, in their order; what it warns of is printed.

    Args:
        which: the model.
        inputs: the photographs.
        frames: whether results hold their frames.

    Raises:
        EdgeError: the model cannot be used.
    """
    if learns(which):
        with QualityModel.load(which.model, which.engine, which.threads, field=which.field) as model:
            model.warn = print_note
            yield model.bundle, grade_files(model, inputs, which.bits)
        return
    if workers := _apart(which, len(inputs) >= ENOUGH and not frames, None):
        with workers:
            yield workers.bundle, _noted(workers.files(inputs))
        return
    with QualityModel.load(which.model, which.engine, which.threads, field=which.field) as model:
        yield model.bundle, _noted(grade_inputs(Grader(model, which.bits, frames), inputs))


def _noted(graded: Iterator[Graded]) -> Iterator[GradedFile]:
    told = Told(print_note)
    for each in graded:
        for words in each.notes:
            told(words)
        yield each.file
