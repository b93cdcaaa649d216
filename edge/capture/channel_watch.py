"""Whether red and blue are exchanged on their way from the camera: RGB taken for BGR makes a retina blue.

A retina has far more red than blue. A frame with far more blue is graded once more with the two exchanged, a few times
in a session at most: several that then show a retina are no chance.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from edge.capture.graded import Graded
from edge.errors import EdgeError
from edge.field.known import OwnField
from edge.guidance.absence import colour_of, shows_eye
from edge.model import QualityModel

MORE = 1.5  # red over blue in the middle of a retina, at least; photographs whose channels were equalised have less
ENOUGH = 3  # frames that show a retina only once exchanged
MOST = 12  # frames that are graded a second time, in a session
RIGHT = 30  # frames with a retina that is red, from which nobody looks any more
_WAIT_S = 0.3  # from one to the next; twice as long after each that shows none

log = logging.getLogger(__name__)


class ChannelWatch:
    """Looks at frames in the order of their time, and says once that their channels are exchanged.

    Args:
        tell: called with one sentence, at most once.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._right = self._found = self._looks = 0
        self._due, self._wait = -np.inf, _WAIT_S
        self._done = False

    def look(self, graded: Graded, model: QualityModel) -> None:
        """Look at a frame; ``model`` is what graded it."""
        colour = None if self._done else colour_of(graded.frame.picture, graded.assessment)
        if colour is None:
            return
        blue, _, red = colour
        if red >= MORE * blue and shows_eye(graded.assessment):
            self._right += 1
            self._done = self._right >= RIGHT
        elif blue >= MORE * red and graded.t >= self._due:
            self._exchange(graded, model)

    def _exchange(self, graded: Graded, model: QualityModel) -> None:
        self._looks += 1
        if _is_retina_exchanged(graded, model):
            self._found += 1
        else:
            self._wait *= 2
        self._due = graded.t + self._wait
        self._done = self._found >= ENOUGH or self._looks >= MOST
        if self._found >= ENOUGH:
            self._tell(
                "these frames show a retina whose red and blue are exchanged, so that scores and hints are wrong: "
                "correct it where the frames come from (RGB that is taken for BGR, or NV21 for NV12)."
            )


def _is_retina_exchanged(graded: Graded, model: QualityModel) -> bool:
    """Whether a frame shows a retina for sure once its red and blue change places."""
    # The same engine, but the field of this frame alone: what the session has learned must not change.
    other = QualityModel(model.bundle, model.engine, OwnField())
    other.warn = log.debug
    try:
        return shows_eye(other.assess(np.ascontiguousarray(graded.image[:, :, ::-1])))
    except EdgeError:  # an engine that fails is reported with the next frame
        return False
