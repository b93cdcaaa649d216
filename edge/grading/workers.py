"""Photographs graded by several processes, each with a core of its own for all of the work.

Decoding, the field, the causes and much else hold Python's lock or one core, so threads would leave the others idle,
and an inference on all cores takes longer, in sum, than one on each. So every process has an engine of one stream and
one thread, which is the throughput mode of the engine, spread over processes. Decoders are processes of their own.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from pathlib import Path

from edge.bundle.bundle import Bundle, read_bundle
from edge.bundle.named import named_bundle
from edge.errors import EdgeError, EngineError
from edge.grading.graded_file import GradedFile
from edge.grading.grader import Graded, Grader
from edge.grading.inputs import Input
from edge.model import QualityModel

ENOUGH = 200  # photographs from which the start of the processes pays off
_ON_DEVICE = 4  # processes that share a GPU: each has a context of its own there
_TRIES = 3  # a process that ends takes the photographs of the others with it
_grader: Grader | None = None
_trouble = ""  # why there is none


@dataclass(frozen=True)
class Setup:
    """What grades, for another process.

    Attributes:
        model: the bundle's file; None for the default.
        engine: its name, or ``auto``.
        field: the field setting, or None for what the bundle says.
        bits: how many of 16 bits count, or None.
        sha256: of the bundle: another one of the same name is refused.
    """

    model: Path | None
    engine: str = "auto"
    field: str | None = None
    bits: int | None = None
    sha256: str = ""


class Workers:
    """Several processes that grade; see ``Grades``. They end with this one, also where that is killed.

    Attributes:
        bundle: the model.
        engine: the name of the engine.
    """

    def __init__(self, setup: Setup, processes: int) -> None:
        """Start the first one; the others follow with the work.

        Args:
            setup: what grades.
            processes: how many at most; fewer where the engine is on a GPU.

        Raises:
            EdgeError: the model or its engine cannot be used.
        """
        self.bundle: Bundle = read_bundle(named_bundle(setup.model))
        self._setup = replace(setup, sha256=self.bundle.sha256)
        self._processes = processes
        self._changing = threading.Lock()
        self._closed = False
        self._start()
        try:
            self.engine = self._pool.submit(_ready).result()
        except BrokenProcessPool:
            self.close()
            raise EngineError("no process that grades can be started here: close other programs.") from None
        except BaseException:
            self.close()
            raise
        self.at_once = 2 * (processes if self.engine == "openvino" else min(processes, _ON_DEVICE))

    def _start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])  # libraries are loaded once
        ours, theirs = context.Pipe()
        self._alive = ours
        self._pool = ProcessPoolExecutor(self._processes, context, _begin, (self._setup, theirs))
        self._theirs = theirs  # until the last one has started

    def graded(self, item: Input, path: Path | None = None, looks: bool = False) -> Graded:
        """See ``Grades``."""
        sent = replace(item, source=None, called=item.name)
        for _ in range(_TRIES):
            pool = self._pool
            try:
                asked: Future[Graded] = pool.submit(_graded, sent, path, looks)
                return asked.result()
            except (BrokenProcessPool, CancelledError, RuntimeError):  # RuntimeError: it was shut down in this moment
                self._renew(pool)
        words = f"{item.name} could not be graded: the process that graded it was ended, as where memory is short."
        return Graded(GradedFile(item.path, None, None, words, name=item.name))

    def _renew(self, broken: ProcessPoolExecutor) -> None:
        with self._changing:
            if self._closed:
                raise EngineError("nothing more is graded: grading was stopped.")
            if self._pool is broken:
                self._end()
                self._start()

    def _end(self) -> None:
        for each in (self._alive, self._theirs):
            with contextlib.suppress(OSError):
                each.close()  # each process sees it, and ends at once
        self._pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """See ``Grades``."""
        with self._changing:
            if not self._closed:
                self._closed = True
                self._end()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def cores() -> int:
    """How many this process may use."""
    with contextlib.suppress(AttributeError, OSError):  # not Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _begin(setup: Setup, alive: Connection) -> None:
    """In a new process: get ready; what goes wrong is said by ``_ready``."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(alive,), daemon=True).start()
    global _grader, _trouble
    try:
        model = QualityModel.load(setup.model, setup.engine, 1, field=setup.field)
        if model.bundle.sha256 != setup.sha256:
            raise EdgeError(f"{model.bundle.path} was replaced while it was in use: run the same command again.")
        _grader = Grader(model, setup.bits)
    except EdgeError as error:
        _trouble = str(error)


def _end_with(alive: Connection) -> None:
    """Wait for the process that has started this one to be done with it, or to end in any way."""
    parent = multiprocessing.parent_process()
    wait([alive] if parent is None else [alive, parent.sentinel])
    os._exit(0)


def _ready() -> str:
    if _grader is None:
        raise EngineError(_trouble)
    return _grader.engine


def _graded(item: Input, path: Path | None, looks: bool) -> Graded:
    if _grader is None:
        raise EngineError(_trouble)
    graded = _grader.graded(item, path, looks)
    found = graded.file.assessment
    if found is not None:  # they are kept in it, so that no other process has to find them
        found.evidence, found.eye, found.field_definition  # noqa: B018
    return graded
