"""The state that the answers of the preview are made of, passed down so that nothing below depends on the server."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edge.capture.archive.stow import HandOver
from edge.capture.archive.worklist import Worklist
from edge.capture.graded import Graded
from edge.capture.loop import Counts
from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.session.judge import Judge
from edge.capture.session.visits import Visits
from edge.capture.trigger import Strictness
from edge.guidance.hint import Hint
from edge.preview.auth.auth import Access
from edge.preview.auth.source import Known
from edge.preview.renderer import Kind, RenderedFrame, Renderer

_MOST_CAPTURES = 24  # in memory, as JPEGs, the latest ones
_MOST_HISTORY = 300
_HISTORY_EVERY_S = 0.1
_MOST_AGES = 20_000


@dataclass(frozen=True)
class Controls:
    """What the page may do to the session. All functions are called on the server's thread and must return at once.

    Attributes:
        trigger: keep a frame now; None if the session saves nothing.
        strictness: the level at the start, or None without automatic capture.
        set_strictness: change it.
        visits: of the session; None if it saves nothing. What they do may wait: it is called on other threads.
        housekeeper: of the visits on disk; None if the session saves nothing. Reading and deleting them takes a while.
        worklist: who is expected today; None where nobody can be asked. An answer takes a while.
        hand_over: delivers DICOM files; None where they stay here.
    """

    trigger: Callable[[], None] | None
    strictness: Strictness | None = None
    set_strictness: Callable[[Strictness], None] = lambda level: None
    visits: Visits | None = None
    housekeeper: Housekeeper | None = None
    worklist: Worklist | None = None
    hand_over: HandOver | None = None


@dataclass(frozen=True)
class Capture:
    """A kept frame as the page shows it."""

    visit: int  # number of the visit
    number: int  # of the capture in the visit, from 1
    grade: dict[str, Any]  # see ``edge.preview.state.grade_of``
    overlay: bytes  # JPEG
    plain: bytes  # JPEG


class Hub:
    """What clients wait for: the newest of everything. It belongs to the server's thread; only that one touches it."""

    def __init__(self) -> None:
        self.frames = 0  # published so far
        self.newest: Graded | None = None  # the last of them
        self.published_at = 0.0  # when it came, by ``time.monotonic``
        self.hints = 0  # how often the hint has changed
        self.pictures: dict[Kind, RenderedFrame] = {}
        self.ages_s: deque[float] = deque(maxlen=_MOST_AGES)  # age of pictures when they were sent
        self.captures: deque[Capture] = deque(maxlen=_MOST_CAPTURES)
        self.captured = 0  # so far, in all visits
        self.listed = 0  # how often the list of captures has changed
        self.visit: dict[str, Any] | None = None  # see ``edge.preview.state.visit_state``
        self.visits = 0  # how often that has changed
        self.notes: deque[tuple[int, str]] = deque(maxlen=8)  # numbered, so that each client gets each once
        self.history: deque[tuple[float, float]] = deque(maxlen=_MOST_HISTORY)  # seconds of the source, score
        self.strictness: str | None = None
        self.ended = False
        self._hint: Hint | None = None
        self._changed = asyncio.Event()

    def news(self) -> None:
        """Wake all who wait."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Wait for news, but at most so many seconds."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)

    def frame(self, number: int, graded: Graded) -> None:
        """Add a newer graded frame."""
        t, score = graded.t, graded.assessment.score
        self.frames, self.newest, self.published_at = number, graded, time.monotonic()
        if graded.hint != self._hint:
            self._hint = graded.hint
            self.hints += 1
        if not self.history or t < self.history[-1][0] or t - self.history[-1][0] >= _HISTORY_EVERY_S:
            self.history.append((round(t, 2), round(score, 3)))
        self.news()

    def picture(self, kind: Kind, picture: RenderedFrame) -> None:
        """Add a newer picture."""
        self.pictures[kind] = picture
        self.news()

    def capture(self, visit: int, number: int, grade: dict[str, Any], overlay: bytes, plain: bytes) -> None:
        """Add a kept frame, unless it was discarded meanwhile, or its patient has gone."""
        self.captured += 1
        if self.visit is None or (self.visit["number"] == visit and number in _numbers(self.visit)):
            self.captures.append(Capture(visit, number, grade, overlay, plain))
        self.listed += 1
        self.news()

    @property
    def shown(self) -> list[Capture]:
        """The kept frames that are not discarded."""
        if self.visit is None:
            return list(self.captures)
        numbers = _numbers(self.visit, "captures")
        return [each for each in self.captures if each.number in numbers]

    def visit_is(self, state: dict[str, Any]) -> None:
        """The current visit, as clients see it; with another one the pictures of the last are gone."""
        before, same = self.shown, self.visit is None or state["number"] == self.visit["number"]
        there = [each for each in self.captures if each.number in _numbers(state)] if same else []
        self.captures = deque(there, maxlen=_MOST_CAPTURES)
        self.visit = state
        self.listed += self.shown != before
        self.visits += 1
        self.news()

    def note(self, sentence: str) -> None:
        """Add a message for the operator."""
        self.notes.append((self.notes[-1][0] + 1 if self.notes else 1, sentence))
        self.news()

    def end(self) -> None:
        """End the session."""
        self.ended = True
        self.news()


def _numbers(visit: dict[str, Any], *kinds: str) -> set[int]:
    """The numbers of the captures of a visit; of the discarded ones too, unless the kinds are given."""
    return {one["number"] for kind in kinds or ("captures", "discarded") for one in visit.get(kind, ())}


@dataclass(frozen=True)
class Context:
    """One session and its page.

    Attributes:
        access: the access rules.
        counts: of the session; read, never written.
        controls: what the page may do.
        hub: what clients wait for.
        painter: draws the pictures.
        session: an ID, new for each start of the server.
        port: the one it listens on.
        encrypted: whether it speaks TLS itself.
        trouble: called with one sentence per kind of failure.
        judge: of the frames that are shown, where there is a criterion.
        insecure: whether identities may travel unencrypted.
        known: addresses that sent the right token.
    """

    access: Access
    counts: Counts
    controls: Controls
    hub: Hub
    painter: Renderer
    session: str
    port: int
    encrypted: bool
    trouble: Callable[[str], None]
    judge: Judge | None = None
    insecure: bool = False
    known: Known = field(default_factory=Known)
