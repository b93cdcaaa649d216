"""What a session shows to a person: the live line and the closing words."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from edge.assessment import TERMINAL_COLOURS, shown_score
from edge.capture.graded import Graded
from edge.capture.loop import Counts
from edge.capture.session.judge import Judge
from edge.capture.session.session import Session
from edge.capture.session.storage import LINES, VIDEO, stem_of

_REFRESH_S = 0.1
_WORTH_REPORTING = 0.02  # relative difference from which the time of a source is reported
_NAMED = 8  # files of a session that are named one by one
_JITTER_S = 0.1  # the difference that grading a single frame may make


class LiveLine:
    """One line that follows the stream, at most ten times a second; nothing where the console is no terminal."""

    def __init__(self, console: Console, post: Callable[[Callable[[], None]], None]) -> None:
        """Set up.

        Args:
            console: where it is shown.
            post: prints without waiting.
        """
        self._post = post
        self._shown = True  # whether the newest line is on the terminal
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._last = 0.0
        self._recent: deque[float] = deque(maxlen=30)

    def show(self, graded: Graded, counts: Counts) -> None:
        now = time.monotonic()
        self._recent.append(now)
        if self._live is None or now - self._last < _REFRESH_S or not self._shown:
            return
        self._last = now
        spent = now - self._recent[0]
        fps = (len(self._recent) - 1) / spent if spent > 0 else 0.0
        verdict = graded.assessment.verdict
        line = Text(f"frame {graded.frame.index}  {fps:4.1f} fps  score {shown_score(graded.assessment.score)}  ")
        line.append(f"{verdict:9}", style=TERMINAL_COLOURS[verdict])
        line.append(f"  dropped {counts.dropped}")
        if graded.hint is not None:
            line.append(f"  {graded.hint.text}")
        self._shown = False
        self._post(partial(self._update, line))

    def _update(self, line: Text) -> None:
        with contextlib.suppress(OSError):  # a terminal that has gone
            self._live.update(line, refresh=True)  # type: ignore[union-attr]
        self._shown = True

    def __enter__(self) -> LiveLine:
        if self._live is not None:
            self._post(self._live.start)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._post(self._live.stop)


def closing_words(counts: Counts) -> list[str]:
    """What happened to the frames."""
    lines = [
        f"{counts.seen} frames seen, {counts.graded} graded, {counts.dropped} dropped; {counts.fps:.1f} fps; "
        f"latency p50 {counts.latency(50):.1f} ms, p99 {counts.latency(99):.1f} ms"
    ]
    if abs(counts.seconds - counts.source_seconds) > max(_WORTH_REPORTING * counts.source_seconds, _JITTER_S):
        lines.append(f"{counts.source_seconds:.1f} s of the source took {counts.seconds:.1f} s")
    if counts.lost:
        lines.append(f"the camera was lost and searched for {counts.lost} times")
    return lines


def kept_words(session: Session | None, best: Graded | None, judge: Judge | None = None) -> list[str]:
    """Which file of a visit to look at, and what the criterion says of what was kept."""
    lines = []
    if session is not None:
        lines.append("made: " + _made(session))
    if session is not None and session.captured:
        lines += [f"captured: {picture}{_judged(judge, picture.stem)}" for picture in session.captured]
    elif best is None:
        lines.append("best frame: none, no frame showed a retina")
    elif session is None:
        lines.append(f"best frame: number {best.frame.index} {_grade(best)}; --out DIR keeps it")
    elif session.saved is None:
        lines.append(f"best frame: number {best.frame.index} {_grade(best)}, not kept")
    else:
        lines.append(_what_to_open(session, session.saved))
        lines += [judge.judge(session.saved).words] if judge is not None else []
    if judge is not None and session is None and best is not None:
        lines.append(judge.judge(best).words)
    return lines + ([] if judge is None or session is None else judge.lines())


def _judged(judge: Judge | None, stem: str) -> str:
    kept = None if judge is None else judge.kept.get(stem)
    return "" if kept is None else f" ({kept.adequacy.words})"


def _made(session: Session) -> str:
    names = [str(path) for path in session.files]
    if not names:
        return f"nothing that is still there: {session.folder} is gone"
    if len(names) <= _NAMED:
        return ", ".join(names)
    whole = [name for name in names if Path(name).name in (VIDEO, LINES)]
    return ", ".join(whole) + f" and {len(names) - len(whole)} files of the frames kept in {session.folder}"


def _what_to_open(session: Session, saved: Graded) -> str:
    picture = session.folder / f"{stem_of(saved)}.png"
    video = session.folder / VIDEO
    words = f"best frame: {picture} {_grade(saved)}; open "
    if video not in session.files:
        return words + f"{picture.with_suffix('.overlay.jpg')} to see its map"
    undrawn = f" (without {session.undrawn} frames that came too fast to draw)" if session.undrawn else ""
    return words + f"{video} to watch the map follow the picture{undrawn}"


def _grade(graded: Graded) -> str:
    return f"(score {shown_score(graded.assessment.score)}, {graded.assessment.verdict})"
