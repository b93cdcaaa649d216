"""Looking at one frame after the other: assessment, hint and eye, knowing the frames before."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge.camera.given import PixelFormat
from edge.camera.protocol import Frame
from edge.capture.channel_watch import ChannelWatch
from edge.capture.eye_vote import EyeOfNow
from edge.capture.graded import Graded
from edge.errors import EdgeError, EngineError, InputError, MisfitError, first_line
from edge.findings.eye import Eye
from edge.guidance.absence import Absence, gone_for_sure, shows_eye
from edge.guidance.guide import Guide
from edge.guidance.hint import Hint
from edge.model import QualityModel

log = logging.getLogger(__name__)


class Looker:
    """Looks at the frames of a session in the order of their time.

    Attributes:
        eye: before the camera.
        stays: whether the retina before the camera was there before ``start_over``, and has not left since.

    Args:
        model: what grades them.
        pixels: their format.
        tell: called with one sentence, at most once, where their channels are exchanged.
    """

    def __init__(self, model: QualityModel, pixels: PixelFormat, tell: Callable[[str], None]) -> None:
        self._model = model
        self._channels = None if pixels == "grey" else ChannelWatch(tell)
        self._first: float | None = None  # time of the first frame
        self._leaving, self._there = Absence(), False  # whether a retina is before the camera, whosever it is
        self.start_over()

    def start_over(self) -> None:
        """Nothing that was seen so far has to do with what comes."""
        self._guide = Guide(self._model.manifest.thresholds)
        self._absence, self.eye = gone_for_sure(), EyeOfNow()
        self.stays = self._there

    def look(self, frame: Frame, t: float, since: float) -> tuple[Graded, Hint, Eye | None]:
        """Look at a frame; our own failures are told from the engine's.

        Args:
            frame: of the session.
            t: its time in seconds.
            since: seconds of ``time.monotonic`` from which its latency counts.

        Returns:
            The frame with its assessment, the hint of now, and the eye that the frames of this moment show.

        Raises:
            EdgeError: as ``GuidedSession.update`` does.
        """
        self._first = t if self._first is None else self._first
        try:
            return self._look(frame, t, t - self._first, since)
        except (EngineError, InputError, MisfitError):
            raise
        except Exception as error:
            ours = (error.__cause__ or error) if isinstance(error, EdgeError) else error
            if isinstance(ours, EdgeError):  # the model was closed
                raise
            log.debug("frame %d could not be graded", frame.index, exc_info=True)
            raise EdgeError(
                f"frame {frame.index}, at {t:.3f} s, could not be graded ({type(ours).__name__}: {first_line(ours)}): "
                "leave it out, and report it with the frame, which efiqa-edge should have graded."
            ) from error

    def _look(self, frame: Frame, t: float, spent: float, since: float) -> tuple[Graded, Hint, Eye | None]:
        assessment = self._model.assess(frame.picture)
        hint = self._guide.update(assessment, frame.picture, spent)
        left = self._leaving.update(assessment, t, frame.picture)
        self.stays = self.stays and not left
        self._there = shows_eye(assessment) or (self._there and not left)
        if self._absence.update(assessment, t):
            self._model.field.forget()
            self.eye.forget()
        graded = Graded(frame, assessment, t, (time.monotonic() - since) * 1000, hint)
        if self._channels is not None:
            self._channels.look(graded, self._model)
        return graded, hint, self.eye.update(assessment, t, frame.picture)
