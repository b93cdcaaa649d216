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
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import replace
from functools import partial
from multiprocessing import forkserver, resource_tracker
from typing import TypeVar

from edge.ahead import ahead
from edge.bundle.bundle import Bundle, read_bundle
from edge.bundle.named import named_bundle
from edge.errors import EngineError
from edge.grading.grader import Graded
from edge.grading.inputs import Input
from edge.grading.table.columns import Row
from edge.grading.table.made import opened
from edge.grading.worker import Sent, Setup, begin, graded_files, made_rows, ready
from edge.sources.shared import Shared

Result = TypeVar("Result")
Work = Callable[[list[Sent]], list[Result]]
__all__ = ["ENOUGH", "Setup", "Workers", "cores"]
ENOUGH = 200  # photographs from which the start of the processes pays off
_ON_DEVICE = 4  # processes that share a GPU: each has a context of its own there
_TRIES = 3  # a process that ends takes the photographs of the others with it
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}  # of libraries, in each process
_PART_BYTES, _UNKNOWN_BYTES = 32 << 20, 4 << 20  # of those that are no files; a size that nobody has said
_PART = 8  # photographs that one is handed at a time: fewer, and much of the time goes into handing them over


class Workers:
    """Several processes that grade. They end with this one, also where that is killed.

    Attributes:
        bundle: the model.
        by: see ``Makes``.
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
        self._changing, self._suspect = threading.Lock(), threading.Lock()
        self._closed = False
        self._start()
        try:
            self.engine = self._pool.submit(ready).result()
        except BrokenProcessPool:
            self.close()
            raise EngineError("no process that grades can be started here: close other programs.") from None
        except BaseException:
            self.close()
            raise
        self._at_once = 1 + (processes if self.engine == "openvino" else min(processes, _ON_DEVICE))
        self.by = (self.bundle.sha256, str(setup.asked or ""))

    def _start(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([ready.__module__])  # libraries are loaded once
        before = {name: os.environ.get(name) for name in _ONE_THREAD}
        os.environ.update(_ONE_THREAD)
        resource_tracker.ensure_running()  # else with the server, where it would let Ctrl-C through again
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # for all of them: Ctrl-C is ours alone
        try:
            forkserver.ensure_running()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            for name, value in before.items():
                os.environ.pop(name)
                if value is not None:
                    os.environ[name] = value
        ours, theirs = context.Pipe()
        self._alive = ours
        self._pool = ProcessPoolExecutor(self._processes, context, begin, (self._setup, theirs))
        self._theirs = theirs  # until the last one has started

    def rows(self, lacking: Callable[[Shared], Iterator[Input]]) -> Generator[tuple[Graded, Row], None, None]:
        """See ``Makes``; in the order of the photographs, and without their assessments."""
        yield from self._each(made_rows, lacking)

    def files(self, inputs: Iterable[Input]) -> Generator[Graded, None, None]:
        """Grade photographs, in their order; the processes are ended then."""
        yield from self._each(graded_files, lambda shared: iter(inputs))

    def _each(self, work: Work[Result], inputs: Callable[[Shared], Iterator[Input]]) -> Generator[Result, None, None]:
        with (
            ThreadPoolExecutor(self._at_once, thread_name_prefix="grade") as threads,
            Shared() as shared,  # ended before the threads are waited for, as are the processes
            closing(self),
            closing(
                ahead(threads, partial(self._part, work, shared), _parts(inputs(shared)), 2 * self._at_once)
            ) as done,
        ):
            for part in done:
                yield from part.result()

    def _part(self, work: Work[Result], shared: Shared, part: list[Input]) -> list[Result]:
        with contextlib.ExitStack() as stack:
            sent = []
            for item in part:
                item, path, facts = opened(stack, shared, item)
                sent.append((replace(item, source=None, called=item.name), path, facts))
            done = self._asked(work, sent, 1)
            return done if done is not None else [result for one in sent for result in self._alone(work, one)]

    def _alone(self, work: Work[Result], sent: Sent) -> list[Result]:
        """One photograph, beside which a process ended: it may be the one that ends it."""
        with self._suspect:  # of which no two are in work, or one would cost the other its tries
            done = self._asked(work, [sent], _TRIES)
        if done is not None:
            return done
        item, _, facts = sent
        words = f"{item.name} could not be graded: the process that graded it was ended, as where memory is short."
        done = self._asked(work, [(replace(item, error=words), None, facts)], _TRIES)
        if done is None:
            raise EngineError("processes that grade end as soon as they start: close other programs.")
        return done

    def _asked(self, work: Work[Result], sent: list[Sent], tries: int) -> list[Result] | None:
        """What a process makes of photographs; None where it ended each time."""
        for _ in range(tries):
            pool = self._pool
            try:
                asked = pool.submit(work, sent)
            except RuntimeError:  # broken, or shut down in this moment
                self._renew(pool)
                continue
            try:
                return asked.result()
            except (BrokenProcessPool, CancelledError):
                self._renew(pool)
        return None

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
        """End them; what is being graded fails. May be called twice."""
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


def _parts(inputs: Iterator[Input]) -> Iterator[list[Input]]:
    """Photographs as they are handed over; of large ones that are held in memory fewer at a time."""
    part: list[Input] = []
    held = 0
    for item in inputs:
        part.append(item)
        held += 0 if item.source is None else item.source.size or _UNKNOWN_BYTES
        if len(part) == _PART or held >= _PART_BYTES:
            yield part
            part, held = [], 0
    if part:
        yield part
