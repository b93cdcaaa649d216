"""Frames to compare machines by: python deploy/frames.py FOLDER [PHOTOGRAPHS].

Synthetic eyes, clear and spoiled in every way, and twelve photographs of a folder of them, evenly spread by name.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from edge.phantom.degradation import KINDS, degrade
from edge.phantom.retina import phantom_frame

EYES = (500,)  # an emulator takes a minute and more for a frame
MOST = 12
_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}


def synthetic(folder: Path) -> None:
    """Of each eye a clear frame, and one of each kind of degradation; each of its own severity."""
    rng = np.random.default_rng(0)
    for seed in EYES:
        clear = phantom_frame(seed)
        cv2.imwrite(str(folder / f"{seed}-clear.png"), clear)
        for kind in KINDS:
            spoiled, _ = degrade(clear, kind, float(rng.uniform(0.1, 0.9)), rng=rng)
            cv2.imwrite(str(folder / f"{seed}-{kind}.png"), spoiled)


def chosen(photographs: Path, most: int = MOST) -> list[Path]:
    """That many of the photographs below a folder, evenly spread over their sorted paths."""
    found = sorted(path for path in photographs.rglob("*") if path.suffix.lower() in _SUFFIXES)
    if not found:
        raise SystemExit(f"error: {photographs} holds no photographs: name a folder that does")
    return [found[i * len(found) // most] for i in range(most)] if len(found) > most else found


def main(folder: Path, photographs: Path | None) -> None:
    """Write them all, the photographs byte for byte."""
    folder.mkdir(parents=True, exist_ok=True)
    synthetic(folder)
    for number, path in enumerate(chosen(photographs) if photographs else ()):
        (folder / f"photograph-{number:02}{path.suffix.lower()}").write_bytes(path.read_bytes())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
