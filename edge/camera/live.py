"""What the live sources that are read here have in common: frames in turn, damaged ones counted, one end."""

from __future__ import annotations

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
        damaged: frames that came damaged, and are never given.
    """

    live = True

    def __init__(self, broken: str) -> None:
        """Set up.

        Args:
            broken: one sentence, for when no frame comes any more.
        """
        self.damaged = 0
        self._broken = broken
        self._compression = Counter(None)
        self._patience = Patience()
        self._given = 0
        self._ended = False

    @abstractmethod
    def _next(self) -> Picture | None:
        """Wait for a frame, as long as patience says; None where none comes."""

    @abstractmethod
    def close(self) -> None:
        """Give the source back; sets ``_ended``."""

    @property
    def missed(self) -> int:
        """Damaged frames: nobody tells what a driver or a network dropped."""
        return self.damaged

    def read(self) -> Frame | None:
        """Wait for the next whole frame.

        Raises:
            EdgeError: none comes any more, or it is too large.
        """
        began = time.monotonic()
        while (picture := self._advance()) is not None:
            taken = self._taken()
            try:
                image = picture()
            except EdgeError:  # too large from here on
                self.close()
                raise
            if image is not None:
                return Frame(image, self._given - 1, taken, lossy=self._compression.lossy(image.nbytes))
            self.damaged += 1
            if time.monotonic() - began > self._patience.seconds:  # opened anew, a camera begins with a whole frame
                raise self._lost()
        return None

    def skip(self) -> bool:
        """Wait for the next frame without making it a picture.

        Raises:
            EdgeError: none comes any more.
        """
        return self._advance() is not None

    def _advance(self) -> Picture | None:
        if self._ended:
            return None
        picture = self._next()
        if picture is None:
            raise self._lost()
        self._patience.came()
        self._given += 1
        return picture

    def _taken(self) -> float:
        """When the newest frame was exposed, as well as can be told."""
        return time.monotonic()

    def _lost(self) -> EdgeError:
        self._ended = True
        return EdgeError(self._broken)
