"""Draws film.webp, fifteen seconds of a guided visit to two synthetic eyes: python docs/pictures/film.py [MODEL].

What is shown is what ``GuidedSession`` says of each frame: map, score, hint, and the pictures that it keeps.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drawn import DIM, GROUND, INK, LINE, PANEL, arrow, length, meter, overlay, saved, sign, verdict_line, write
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from edge import GuidedSession, QualityModel
from edge.capture.visit import Step
from edge.guidance.hint import Hint
from edge.phantom.sequence import Sequence

FPS, SECONDS = 10, 15
_EYES = (6, 0)  # seeds of the synthetic eyes, a right one and a left one
_WIDE, _HIGH, _PICTURE = 480, 640, 360  # pixels
_EPISODES, _SPOILED = 2, 0.8  # of an eye; true quality up to which something spoils a frame
_FLASH = 8  # frames that a capture is shown large for


@dataclass(frozen=True)
class Kept:
    """A capture."""

    eye: str
    score: float
    picture: Image.Image
    at: int


def main() -> None:
    """The frames of the film, one after the other."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    with QualityModel.load(path, threads=1) as model, GuidedSession(model, strictness="normal") as session:
        frames = list(film(session, model.manifest.thresholds.usable))
    saved(
        frames[0], "film.webp", save_all=True, append_images=frames[1:], duration=1000 // FPS, loop=0, quality=34,
        method=4, minimize_size=False,
    )  # fmt: skip


def film(session: GuidedSession, usable: float) -> Iterator[Image.Image]:
    """Half of the time for each eye."""
    kept: list[Kept] = []
    half = FPS * SECONDS // len(_EYES)
    for turn, seed in enumerate(_EYES):
        for index, image in enumerate(told(seed, half)):
            number = turn * half + index
            step = session.update(image, number / FPS)
            shown = overlay(step.image, step.assessment, _WIDE)
            if step.capture is not None:
                best = step.capture.frames[0]
                kept.append(
                    Kept(
                        step.capture.eye or "?",
                        best.assessment.score,
                        Image.fromarray(best.image[:, :, ::-1].copy()),
                        number,
                    )
                )
            yield screen(shown, step, kept, number, usable)


def told(seed: int, number: int) -> list[NDArray[np.uint8]]:
    """So many frames of an examination: the eye comes into view, two things spoil it, and then it is clear."""
    eye = Sequence(seed=seed, frames=20 * FPS, fps=FPS, width=640, height=480, slow=True)
    frames = [eye.render(index) for index in range(eye.frames)]
    arrived = next(frame.index for frame in frames if frame.cause == "clear")
    spoiled = [frame for frame in frames[arrived:] if frame.truth < _SPOILED]
    causes = list(dict.fromkeys(frame.cause for frame in spoiled))[:_EPISODES]
    shown = frames[:arrived] + [frame for frame in spoiled if frame.cause in causes]
    clear = [frame for frame in frames[arrived:] if frame.cause == "clear"]
    return [frame.image for frame in shown + clear][:number]


def screen(shown: Image.Image, step: Step, kept: list[Kept], number: int, usable: float) -> Image.Image:
    """The screen beside the camera."""
    made = Image.new("RGB", (_WIDE, _HIGH), GROUND)
    brush = ImageDraw.Draw(made)
    made.paste(shown, (0, 0))
    brush.rectangle((0, _PICTURE, _WIDE, _PICTURE + 150), PANEL)
    meter(brush, (20, _PICTURE + 16, _WIDE - 20, _PICTURE + 28), step.assessment, usable)
    verdict_line(brush, (20, _PICTURE + 60), step.assessment.verdict, step.assessment.score, 28)
    hint(brush, step.hint, (20, _PICTURE + 112))
    strip(made, brush, kept, number)
    return made


def hint(brush: ImageDraw.ImageDraw, said: Hint, at: tuple[float, float]) -> None:
    """What to do, as large as it fits."""
    x, y = at
    if said.clock is not None:
        arrow(brush, (x + 20, y), said.clock, 20, "#f0b030")
        x += 54
    first, _, rest = said.text.partition(": ")
    lines = [said.text] if length(said.text, 24) < _WIDE - x - 20 else [f"{first}:", rest]
    for line, words in enumerate(lines):
        write(brush, (x, y + (line - (len(lines) - 1) / 2) * 29), words, 24, INK)


def strip(made: Image.Image, brush: ImageDraw.ImageDraw, kept: list[Kept], number: int) -> None:
    """The picture of each eye, once there is one; a new one has a bright rim for a moment."""
    for place, eye in enumerate(("right", "left")):
        left, top = 20 + place * 225, _PICTURE + 162
        box = (left, top, left + 215, top + 106)
        found = next((each for each in reversed(kept) if each.eye == eye), None)
        new = found is not None and number - found.at < _FLASH
        brush.rounded_rectangle(box, 10, PANEL, INK if new else LINE, 4 if new else 1)
        if found is not None:
            made.paste(found.picture.resize((124, 93)), (left + 7, top + 7))
            sign(brush, (left + 155, top + 72), "good", 11)
        write(brush, (left + 142 if found else left + 16, top + 32), eye.capitalize(), 22, INK if found else DIM)
        if found is None:
            write(brush, (left + 16, top + 68), "wanted", 19, DIM)


if __name__ == "__main__":
    main()
