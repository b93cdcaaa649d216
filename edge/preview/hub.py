"""What the clients of the preview wait for. It belongs to the thread of the server; only that one touches it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from dataclasses import dataclass
from typing import Any

from edge.capture.loop import Graded
from edge.guidance.hint import Hint
from edge.preview.renderer import Kind, RenderedFrame

_MOST_CAPTURES = 24  # in memory, as JPEGs, the latest ones
_MOST_HISTORY = 300
_HISTORY_EVERY_S = 0.1
_MOST_AGES = 20_000


@dataclass(frozen=True)
class Capture:
    """A kept frame as the page shows it."""

    number: int  # counts the captures of a session from 1
    grade: dict[str, Any]  # see ``edge.preview.state.grade_of``
    overlay: bytes  # JPEG
    plain: bytes  # JPEG


class Hub:
    """The newest of everything, and a way to wait until there is something newer."""

    def __init__(self) -> None:
        self.frames = 0  # published so far
        self.newest: Graded | None = None  # the last of them
        self.hints = 0  # how often the hint has changed
        self.pictures: dict[Kind, RenderedFrame] = {}
        self.ages_s: deque[float] = deque(maxlen=_MOST_AGES)  # of pictures when they were sent, since they were taken
        self.captures: deque[Capture] = deque(maxlen=_MOST_CAPTURES)
        self.captured = 0
        self.notes: deque[tuple[int, str]] = deque(maxlen=8)  # numbered, so that each client hears each once
        self.history: deque[tuple[float, float]] = deque(maxlen=_MOST_HISTORY)  # seconds of the source, score
        self.strictness: str | None = None
        self.ended = False
        self._hint: Hint | None = None
        self._changed = asyncio.Event()

    def news(self) -> None:
        """Wake everybody who waits."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Until there is news, but not longer than so many seconds."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def frame(self, number: int, graded: Graded) -> None:
        """A newer frame was graded."""
        t, score = graded.t, graded.assessment.score
        self.frames, self.newest = number, graded
        if graded.hint != self._hint:
            self._hint = graded.hint
            self.hints += 1
        if not self.history or t < self.history[-1][0] or t - self.history[-1][0] >= _HISTORY_EVERY_S:
            self.history.append((round(t, 2), round(score, 3)))
        self.news()

    def picture(self, kind: Kind, picture: RenderedFrame) -> None:
        """A newer frame was drawn."""
        self.pictures[kind] = picture
        self.news()

    def capture(self, grade: dict[str, Any], overlay: bytes, plain: bytes) -> None:
        """A frame was kept."""
        self.captured += 1
        self.captures.append(Capture(self.captured, grade, overlay, plain))
        self.news()

    def note(self, sentence: str) -> None:
        """Something that the operator must know."""
        self.notes.append((self.notes[-1][0] + 1 if self.notes else 1, sentence))
        self.news()

    def end(self) -> None:
        """The session is over."""
        self.ended = True
        self.news()
