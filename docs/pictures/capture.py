"""Draws capture.jpg, the picture in the README, from the synthetic eye: python docs/pictures/capture.py [MODEL]."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge import QualityModel
from edge.overlay import draw_overlay, reduced
from edge.phantom.script import Cause
from edge.phantom.sequence import Sequence

# What spoils the frame, and the true quality to look for.
SHOWN: tuple[tuple[Cause, float], ...] = (("clear", 1.0), ("blur", 0.45), ("edge_shadow", 0.0))
_WIDEST = 480  # pixels of each


def main() -> None:
    """One overlay per cause, side by side."""
    eye = Sequence(seed=0)
    frames = [eye.render(index) for index in range(0, eye.frames, 2)]
    drawn: list[NDArray[np.uint8]] = []
    with QualityModel.load(sys.argv[1] if len(sys.argv) > 1 else None, threads=1) as model:
        for cause, truth in SHOWN:
            some = [frame for frame in frames if frame.cause == cause]
            chosen = some[int(np.argmin([abs(frame.truth - truth) for frame in some]))]
            # Made smaller first: the letters of the caption stay as large as they have to be.
            drawn.append(draw_overlay(*reduced(chosen.image, model.assess(chosen.image), _WIDEST)))
            print(f"{cause}: frame {chosen.index} of the demo, true quality {chosen.truth:.2f}")
    target = Path(__file__).with_name("capture.jpg")
    cv2.imwrite(str(target), np.hstack(drawn), [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()
