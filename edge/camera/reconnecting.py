"""A camera that is reopened after it was unplugged, stalled or failed."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable

from edge.camera.connection import Connection
from edge.camera.patience import STALL_S
from edge.camera.protocol import Camera, Frame

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0  # before it is reopened; doubled each time
_LASTED_S = 10.0  # a connection that lasted so long was stable: the next loss is a new one
_LOOK_UP_S = 0.1


class ReconnectingCamera:
    """A live camera that survives a loose cable.

    Frame numbers continue over all reconnections. A camera that comes and goes is reopened at growing intervals, and
    reported once.

    Attributes:
        missed: frames that were lost before ``read``: in the camera, in this class, or because they were invalid.
        damaged: those among them that arrived damaged.
        lost: how often the camera was lost so far.
    """

    live = True

    def __init__(
        self,
        name: str,
        open_once: Callable[[], Camera],
        tell: Callable[[str], None],
        stop: threading.Event,
        stall_s: float = STALL_S,
    ) -> None:
        """Open a camera.

        Args:
            name: what the operator calls it.
            open_once: opens the camera; called again after each loss, from another thread, never after ``close``.
            tell: called with one sentence when the camera is lost, and one when it is back; if it comes and goes, one
                when that begins and one when it is over.
            stop: ends a ``read`` that waits for a lost camera.
            stall_s: seconds without a frame after which an ordinary camera counts as lost; a slow one has longer.

        Raises:
            EdgeError: it cannot be opened now. A camera that was never there is a user error, not a loss.
        """
        self._name, self._open_once, self._tell, self._stop, self._stall_s = name, open_once, tell, stop, stall_s
        camera = open_once()
        self.fps, self.format = camera.fps, camera.format
        self.lost = 0
        self._seen = 0  # frames returned or missed on earlier connections
        self._next = 0
        self._given = 0
        self._damaged = 0
        self._pause = 0.0
        self._losses = 0  # since it was last steady
        self._first_loss = self._last_loss = 0.0
        self._flapping = False
        self._lock = threading.Lock()
        self._closed = False
        self._connection = Connection(camera, stall_s)

    @property
    def missed(self) -> int:
        return self._next - self._given

    @property
    def damaged(self) -> int:
        return self._damaged + self._connection.damaged

    def read(self) -> Frame | None:
        """Wait for the next frame; while the camera is lost, for its return. None once closed or ``stop`` is set.

        Raises:
            EdgeError: the camera's frames are too large, and would be again.
        """
        while not self._over():
            frame = self._connection.take(self._over)
            if frame is not None:
                index = self._seen + frame.index
                self._next, self._given = index + 1, self._given + 1
                if self._losses and self._connection.lasted_s >= _LASTED_S:
                    self._settle()
                return dataclasses.replace(frame, index=index)
            self._give_up_if_refused()
            if not self._over():
                self._reconnect()
        return None

    def skip(self) -> bool:
        return self.read() is not None

    def close(self) -> None:
        """Release the camera; from then on nothing reopens it, even if a thread still waits for it."""
        with self._lock:
            closed, self._closed = self._closed, True
            self._connection.abandon()
        if not closed and self.damaged:
            self._tell(f"{self._name} gave {self.damaged} damaged frames, which were left out: check its cable.")
        self._connection.ended.wait(self._stall_s)

    def _over(self) -> bool:
        return self._closed or self._stop.is_set()

    def _give_up_if_refused(self) -> None:
        if self._connection.refused is not None:
            self._closed = True
            raise self._connection.refused

    def _reconnect(self) -> None:
        """Report why, then try until the camera is open and delivers a frame, or the session ends."""
        self._connection.abandon()
        self._report_loss(self._connection.trouble or "gives no frames")
        while not self._over():
            # The old thread must release the device first, even if it hangs in the driver.
            if not self._connection.ended.wait(_LOOK_UP_S):
                continue
            self._wait(self._pause)
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
            if not self._connect():
                return
            if self._connection.gives(self._over):
                self.fps, self.format = self._connection.known
                if not self._flapping:
                    self._tell(f"{self._name} is back after {time.monotonic() - self._last_loss:.1f} s.")
                return
            self._connection.abandon()
            self._give_up_if_refused()

    def _connect(self) -> bool:
        """Start to open the camera; False if it was closed in the meantime."""
        with self._lock:
            if self._over():
                return False
            self._seen = self._next
            self._damaged = self.damaged
            self._connection = Connection(self._open_once, self._stall_s)
            return True

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._over() and (left := until - time.monotonic()) > 0:
            self._stop.wait(min(left, _LOOK_UP_S))

    def _report_loss(self, trouble: str) -> None:
        self.lost += 1
        self._losses += 1
        self._last_loss = time.monotonic()
        if self._losses == 1:
            self._first_loss = self._last_loss
            self._tell(f"{self._name} {trouble}: check its cable; trying to reach it again.")
        elif not self._flapping:
            self._flapping = True
            self._tell(
                f"{self._name} comes and goes (it {trouble}): check its cable and its power; it is opened again at "
                f"growing intervals up to {_LONGEST_PAUSE_S:.0f} s, and reported once it is steady."
            )

    def _settle(self) -> None:
        """It has lasted long enough: the next loss is a new one."""
        if self._flapping:
            self._tell(
                f"{self._name} is steady again: it was lost {self._losses} times in "
                f"{time.monotonic() - self._first_loss:.0f} s."
            )
        self._losses, self._flapping, self._pause = 0, False, 0.0
