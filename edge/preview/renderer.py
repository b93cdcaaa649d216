"""The thread that draws the newest frame, once for all clients, while one of them watches."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import cv2

from edge.capture.background import give_way
from edge.capture.graded import Graded
from edge.errors import first_line
from edge.overlay import draw_overlay, reduced

Kind = Literal["overlay", "plain"]
Place = tuple[int, int]  # of a kept frame: its visit, and its capture in it

_WIDEST = 960  # pixels, as on a phone
_QUALITY = 80
_FASTEST_S = 1 / 20  # between two pictures
_SHARE = 0.25  # of a core: if drawing takes longer, pictures come less often, so that grading is not slowed down
_STILL_S = 0.25  # without a newer frame for so long, the current one is drawn
_GOODBYE_S = 5.0
_MOST_WAITING = 4  # kept frames that wait to be drawn; each is a full frame in memory


@dataclass(frozen=True)
class RenderedFrame:
    """A JPEG of one frame."""

    number: int  # of the frame, as counted by the preview
    taken: float  # when the frame was taken or due, by ``time.monotonic``
    jpeg: bytes


class Renderer:
    """Draws on its own thread; every call returns at once.

    Args:
        show: called on the painter's thread with each picture of the stream.
        keep: called on the painter's thread with a kept frame, its place, its picture under the map and its plain one.
        report: called with one sentence per frame that could not be drawn.
    """

    def __init__(
        self,
        show: Callable[[Kind, RenderedFrame], None],
        keep: Callable[[Graded, Place, bytes, bytes], None],
        report: Callable[[str], None],
    ) -> None:
        self.drawn = 0  # pictures of the stream encoded so far
        self._show, self._keep, self._report = show, keep, report
        self._changed = threading.Condition()
        self._newest: tuple[int, Graded] | None = None
        self._lain = 0  # frames up to this number may be old: wait for the next one
        self._wanted: set[Kind] = set()
        self._kept: deque[tuple[Graded, Place]] = deque(maxlen=_MOST_WAITING)
        self._closing = False
        self._done: dict[Kind, int] = {}
        self._thread = threading.Thread(target=self._work, name="preview pictures", daemon=True)
        self._thread.start()

    def newest(self, number: int, graded: Graded) -> None:
        """Pass a newer frame."""
        with self._changed:
            self._newest = number, graded
            if self._wanted:
                self._changed.notify()

    def want(self, kind: Kind) -> None:
        """Request a picture that is newer than the last one drawn."""
        with self._changed:
            if not self._wanted:
                self._pass_over()
            self._wanted.add(kind)
            self._changed.notify()

    def keep(self, graded: Graded, place: Place = (1, 1)) -> None:
        """Draw a kept frame."""
        with self._changed:
            self._kept.append((graded, place))
            self._changed.notify()

    def close(self) -> None:
        """End the thread and wait for it."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(_GOODBYE_S)

    def _work(self) -> None:
        give_way()
        while self._wait():
            began = time.monotonic()
            try:
                self._draw_kept()
                self._draw_newest()
            except Exception as error:  # a frame that cannot be drawn must not end the preview
                self._report(f"the preview could not draw a frame ({first_line(error)}); the session goes on.")
            spent = time.monotonic() - began
            self._rest(max(_FASTEST_S - spent, spent * (1 / _SHARE - 1)))

    def _wait(self) -> bool:
        """Wait for something to draw; False once closed."""
        with self._changed:
            self._pass_over()
            while not self._changed.wait_for(lambda: self._closing or self._kept or self._fresh(), _STILL_S):
                self._lain = 0
            return not self._closing

    def _pass_over(self) -> None:
        self._lain = 0 if self._newest is None else self._newest[0]

    def _draw_kept(self) -> None:
        with self._changed:
            kept = self._kept.popleft() if self._kept else None
        if kept is not None:
            self._keep(*kept, _encode(kept[0], "overlay"), _encode(kept[0], "plain"))

    def _draw_newest(self) -> None:
        with self._changed:
            kinds = self._fresh()
            self._wanted.difference_update(kinds)
            newest = self._newest
        if newest is None:
            return
        for kind in kinds:
            self._done[kind] = newest[0]
            taken = newest[1].frame.timestamp + newest[1].frame.behind
            self._show(kind, RenderedFrame(newest[0], taken, _encode(newest[1], kind)))
            self.drawn += 1

    def _fresh(self) -> list[Kind]:
        """The requested kinds for which there is a newer frame."""
        if self._newest is None:
            return []
        number = self._newest[0]
        return sorted(kind for kind in self._wanted if max(self._done.get(kind, -1), self._lain) < number)

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, timeout=seconds)


def _encode(graded: Graded, kind: Kind) -> bytes:
    small, assessment = reduced(graded.frame.image, graded.assessment, _WIDEST)
    picture = draw_overlay(small, assessment, caption=False) if kind == "overlay" else small
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return bytes(data) if done else b""
