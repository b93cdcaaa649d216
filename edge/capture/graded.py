"""A frame of a stream with what was found in it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.assessment import Assessment
from edge.camera.protocol import Frame
from edge.guidance.hint import Hint


@dataclass(frozen=True)
class Graded:
    """A frame with its assessment.

    Attributes:
        frame: its picture, and its number in its source.
        assessment: of the picture.
        t: seconds of the source's own time.
        latency_ms: from when the frame was taken or due to its assessment and hint; with ``fast``, of grading alone.
        hint: what the operator should know now; None without guidance.
        epoch: the system's clock, in seconds since 1970, at 0 of ``Frame.timestamp``; read for every frame, because a
            board without a battery learns the time only once it has a network.
    """

    frame: Frame
    assessment: Assessment
    t: float
    latency_ms: float
    hint: Hint | None = None
    epoch: float = field(default_factory=lambda: time.time() - time.monotonic())

    @property
    def image(self) -> NDArray[np.uint8]:
        """The picture, uint8 BGR (H, W, 3); converted to that when it is first asked for."""
        return self.frame.image
