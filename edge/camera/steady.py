"""A camera that comes back: unplugged, stalled or broken ones are noticed within a second and opened again."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable

import numpy as np

from edge.camera.protocol import Camera, Frame
from edge.camera.shape import TooLargeError
from edge.errors import EdgeError, first_line

STALL_S = 1.0  # so long may a camera give nothing before it counts as lost
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0  # between two tries to open it again; doubled from the first on


class SteadyCamera:
    """A live camera that survives its cable.

    The camera is read on a thread of its own, which may hang in a driver without hanging anybody else. Frames are
    numbered through, over all reconnections.

    Attributes:
        missed: frames that were lost before ``read``: in the camera, in this class, or as garbage.
        damaged: those among them that came, but not whole.
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
            open_once: opens the camera; called again after each loss, from another thread.
            tell: told one sentence when the camera is lost, and one when it is back.
            stop: ends a ``read`` that waits for a lost camera.
            stall_s: seconds without a frame after which a camera counts as lost.

        Raises:
            EdgeError: it cannot be opened now. A camera that was never there is a mistake, not a loss.
        """
        self._name, self._open_once, self._tell, self._stop, self._stall_s = name, open_once, tell, stop, stall_s
        camera = open_once()
        self.fps, self.format = camera.fps, camera.format
        self.lost = 0
        self._seen = 0  # frames given or missed on the connections before this one
        self._next = 0
        self._given = 0
        self._damaged = 0
        self._closed = False
        self._pump = _Pump(camera)

    @property
    def missed(self) -> int:
        return self._next - self._given

    @property
    def damaged(self) -> int:
        return self._damaged + self._pump.damaged

    def read(self) -> Frame | None:
        """Wait for the next frame; while the camera is lost, for its return. None once ``stop`` is set.

        Raises:
            EdgeError: the camera's frames are too large, which they would be again.
        """
        while not self._closed and not self._stop.is_set():
            frame = self._pump.take(self._stall_s, self._stop)
            if frame is not None:
                index = self._seen + frame.index
                self._next, self._given = index + 1, self._given + 1
                return dataclasses.replace(frame, index=index)
            self._give_up_if_refused()
            if not self._stop.is_set():
                self._reconnect()
        return None

    def skip(self) -> bool:
        return self.read() is not None

    def close(self) -> None:
        if not self._closed and self.damaged:
            self._tell(f"{self._name} gave {self.damaged} damaged frames, which were left out: check its cable.")
        self._closed = True
        self._pump.abandon()
        self._pump.ended.wait(self._stall_s)

    def _give_up_if_refused(self) -> None:
        if self._pump.refused is not None:
            self._closed = True
            raise self._pump.refused

    def _reconnect(self) -> None:
        """Say why, then try until the camera is open and gives a frame, or ``stop`` is set."""
        began = time.monotonic()
        self.lost += 1
        self._tell(
            f"{self._name} {self._pump.trouble or 'gives no frames'}: check its cable; trying to reach it again."
        )
        pause = _FIRST_PAUSE_S
        while not self._stop.is_set():
            # The old thread must let go of the device first; one that hangs in its driver is waited for.
            self._pump.abandon()
            if self._pump.ended.wait(min(0.1, pause)):
                self._seen = self._next
                self._damaged = self.damaged
                self._pump = _Pump(self._open_once)
                if self._pump.wait_for_first(self._stall_s, self._stop):
                    self.fps, self.format = self._pump.known
                    self._tell(f"{self._name} is back after {time.monotonic() - began:.1f} s.")
                    return
                self._pump.abandon()
                self._give_up_if_refused()
                self._stop.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)


class _Pump:
    """One connection: a thread that reads a camera until it fails, ends or is abandoned, and then closes it."""

    def __init__(self, source: Camera | Callable[[], Camera]) -> None:
        self.trouble = ""
        self.refused: EdgeError | None = None  # why it is of no use to open it again
        self.damaged = 0
        self.known = (0.0, "")
        self.ended = threading.Event()
        self._changed = threading.Condition()
        self._slot: Frame | None = None
        self._over = False  # no further frame comes
        self._opening = callable(source)
        self._abandoned = False
        threading.Thread(target=self._run, args=(source,), name="connection", daemon=True).start()

    def take(self, seconds: float, stop: threading.Event) -> Frame | None:
        """The newest frame; None where there is none for so long, or will be none."""
        with self._changed:
            self._wait(seconds, stop)
            frame, self._slot = self._slot, None
            return frame

    def wait_for_first(self, seconds: float, stop: threading.Event) -> bool:
        """Whether a frame came within so long after the camera was opened."""
        with self._changed:
            while self._opening and not self._over and not stop.is_set():
                self._changed.wait(0.1)
            self._wait(seconds, stop)
            return self._slot is not None

    def abandon(self) -> None:
        with self._changed:
            self._abandoned = True

    def _wait(self, seconds: float, stop: threading.Event) -> None:
        until = time.monotonic() + seconds
        while self._slot is None and not self._over and not stop.is_set() and (left := until - time.monotonic()) > 0:
            self._changed.wait(min(left, 0.1))

    def _run(self, source: Camera | Callable[[], Camera]) -> None:
        camera: Camera | None = None
        try:
            camera = source() if callable(source) else source
            with self._changed:
                self._opening = False
            while not self._abandoned:
                frame = camera.read()
                self.damaged = getattr(camera, "damaged", 0)
                if frame is None:
                    self.trouble = "has ended"
                    break
                if not _is_picture(frame):  # counted by its index; a camera that gives nothing else stalls
                    continue
                with self._changed:
                    self.known = (camera.fps, camera.format)
                    self._slot = frame
                    self._changed.notify_all()
        except TooLargeError as error:
            self.refused = error
        except EdgeError:
            self.trouble = "gives no frames any more"
        except Exception as error:  # whatever a driver raises: the camera is opened anew
            self.trouble = f"failed ({first_line(error)})"
        finally:
            if camera is not None:
                self.damaged = getattr(camera, "damaged", 0)
                with contextlib.suppress(Exception):
                    camera.close()
            with self._changed:
                self._over, self._opening = True, False
                self._changed.notify_all()
            self.ended.set()


def _is_picture(frame: Frame) -> bool:
    image: object = frame.image
    return (
        isinstance(image, np.ndarray)
        and image.dtype == np.uint8
        and image.ndim == 3
        and image.shape[2] == 3
        and image.size > 0
    )
