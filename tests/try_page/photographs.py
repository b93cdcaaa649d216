"""Twenty photographs: phantoms, and where the shared data is, real ones of ten cameras in place of half of them."""

from __future__ import annotations

import os
from pathlib import Path

import cv2

from edge.phantom.degradation import Kind, degrade
from edge.phantom.golden import golden_frame
from edge.phantom.retina import phantom_frame

DATA = Path(os.environ.get("EFIQA_DATA", Path(__file__).parents[3] / "shared" / "data"))
NUMBER = 20
REAL = (
    "aria/images", "chasedb1/images", "drimdb/bad", "drive/test/images", "eyepacs256/labelled", "hrf/images",
    "idrid-diaretdb1/images", "smartphone", "stare/images", "tvhl/right",
)  # fmt: skip
KINDS: tuple[Kind, ...] = ("blur", "haze", "dark", "bright", "reflex", "shadow", "lid")


def twenty(folder: Path) -> list[Path]:
    """JPEG files, of which the real ones are those of the data folder."""
    files = [found[0] for name in REAL if (found := sorted((DATA / name).glob("*.jp*g")))]
    spoiled = [degrade(phantom_frame(seed), kind, 0.5)[0] for seed, kind in enumerate(KINDS)]
    for number, picture in enumerate([*spoiled, *(golden_frame(seed) for seed in range(NUMBER))]):
        if len(files) == NUMBER:
            break
        files.append(folder / f"phantom-{number}.jpg")
        cv2.imwrite(str(files[-1]), picture, [cv2.IMWRITE_JPEG_QUALITY, 93])
    return files
