"""The library's log and progress on stderr."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from edge.progress import Tick, shown_by

_PACKAGES = ("edge", "trainer", "calibration", "benchmarks")
_REFRESH_S = 0.25


class Bars:
    """Progress bars on a terminal, drawn by the working thread: another one would disturb what is timed.

    Without a terminal, a line after every tenth of a training.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,  # rows meant for a file would end up on the terminal
            disable=not console.is_terminal,
        )
        self._open = 0

    @contextmanager
    def __call__(self, what: str, total: int | None, done: int) -> Iterator[Tick]:
        before = done
        bar = self._bars.add_task(what, total=total, completed=done, note="")
        drawn, begun = 0.0, time.monotonic()

        def tick(done: int, loss: float | None = None) -> None:
            nonlocal drawn
            if loss is not None and total and not self._console.is_terminal and done % max(1, total // 10) == 0:
                self._console.print(f"{what}: step {done} of {total}, loss {loss:.4f}", markup=False)
            if time.monotonic() - drawn > _REFRESH_S:
                drawn = time.monotonic()
                note = "" if loss is None else f"loss {loss:.4f}"
                if total is None:  # there is no remaining time: how fast it goes is what can be told
                    note = f"{(done - before) / max(drawn - begun, 1e-6):.1f} a second"
                self._bars.update(bar, completed=done, note=note, refresh=True)

        self._open += 1
        self._bars.start()
        try:
            yield tick
        finally:
            self._open -= 1
            self._bars.remove_task(bar)
            if not self._open:
                self._bars.stop()


class _Lines(logging.Handler):
    """A line for each record, with its level before warnings and errors."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        level = f"{record.levelname.lower()}: " if record.levelno >= logging.WARNING else ""
        self._console.print(level + record.getMessage(), markup=False)


@contextmanager
def shown_on(console: Console) -> Iterator[None]:
    """Show on a console what our packages log from INFO on, and their progress."""
    lines = _Lines(console)
    loggers = [logging.getLogger(name) for name in _PACKAGES]
    for logger in loggers:
        logger.addHandler(lines)
        logger.setLevel(logging.INFO)
    try:
        with shown_by(Bars(console)):
            yield
    finally:
        for logger in loggers:
            logger.removeHandler(lines)
            logger.setLevel(logging.NOTSET)
