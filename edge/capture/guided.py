"""GuidedSession: assessment, hint, eye and capture for the frames of any camera, without thread, file or console."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.camera.given import PixelFormat, check_format, picture_of
from edge.camera.protocol import Frame
from edge.capture.control import Control
from edge.capture.graded import Graded
from edge.capture.looker import Looker
from edge.capture.register import Register
from edge.capture.shutter import Shutter
from edge.capture.trigger import Fired, Strictness
from edge.capture.visit import EYES, By, Capture, Step
from edge.criteria.criterion import Criterion
from edge.errors import InputError
from edge.findings.eye import Eye
from edge.guidance.hint import Hint
from edge.modality import check_fundus
from edge.model import QualityModel

log = logging.getLogger(__name__)
_LATEST_S = 1e11  # three thousand years: what is later is counted in milliseconds or less


class GuidedSession(Control):
    """Guides an operator: takes frames one after the other, and says of each what is to be shown and what is kept.

    Frames come from one thread at a time; another one that calls ``update`` meanwhile waits. Everything else may be
    called from any thread.

    Args:
        model: what grades frames. It stays open, and no other session may use it meanwhile.
        strictness: of automatic capture, ``easy``, ``normal`` or ``strict``; None for capture by hand only.
        pixels: the format of all frames: ``bgr``, which it is if left out, ``rgb``, ``grey``, ``yuyv`` or ``nv12``.
        keep: frames of one capture, runners-up included; 3 if left out.
        warn: called with one sentence, once, where frames are as no camera gives them; it is logged if left out.
        criterion: what a picture must be to count; good or usable if left out. Where it asks for two fields an eye,
            both are wanted of each.
        eyes: whose pictures are wanted in a visit: both if left out.
        eye: that every visit begins with as stated by the operator; the picture tells if left out.

    Raises:
        InputError: strictness, format, eye or number is none of these.
        EdgeError: the model is of another modality: hints and eyes are those of the fundus.

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
        criterion: Criterion | None = None,
        eyes: tuple[Eye, ...] = EYES,
        eye: Eye | None = None,
    ) -> None:
        check_fundus(model.manifest, "a guided session")
        self._model, self._warn = model, warn
        self._pixels = check_format(pixels)
        self._warnings: list[str] = []
        self._given = 0  # frames
        super().__init__(
            Looker(model, pixels, self._tell),
            Shutter(model.manifest.thresholds, strictness, keep),
            Register(criterion, eyes, eye),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was noticed of the frames of this session, each once, such as channels in the wrong order."""
        return tuple(self._warnings)

    def update(self, image: NDArray[np.uint8], t: float) -> Step:
        """Look at the next frame.

        Args:
            image: uint8 in the stated format: (H, W, 3) of ``bgr`` and ``rgb``, (H, W) of ``grey``, (H, W, 2) of
                ``yuyv``, (H * 3 / 2, W) of ``nv12``. It is copied; the last two become BGR where they are shown or
                kept. The size may change from frame to frame.
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
        """Look at the next frame of a ``Camera``, which is not copied.

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

    def _time_of(self, t: float) -> float:
        if not isinstance(t, int | float | np.integer | np.floating):
            raise InputError(f"the time of a frame is a number of seconds, not {type(t).__name__}.")
        if not abs(t) <= _LATEST_S:  # as also where it is not a number
            raise InputError("the time of a frame is finite and in seconds: give no milliseconds, of any clock.")
        if t < self._last:
            raise InputError(f"the time of a frame does not go back, as from {self._last} s to {t} s: give its own.")
        return float(t)

    def _step(self, frame: Frame, t: float, since: float) -> Step:
        """What the session says after a frame whose time was checked."""
        self._last = t
        graded, hint, eye = self._looker.look(frame, t, since)
        if self._register.visit.state == "ended":
            self.asked.clear()
        shot = self._shutter.update(graded, self._allows)
        capture = None if shot is None or self._register.has(shot[0].frames[0]) else self._captured(*shot)
        if hint.code == "hold" and (done := self._register.done(self._looker.eye.of(graded.assessment))) is not None:
            hint = Hint(done)
            graded = dataclasses.replace(graded, hint=hint)  # what is shown; what fires knows the frame alone
        return Step(graded, hint, capture, eye, self._register.visit)

    def _allows(self, best: Graded, eye_number: int) -> bool:
        """Whether the trigger may fire with this frame."""
        if self.stays:
            return False
        return self._register.allows(best, eye_number, self._looker.eye.of(best.assessment), self._last)

    def _captured(self, fired: Fired, by: By) -> Capture:
        """Enter a capture in the visit."""
        shown = self._register.enter(fired, by, self._looker.eye.of(fired.frames[0].assessment))
        return Capture(fired.frames, fired.t, by, shown.number, shown.eye, shown.field, fired.eye, shown.contradiction)

    def _tell(self, sentence: str) -> None:
        self._warnings.append(sentence)
        self._warn(sentence)
