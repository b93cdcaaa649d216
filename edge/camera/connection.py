"""One connection to a live camera, on its own thread, which may hang in a driver without blocking any other."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import numpy as np

from edge.camera.patience import Patience
from edge.camera.protocol import Camera, Frame
from edge.camera.shape import TooLargeError
from edge.errors import EdgeError, first_line
from edge.images.raw import RawImage, is_bgr

_LOOK_UP_S = 0.1  # how often a wait checks whether it was cancelled


class Connection:
    """Reads a camera until it fails, ends or is abandoned, and then closes it.

    Attributes:
        trouble: why the connection ended; empty while it works.
        refused: why reopening it would fail again.
        damaged: frames that arrived damaged.
        known: frames per second and format of the newest frame.
        ended: set once the camera is closed.
    """

    def __init__(self, source: Camera | Callable[[], Camera], stall_s: float) -> None:
        """Start reading.

        Args:
            source: the camera, or a function that opens it.
            stall_s: as for ``Patience``.
        """
        self.trouble = ""
        self.refused: EdgeError | None = None
        self.damaged = 0
        self.known = (0.0, "")
        self.ended = threading.Event()
        self._patience = Patience(stall_s)
        self._changed = threading.Condition()
        self._slot: Frame | None = None
        self._over = False  # no more frames will come
        self._opening = callable(source)
        self._abandoned = False
        threading.Thread(target=self._run, args=(source,), name="connection", daemon=True).start()

    @property
    def lasted_s(self) -> float:
        """From its first frame to its newest."""
        return self._patience.lasted_s

    def take(self, unwanted: Callable[[], bool]) -> Frame | None:
        """The newest frame; None on a timeout, after the end, or once ``unwanted`` returns True."""
        with self._changed:
            self._wait(unwanted)
            frame, self._slot = self._slot, None
            return frame

    def gives(self, unwanted: Callable[[], bool]) -> bool:
        """Whether the camera opens and delivers a first frame."""
        with self._changed:
            while self._opening and not self._over and not unwanted():
                self._changed.wait(_LOOK_UP_S)
            self._wait(unwanted)
            return self._slot is not None

    def abandon(self) -> None:
        """Close the camera as soon as possible; one that is still being opened is closed right afterwards."""
        with self._changed:
            self._abandoned = True

    def _wait(self, unwanted: Callable[[], bool]) -> None:
        left = self._patience.seconds
        while self._slot is None and not self._over and not unwanted() and left > 0:
            before = time.monotonic()
            self._changed.wait(min(left, _LOOK_UP_S))
            # Where all of the machine halts, the camera did not: its thread gets the time to hand a frame over.
            left -= min(time.monotonic() - before, 2 * _LOOK_UP_S)

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
                if not _is_picture(frame):  # counted by its index; a camera that delivers nothing else stalls
                    continue
                with self._changed:
                    self._patience.came()
                    self.known = (camera.fps, camera.format)
                    self._slot = frame
                    self._changed.notify_all()
        except TooLargeError as error:
            self.refused = error
        except EdgeError:
            self.trouble = "gives no frames any more"
        except Exception as error:  # whatever a driver raises: the camera is opened again
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
    image: object = frame.picture
    return isinstance(image, RawImage) or (isinstance(image, np.ndarray) and is_bgr(image))
