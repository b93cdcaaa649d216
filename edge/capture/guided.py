"""GuidedSession: assessment, hint, eye and capture for the frames of any camera, without thread, file or console."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.camera.given import PixelFormat, check_format, picture_of
from edge.camera.protocol import Frame
from edge.capture.channel_watch import ChannelWatch
from edge.capture.eye_vote import EyeVote
from edge.capture.graded import Graded
from edge.capture.shutter import Shutter
from edge.capture.trigger import Fired, Strictness
from edge.capture.visit import By, Capture, Captured, Step, Visit
from edge.errors import EdgeError, EngineError, InputError, MisfitError, first_line
from edge.findings.eye import Eye
from edge.guidance.absence import gone_for_sure
from edge.guidance.guide import Guide
from edge.model import QualityModel

log = logging.getLogger(__name__)
_LATEST_S = 1e11  # three thousand years: what is later is counted in milliseconds or less


class GuidedSession:
    """Guides an operator: takes frames one after the other, and says of each what is to be shown and what is kept.

    Frames come from one thread at a time; another one that calls ``update`` meanwhile waits. Everything else may be
    called from any thread.

    Args:
        model: what grades frames. It stays open, and no other session may use it meanwhile.
        strictness: of automatic capture, ``easy``, ``normal`` or ``strict``; None for capture by hand only.
        pixels: the format of all frames: ``bgr``, which it is if left out, ``rgb``, ``grey``, ``yuyv`` or ``nv12``.
        keep: frames of one capture, runners-up included; 3 if left out.
        warn: called with one sentence, once, where frames are as no camera gives them; it is logged if left out.

    Raises:
        InputError: strictness, format or number is none of these.

    Attributes:
        asked: set from anywhere, such as a signal handler, to capture now.

    Example:
        >>> with QualityModel.load() as model, GuidedSession(model) as session:  # doctest: +SKIP
        ...     for image, t in my_camera:
        ...         step = session.update(image, t)
        ...         show(step.hint.text)
    """

    def __init__(
        self,
        model: QualityModel,
        strictness: Strictness | None = "normal",
        *,
        pixels: PixelFormat = "bgr",
        keep: int = 3,
        warn: Callable[[str], None] = log.warning,
    ) -> None:
        self._model, self._warn = model, warn
        self._pixels = check_format(pixels)
        self._shutter = Shutter(model.manifest.thresholds, strictness, keep)
        self.asked = self._shutter.asked
        self._warnings: list[str] = []
        self._channels = None if pixels == "grey" else ChannelWatch(self._tell)
        self._lock = threading.RLock()  # ``warn`` may call the session
        self._closed = False
        self._given = 0  # frames
        self._first: float | None = None  # time of the first frame, and of the last one
        self._last = -math.inf
        self._visit = Visit()
        self._start_over()

    @property
    def visit(self) -> Visit:
        """What was captured of the patient of now."""
        return self._visit

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was noticed of the frames of this session, each once, such as channels in the wrong order."""
        return tuple(self._warnings)

    def update(self, image: NDArray[np.uint8], t: float) -> Step:
        """Look at the next frame.

        Args:
            image: uint8 in the stated format: (H, W, 3) of ``bgr`` and ``rgb``, (H, W) of ``grey``, (H, W, 2) of
                ``yuyv``, (H * 3 / 2, W) of ``nv12``. It is copied; its size may change from frame to frame.
            t: when it was taken, in seconds of any clock that does not go back.

        Returns:
            What the session says after this frame.

        Raises:
            InputError: the frame is not of the stated format, or the time is not finite or goes back.
            EngineError: the engine failed or returned invalid maps.
            MisfitError: the field of view that the model was given does not fit.
            EdgeError: this frame, whose number the sentence says, could not be graded, which is a bug, and the next
                one may be fine; or the session or the model was closed.
        """
        since = time.monotonic()
        with self._lock:
            self._given += 1
            self._check_open()
            moment = self._time_of(t)
            return self._step(Frame(picture_of(image, self._pixels), self._given - 1, since), moment, since)

    def update_frame(self, frame: Frame, t: float, since: float | None = None) -> Step:
        """Look at the next frame of a ``Camera``, which is BGR and is not copied.

        Args:
            frame: as ``Camera.read`` gives it.
            t: as for ``update``.
            since: seconds of ``time.monotonic`` from which its latency counts; None for now.

        Raises:
            EdgeError: as ``update`` does.
        """
        since = time.monotonic() if since is None else since
        with self._lock:
            self._check_open()
            return self._step(frame, self._time_of(t), since)

    def capture_now(self) -> None:
        """Keep the best of the last moments with the next frame, whatever its score; by hand only, that frame."""
        self.asked.set()

    def set_strictness(self, strictness: Strictness) -> None:
        """Change it from the next frame on; of no effect on capture by hand only.

        Raises:
            InputError: there is no such strictness.
        """
        self._shutter.set_strictness(strictness)

    def next_visit(self) -> Visit:
        """The next patient comes: nothing of the frames so far has to do with those that follow.

        Returns:
            The visit that ended.

        Raises:
            EdgeError: the session was closed.
        """
        with self._lock:
            self._check_open()
            ended = self._visit
            self._visit = Visit(ended.number + 1)
            self._start_over()
            return ended

    def warm_up(self) -> None:
        """Infer once on an empty tensor, as ``with`` does: the first inference is slow.

        Raises:
            EngineError: the engine failed or returned invalid maps.
            EdgeError: the model was closed.
        """
        self._model.warm_up()

    def close(self) -> None:
        """Let go of all frames; may be called twice. The model stays open."""
        with self._lock:
            self._closed = True
            self._start_over()

    def __enter__(self) -> GuidedSession:
        self.warm_up()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start_over(self) -> None:
        self._guide = Guide(self._model.manifest.thresholds)
        self._absence, self._votes = gone_for_sure(), EyeVote()
        self._shutter.forget()

    def _check_open(self) -> None:
        if self._closed:
            raise EdgeError("this session was closed: begin another one to look at a frame.")

    def _time_of(self, t: float) -> float:
        if not isinstance(t, int | float | np.integer | np.floating):
            raise InputError(f"the time of a frame is a number of seconds, not {type(t).__name__}.")
        if not abs(t) <= _LATEST_S:  # as also where it is not a number
            raise InputError("the time of a frame is finite and in seconds: give no milliseconds, of any clock.")
        if t < self._last:
            raise InputError(f"the time of a frame does not go back, as from {self._last} s to {t} s: give its own.")
        return float(t)

    def _step(self, frame: Frame, t: float, since: float) -> Step:
        """What the session says after a frame whose time was checked; its own failures are told from the engine's."""
        self._last, self._first = t, t if self._first is None else self._first
        try:
            return self._look(frame, t, since)
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

    def _look(self, frame: Frame, t: float, since: float) -> Step:
        assessment = self._model.assess(frame.image)
        hint = self._guide.update(assessment, frame.image, t - (self._first or 0.0))
        if self._absence.update(assessment, t):
            self._model.field.forget()
            self._votes.forget()
        graded = Graded(frame, assessment, t, (time.monotonic() - since) * 1000, hint)
        if self._channels is not None:
            self._channels.look(graded, self._model)
        eye = self._votes.update(assessment, t)
        shot = self._shutter.update(graded)
        capture = None if shot is None else self._captured(*shot, eye)
        return Step(graded, hint, capture, eye, self._visit)

    def _captured(self, fired: Fired, by: By, eye: Eye | None) -> Capture:
        """Enter a capture in the visit."""
        best = fired.frames[0].assessment
        shown = Captured(len(self._visit.captures) + 1, eye or best.eye, best.field_definition.kind)
        self._visit = Visit(self._visit.number, (*self._visit.captures, shown))
        return Capture(fired.frames, fired.t, by, shown.number, shown.eye, shown.field, fired.eye)

    def _tell(self, sentence: str) -> None:
        self._warnings.append(sentence)
        self._warn(sentence)
