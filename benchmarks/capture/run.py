"""Judging many plays, several at a time."""

from __future__ import annotations

import functools
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import cv2

from benchmarks.capture.judge import JudgedSequence, judge
from benchmarks.capture.sequences import Play, play
from edge.capture.trigger import Strictness
from edge.errors import EdgeError
from edge.images import read_image
from edge.modality import check_fundus
from edge.model import QualityModel
from edge.progress import progress

_models: dict[tuple[Path | None, str], QualityModel] = {}  # of a worker: loaded once, used for every play


def without_poor_photographs(plays: list[Play], model: Path | None, engine: str) -> tuple[list[Play], tuple[str, ...]]:
    """Photographs that the model grades good, and a sentence on the others: their own defects are not in the truth.

    Raises:
        EdgeError: the model cannot be loaded or is of another modality, or it grades none of them good.
    """
    kept, poor = [], 0
    with QualityModel.load(model, engine, 1) as quality:
        check_fundus(quality.manifest, "edge-bench capture")
        for one in plays:
            try:
                good = one.path is not None and quality.assess(read_image(one.path)).verdict == "good"
            except EdgeError:  # reported when it is played
                good = True
            kept += [one] if good else []
            poor += not good
    if not kept:
        raise EdgeError(f"none of the {poor} photographs is graded good: replay better ones.")
    return kept, (f"{poor} of {len(plays)} photographs, which are not graded good to begin with",) if poor else ()


def judge_all(
    plays: list[Play], model: Path | None, engine: str, strictness: Strictness, jobs: int
) -> tuple[list[JudgedSequence], list[str], bool]:
    """Judge plays, each on one thread, with progress.

    Args:
        plays: the plays to judge.
        model: a ``.efiqa`` bundle; None for the shipped one.
        engine: which runtime, or ``auto``.
        strictness: of the trigger.
        jobs: processes.

    Returns:
        The results of the plays in their order, a sentence for each that could not be judged, and whether Ctrl-C
        interrupted the run.

    Raises:
        EdgeError: the model cannot be loaded or is of another modality, or a process died.
    """
    with QualityModel.load(model, engine, 1) as quality:  # its errors are reported once, before any play
        check_fundus(quality.manifest, "edge-bench capture")
    done: dict[int, JudgedSequence] = {}
    failed: dict[int, str] = {}
    interrupted = False
    with progress("playing", len(plays)) as tick:
        try:
            for number, work in _started(plays, model, engine, strictness, min(jobs, len(plays))):
                try:
                    done[number] = work()
                except EdgeError as error:
                    failed[number] = str(error)
                except BrokenProcessPool as error:
                    raise EdgeError(
                        "a process that judges sequences died: is memory short? --jobs 1 takes the least."
                    ) from error
                except Exception as error:  # one play that cannot be judged costs none of the others
                    reason = (str(error).strip().splitlines() or ["no message"])[0]
                    failed[number] = f"{plays[number].name} could not be judged ({type(error).__name__}: {reason})."
                tick(len(done) + len(failed))
        except KeyboardInterrupt:
            interrupted = True
    return [done[n] for n in sorted(done)], [failed[n] for n in sorted(failed)], interrupted


def _started(
    plays: list[Play], model: Path | None, engine: str, strictness: Strictness, jobs: int
) -> Iterator[tuple[int, Callable[[], JudgedSequence]]]:
    """The number of each play, in order of completion, and a function that returns its result or raises its error."""
    if jobs == 1:
        for number, one in enumerate(plays):
            yield number, functools.partial(_judge_one, one, model, engine, strictness)
        return
    # Spawned, not forked: an engine has threads, which a fork would lose.
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _start_worker)
    try:
        numbers = {pool.submit(_judge_one, one, model, engine, strictness): n for n, one in enumerate(plays)}
        for future in as_completed(numbers):
            yield numbers[future], future.result
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the run
    cv2.setNumThreads(1)


def _judge_one(wanted: Play, path: Path | None, engine: str, strictness: Strictness) -> JudgedSequence:
    if (path, engine) not in _models:
        _models[path, engine] = QualityModel.load(path, engine, 1)
    return judge(wanted.name, play(wanted), _models[path, engine], strictness)
