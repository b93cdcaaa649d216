"""The caption below a frame: cells that follow one another, in as many rows as the width of the frame asks for."""

from __future__ import annotations

import numpy as np

from edge.assessment import PICTURE_COLOURS, Assessment, shown_score
from edge.overlay.degradation import Picture, tint
from edge.overlay.words import Colour, length_of, write

_SMALLEST = 12  # pixels: letters that can be read
_ACROSS = 56  # letter sizes to the width of a frame: then all cells stand in one row
_NARROWEST = 16.2  # letter sizes: the least width of a caption, and of the picture
_ROW, _GAP = 1.8, 0.8  # letter sizes
# What each cell has room for, in letter sizes: whatever it says, the next one stays where it is.
_VERDICT, _CAUSE, _VIEW, _SCALE, _NOTE = 11.5, 14.5, 10.5, 14.3, 26.0
_GROUND = 22  # grey
_INK: Colour = (238, 238, 238)
_BLACK: Colour = (0, 0, 0)
_RETINA = (45, 90, 175)  # what the colours of the map are shown over


def text_size(shape: tuple[int, int]) -> int:
    """Pixels of the letters on and below a frame of a height and width."""
    height, width = shape
    return max(_SMALLEST, int(min(width, 1.6 * height) / _ACROSS))


def caption_panel(shape: tuple[int, int], assessment: Assessment, note: str | None) -> Picture:
    """What stands below a frame.

    Args:
        shape: height and width of the frame.
        assessment: of the frame.
        note: more words, in rows of their own; None leaves no room for them.

    Returns:
        uint8 BGR, at least as wide as the frame; its size depends on ``shape`` and on whether there is a note.
    """
    size = text_size(shape)
    width = max(shape[1], round(_NARROWEST * size))
    gap, row = round(_GAP * size), round(_ROW * size)
    places, rows = _flow([round(cell * size) for cell in (_VERDICT, _CAUSE, _VIEW, _SCALE)], width, gap)
    note_rows = 0 if note is None else -(-round(_NOTE * size) // (width - 2 * gap))
    edge = (row - size) // 2
    panel = np.full(((rows + note_rows) * row + 2 * edge, width, 3), _GROUND, np.uint8)
    at = [(x, edge + line * row + row // 2) for x, line in places]
    _verdict(panel, assessment, *at[0], size)
    write(panel, cause_words(assessment), *at[1], size, _INK)
    write(panel, view_words(assessment), *at[2], size, _INK)
    _scale(panel, *at[3], size)
    for number, line in enumerate(_lines(note or "", size, width - 2 * gap)[:note_rows], rows):
        write(panel, line, gap, edge + number * row + row // 2, size, _INK)
    return panel


def cause_words(assessment: Assessment) -> str:
    """The main cause, its place and its share of the field, such as ``haze 3 o'clock 34 %``.

    Of a modality without causes nothing, but where its anatomy is not in view.
    """
    cause = assessment.cause
    if cause is None:
        absent = {"no_fundus": "no retina in view", "no_anatomy": "anatomy not in view"}
        return absent.get(assessment.verdict, "no cause named" if assessment.explained else "")
    percent = f"{100 * cause.share:.0f}" if cause.share >= 0.005 else "<1"  # a cause that took 0 % would be none
    return f"{cause.code.replace('_', ' ')} {cause.place} {percent} %"


def view_words(assessment: Assessment) -> str:
    """Eye and field definition as far as they are known, such as ``right eye, macula field``."""
    eye = [f"{assessment.eye} eye"] if assessment.eye else []
    kind = assessment.field_definition.kind
    return ", ".join([*eye, *([f"{kind} field"] if kind != "other" else [])])


def _flow(cells: list[int], width: int, gap: int) -> tuple[list[tuple[int, int]], int]:
    """Left end and row of each cell, and the number of rows; the last one ends at the right, unless it is alone."""
    x, row = gap, 0
    places = []
    for cell in cells:
        if x > gap and x + cell > width - gap:
            x, row = gap, row + 1
        places.append((x, row))
        x += cell + gap
    if places[-1][0] > gap:
        places[-1] = width - gap - cells[-1], row
    return places, row + 1


def _verdict(panel: Picture, assessment: Assessment, x: int, y: int, size: int) -> None:
    """The word on its colour, and the score."""
    word = assessment.verdict.replace("_", " ")
    pad, half = size // 2, round(0.75 * size)
    end = x + 2 * pad + length_of(word, size)
    panel[y - half : y + half, x:end] = PICTURE_COLOURS[assessment.verdict]
    write(panel, word, x + pad, y, size, _BLACK)
    write(panel, f"score {shown_score(assessment.score)}", end + pad, y, size, _INK)


def _scale(panel: Picture, x: int, y: int, size: int) -> None:
    """The colours of the map from 0 to 1, as they look over a retina."""
    low, high = "clear", "not visible"
    pad, half = size // 2, round(0.4 * size)
    write(panel, low, x, y, size, _INK)
    start, end = x + length_of(low, size) + pad, x + round(_SCALE * size) - length_of(high, size) - pad
    colour, opacity = tint(np.linspace(0, 1, end - start, dtype=np.float32)[:, None])
    panel[y - half : y + half, start:end] = np.rint(colour * opacity + np.array(_RETINA) * (1 - opacity))
    write(panel, high, end + pad, y, size, _INK)


def _lines(text: str, size: int, width: int) -> list[str]:
    """Words in lines that fit a width; a word that does not is a line."""
    lines: list[str] = []
    for word in text.split():
        if lines and length_of(f"{lines[-1]} {word}", size) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
