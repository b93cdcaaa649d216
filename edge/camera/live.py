"""The base class of live sources: it numbers frames, counts damaged ones, and ends once."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod

from edge.camera.patience import Patience
from edge.camera.protocol import Frame
from edge.camera.recording.lossy import Counter
from edge.camera.recording.whole_frames import Picture
from edge.errors import EdgeError


class LiveSource(ABC):
    """One connection to a live source.

    Attributes:
        damaged: frames that arrived damaged; they are never returned.
    """

    live = True

    def __init__(self, broken: str) -> None:
        """Set up.

        Args:
            broken: the error message for when no more frames come.
        """
        self.damaged = 0
        self._broken = broken
        self._compression = Counter(None)
        self._patience = Patience()
        self._held: Picture | None = None  # a frame that came during opening and was not returned yet
        self._given = 0
        self._ended = False

    @abstractmethod
    def _next(self) -> Picture | None:
        """Wait for a frame for at most ``self._patience.seconds``; None if none comes."""

    @abstractmethod
    def close(self) -> None:
        """Release the source; sets ``_ended``."""

    @property
    def missed(self) -> int:
        """Damaged frames: what a driver or a network dropped is not known."""
        return self.damaged

    def read(self) -> Frame | None:
        """Wait for the next whole frame.

        Raises:
            EdgeError: no more frames come, or the frame is too large.
        """
        began = time.monotonic()
        while (picture := self._advance()) is not None:
            taken = self._taken()
            try:
                image = picture()
            except EdgeError:  # its frames are too large from now on
                self.close()
                raise
            if image is not None:
                return Frame(image, self._given - 1, taken, lossy=self._compression.lossy(math.prod(image.shape)))
            self.damaged += 1
            if time.monotonic() - began > self._patience.seconds:  # a camera that is reopened starts with a whole frame
                raise self._lost()
        return None

    def skip(self) -> bool:
        """Wait for the next frame without decoding it.

        Raises:
            EdgeError: no more frames come.
        """
        return self._advance() is not None

    def _advance(self) -> Picture | None:
        if self._ended:
            return None
        picture, self._held = self._held or self._next(), None
        if picture is None:
            raise self._lost()
        self._patience.came()
        self._given += 1
        return picture

    def _taken(self) -> float:
        """When the newest frame was exposed, as precisely as known."""
        return time.monotonic()

    def _lost(self) -> EdgeError:
        self._ended = True
        return EdgeError(self._broken)
