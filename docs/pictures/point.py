"""Draws point.webp, the first picture of the README, from the synthetic eye: python docs/pictures/point.py [MODEL].

A frame that is not good enough, why, and what to do; beside it the one that comes when that was done.
"""

from __future__ import annotations

import sys
from pathlib import Path

from drawn import COLOURS, DIM, GROUND, PANEL, arrow, overlay, saved, verdict_line, write
from PIL import Image, ImageDraw

from edge import QualityModel
from edge.assessment import Assessment
from edge.guidance.hint import Hint
from edge.phantom.sequence import Sequence, SequenceFrame

_SEED, _CARD, _GAP, _MARGIN, _WORDS = 0, 620, 60, 20, 190  # pixels
_TRUTH = 0.55  # of the frame in shadow: much of it is lost, and much still seen


def main() -> None:
    """Two cards, and an arrow from one to the other."""
    eye = Sequence(seed=_SEED)
    frames = [eye.render(index) for index in range(0, eye.frames, 2)]
    shadows = [frame for frame in frames if frame.cause == "edge_shadow"]
    bad = min(shadows, key=lambda frame: abs(frame.truth - _TRUTH))
    good = max((frame for frame in frames if frame.cause == "clear"), key=lambda frame: frame.truth)
    with QualityModel.load(Path(sys.argv[1]) if len(sys.argv) > 1 else None, threads=1) as model:
        cards = [card(frame, model.assess(frame.image)) for frame in (bad, good)]
    high = cards[0].height
    picture = Image.new("RGB", (2 * _CARD + _GAP + 2 * _MARGIN, high + 2 * _MARGIN), GROUND)
    for number, each in enumerate(cards):
        picture.paste(each, (_MARGIN + number * (_CARD + _GAP), _MARGIN))
    arrow(ImageDraw.Draw(picture), (picture.width / 2, _MARGIN + (high - _WORDS) / 2), 3, 22, DIM)
    saved(picture, "point.webp", quality=82, method=6)


def card(frame: SequenceFrame, assessment: Assessment) -> Image.Image:
    """A frame under its map, above what is said of it."""
    seen = overlay(frame.image, assessment, _CARD)
    made = Image.new("RGB", (_CARD, seen.height + _WORDS), PANEL)
    made.paste(seen)
    brush = ImageDraw.Draw(made)
    brush.rectangle((0, seen.height, 8, made.height), COLOURS[assessment.verdict])
    verdict_line(brush, (30, seen.height + 42), assessment.verdict, assessment.score, 40)
    cause = assessment.cause
    if cause is None:
        why, todo = "Vessels, disc and macula are all visible", "Captured by itself"
    else:
        why = f"{round(100 * cause.share)} % of the field is lost (blue): {cause.code.replace('_', ' ')}"
        todo = Hint(cause.code, cause.clock, cause.radius).text
    write(brush, (30, seen.height + 97), why, 27, DIM)
    write(brush, (30, seen.height + 149), todo, 29)
    return made


if __name__ == "__main__":
    main()
