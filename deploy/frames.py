"""Synthetic eyes, clear and spoiled in every way: python deploy/frames.py FOLDER."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from edge.phantom.degradation import KINDS, degrade
from edge.phantom.retina import phantom_frame


def main(folder: Path, eyes: range = range(500, 502)) -> None:
    """Of each eye a clear frame, and one of each kind of degradation; each of its own severity."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for seed in eyes:
        clear = phantom_frame(seed)
        cv2.imwrite(str(folder / f"{seed}-clear.png"), clear)
        for kind in KINDS:
            spoiled, _ = degrade(clear, kind, float(rng.uniform(0.1, 0.9)), rng=rng)
            cv2.imwrite(str(folder / f"{seed}-{kind}.png"), spoiled)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
