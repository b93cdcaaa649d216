"""A process that grades for another one: what it is given, what it loads, and how it ends."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

import cv2

from edge.errors import EdgeError, EngineError
from edge.grading.batch import failed
from edge.grading.grader import Graded, Grader
from edge.grading.inputs import Input
from edge.grading.table.columns import Row
from edge.grading.table.fingerprint import FileFacts
from edge.grading.table.made import Asked, RowsOf, lean
from edge.model import QualityModel

Sent = tuple[Input, Path | None, FileFacts | None]  # see ``edge.grading.table.made.opened``
_grader: Grader | None = None
_made: RowsOf | None = None
_trouble = ""  # why there is none


@dataclass(frozen=True)
class Setup:
    """What grades, for another process.

    Attributes:
        model: the bundle's file; None for the default.
        engine: its name, or ``auto``.
        field: the field setting, or None for what the bundle says.
        bits: how many of 16 bits count, or None.
        asked: how rows are made; None where none are.
        sha256: of the bundle: another one of the same name is refused.
    """

    model: Path | None
    engine: str = "auto"
    field: str | None = None
    bits: int | None = None
    asked: Asked | None = None
    sha256: str = ""


def begin(setup: Setup, alive: Connection) -> None:
    """In a new process: get ready; what goes wrong is said by ``ready``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # the other cores are those of the other processes
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    global _grader, _made, _trouble
    try:
        model = QualityModel.load(setup.model, setup.engine, 1, field=setup.field)
        if model.bundle.sha256 != setup.sha256:
            raise EdgeError(f"{model.bundle.path} was replaced while it was in use: run the same command again.")
        _grader = Grader(model, setup.bits)
        _made = None if setup.asked is None else RowsOf(_grader, setup.asked)
    except EdgeError as error:
        _trouble = str(error)


def _end_with(alive: Connection) -> None:
    """Wait for the process that has started this one to be done with it, or to end in any way."""
    parent = multiprocessing.parent_process()
    wait([alive] if parent is None else [alive, parent.sentinel])
    os._exit(0)


def _ours() -> Grader:
    if _grader is None:
        raise EngineError(_trouble)
    return _grader


def ready() -> str:
    """The name of the engine.

    Raises:
        EngineError: it cannot be used.
    """
    return _ours().engine


def graded_files(sent: list[Sent]) -> list[Graded]:
    """Grade photographs."""
    grader = _ours()
    graded = [
        failed(item, EdgeError(item.error)) if item.error else grader.graded(item, path) for item, path, _ in sent
    ]
    for each in graded:
        found = each.file.assessment
        if found is not None:  # they are kept in it, so that no other process has to find them
            found.evidence, found.eye, found.field_definition  # noqa: B018
    return graded


def made_rows(sent: list[Sent]) -> list[tuple[Graded, Row]]:
    """Grade photographs, and make their rows.

    Raises:
        EngineError: the model cannot be used, or no rows were asked for.
    """
    _ours()
    rows = _made
    if rows is None:
        raise EngineError("no rows were asked for.")
    return [lean(*rows.row(*each)) for each in sent]
