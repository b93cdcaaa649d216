"""Ways to load a model, each defined by what it waits for.

- single stream: the next frame starts when the last is done;
- offline: frames lie ready, as many at once as there are cores;
- camera: frames arrive at their own pace, whether we are ready or not, and the newest wins. Latency counts from the
  arrival, so a frame that waited for a slow one before it is slow too.
"""

from __future__ import annotations

import array
import itertools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.run.latency import STAGES, Assess, Tick, WarmUp, timed, warm_up
from edge.errors import EdgeError

Images = Sequence[NDArray[np.uint8]]
_COLUMNS = len(STAGES) + 3  # and how many it overtook, when it started, and its latency


@dataclass(frozen=True)
class Limit:
    """When to end: after so many timed frames or seconds, whichever comes first."""

    runs: int | None = None
    seconds: float | None = None

    def reached(self, runs: int, seconds: float) -> bool:
        """Whether either is over."""
        return (self.runs is not None and runs >= self.runs) or (self.seconds is not None and seconds >= self.seconds)


Plan = tuple[str, float | None, Limit, bool]  # scenario, fps, when to end, whether it is a soak


@dataclass(frozen=True, eq=False)
class Run:
    """The timed frames of one scenario.

    Attributes:
        scenario: ``single_stream``, ``offline`` or ``camera``.
        samples_ms: float64 (runs, 4), milliseconds; one column for each of ``STAGES``.
        latency_ms: float64 (runs,): what the scenario counts; under ``camera`` from the arrival of the frame.
        started_s: float64 (runs,): when each frame began to be graded, since the first.
        seconds: from the first frame's beginning to the last one's end.
        warm_up: before the timed frames, at the same pace.
        fps: frames that arrived a second, under ``camera``.
        overtaken: int64 (runs,): under ``camera``, how many frames each one overtook; None where none can be.
        interrupted: Ctrl-C ended it early.
        failure: the model's error where it failed in the middle, else None.
    """

    scenario: str
    samples_ms: NDArray[np.float64]
    latency_ms: NDArray[np.float64]
    started_s: NDArray[np.float64]
    seconds: float
    warm_up: WarmUp
    fps: float | None = None
    overtaken: NDArray[np.int64] | None = None
    interrupted: bool = False
    failure: str | None = None

    @property
    def dropped(self) -> int:
        """Frames that a newer one overtook."""
        return 0 if self.overtaken is None else int(self.overtaken.sum())

    def late(self, ms: float) -> NDArray[np.bool_]:
        """Whether each frame that came took longer, bool (runs + dropped,) in their order; what was overtaken did."""
        graded = np.asarray(self.latency_ms > ms)
        if self.overtaken is None:
            return graded
        late = np.ones(len(graded) + self.dropped, np.bool_)
        late[np.arange(len(graded)) + np.cumsum(self.overtaken)] = graded
        return late

    def stage(self, name: str) -> NDArray[np.float64]:
        """float64 (runs,), milliseconds of one of ``STAGES``."""
        return self.samples_ms[:, STAGES.index(name)]


def single_stream(assess: Assess, frames: Images, limit: Limit, tick: Tick = lambda done: None) -> Run:
    """Grade frames one after the other, round and round.

    Args:
        assess: ``QualityModel.assess`` or a substitute.
        frames: uint8 BGR, each (H, W, 3).
        limit: of the timed part.
        tick: called with the number of graded frames, between frames and outside the clock.

    Returns:
        The run; shorter, and marked, after Ctrl-C or a failure of the model.

    Raises:
        EdgeError: the model failed before the first timed frame.
        KeyboardInterrupt: Ctrl-C before the first timed frame.
    """
    warm = warm_up(lambda index: timed(assess, frames, index)[-1])
    rows = array.array("d")
    began = time.perf_counter()

    def go() -> None:
        for done in itertools.count():
            started = time.perf_counter() - began
            if limit.reached(done, started):
                return
            row = timed(assess, frames, done)
            rows.extend((*row, 0, started, row[-1]))
            tick(done + 1)

    interrupted, failure = _until_stopped(go, rows)
    return _run("single_stream", rows, warm, interrupted, failure)


def camera(assess: Assess, frames: Images, fps: float, limit: Limit, tick: Tick = lambda done: None) -> Run:
    """Grade the newest of frames that arrive at ``fps``; arguments, result and errors as for ``single_stream``."""
    warm = warm_up(_paced(assess, frames, fps))
    rows = array.array("d")
    period = 1 / fps
    first = time.perf_counter() + period

    def go() -> None:
        last = -1
        for done in itertools.count():
            if limit.reached(done, time.perf_counter() - first):
                return
            newest = max(last + 1, int((time.perf_counter() - first) // period))
            arrival = first + newest * period
            wait = arrival - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            overtaken, last = newest - last - 1, newest
            started = time.perf_counter()
            row = timed(assess, frames, newest)
            rows.extend((*row, overtaken, started - first, (time.perf_counter() - arrival) * 1000))
            tick(done + 1)

    interrupted, failure = _until_stopped(go, rows)
    return _run("camera", rows, warm, interrupted, failure, fps)


def offline(assess: Assess, frames: Images, limit: Limit, workers: int, tick: Tick = lambda done: None) -> Run:
    """Grade frames that lie ready, ``workers`` at once; arguments, result and errors as for ``single_stream``.

    One frame's search for the field of view then runs in parallel with another's inference.
    """
    warm = warm_up(lambda index: timed(assess, frames, index)[-1])
    parts = [array.array("d") for _ in range(workers)]
    errors: list[EdgeError] = []
    numbers, halt = itertools.count(), threading.Event()  # next() of a count is one step: no two threads get the same
    began = time.perf_counter()

    def work(rows: array.array[float]) -> None:
        try:
            while not halt.is_set():
                number, started = next(numbers), time.perf_counter() - began
                if limit.reached(number, started):
                    return
                row = timed(assess, frames, number)
                rows.extend((*row, 0, started, row[-1]))
        except EdgeError as error:
            errors.append(error)
            halt.set()

    threads = [threading.Thread(target=work, args=(part,), daemon=True) for part in parts]
    rows = array.array("d")

    def go() -> None:
        try:
            for thread in threads:
                thread.start()
            while any(thread.is_alive() for thread in threads):
                threads[0].join(0.25)
                tick(sum(len(part) for part in parts) // _COLUMNS)
                for thread in threads[1:]:
                    thread.join(0.05)
        finally:
            halt.set()
            for thread in threads:
                thread.join()
            rows.extend(itertools.chain(*parts))
            if errors:
                raise errors[0]

    interrupted, failure = _until_stopped(go, rows)
    return _run("offline", rows, warm, interrupted, failure)


def _paced(assess: Assess, frames: Images, fps: float) -> Callable[[int], float]:
    """One frame and then the rest of its period asleep, for a warm-up at the pace of the camera."""

    def run(index: int) -> float:
        began = time.perf_counter()
        spent = timed(assess, frames, index)[-1]
        time.sleep(max(0.0, 1 / fps - (time.perf_counter() - began)))
        return spent

    return run


def _until_stopped(go: Callable[[], None], rows: array.array[float]) -> tuple[bool, str | None]:
    """Whether Ctrl-C ended it, and the model's error; either is passed on before the first frame."""
    try:
        go()
    except KeyboardInterrupt:
        if not rows:
            raise
        return True, None
    except EdgeError as error:
        if not rows:
            raise
        return False, str(error)
    return False, None


def _run(
    scenario: str,
    rows: array.array[float],
    warm: WarmUp,
    interrupted: bool,
    failure: str | None,
    fps: float | None = None,
) -> Run:
    table = np.frombuffer(rows, dtype=np.float64)
    table = table[: len(table) // _COLUMNS * _COLUMNS].reshape(-1, _COLUMNS)
    if (np.diff(table[:, -2]) < 0).any():  # of several threads; else no copy of what may be a long run
        table = table[np.argsort(table[:, -2], kind="stable")]
    started = table[:, -2] - table[0, -2]
    samples = table[:, : len(STAGES)]
    seconds = float((started + samples[:, -1] / 1000).max())
    overtaken = None if fps is None else table[:, len(STAGES)].astype(np.int64)
    return Run(scenario, samples, table[:, -1], started, seconds, warm, fps, overtaken, interrupted, failure)
