"""Small pictures of chosen photographs, cut to their field, for a page that needs no other file."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.ahead import ahead
from edge.errors import EdgeError
from edge.images import ImageReader, Picture
from edge.sources.elsewhere import How, source_of
from edge.sources.shared import Shared
from edge.sources.source import held

SIDE = 168  # pixels
_QUALITY = 74
_ENOUGH = 4 * SIDE  # pixels of the shorter side: a field takes more than a quarter of it
_READERS, _AHEAD = 2, 4
_HOW = How()


@dataclass(frozen=True)
class Wanted:
    """A photograph of which a picture is wanted.

    Attributes:
        name: of the file, or what else ``edge.sources.elsewhere.source_of`` knows.
        crop: x, y and side of the square around the field, in pixels of the frame; None for the whole frame.
    """

    name: str
    crop: tuple[int, int, int] | None


def thumbnails(wanted: Sequence[Wanted], how: How = _HOW) -> Iterator[str]:
    """A JPEG of SIDE x SIDE pixels for each, in base64; empty where the photograph cannot be read.

    Args:
        wanted: the photographs.
        how: those are reached that are no files.
    """
    with (
        ThreadPoolExecutor(_READERS, thread_name_prefix="read") as threads,
        Shared() as shared,
        ImageReader() as reader,
        closing(ahead(threads, partial(_made, reader, shared, how), wanted, _AHEAD)) as made,
    ):
        for each in made:
            yield each.result()


def _made(reader: ImageReader, shared: Shared, how: How, wanted: Wanted) -> str:
    try:
        source = source_of(wanted.name, how, shared)
        if source is None:
            picture = reader.picture(wanted.name, least=_ENOUGH)
        else:
            with held(source, shared) as found:
                picture = reader.picture(found.path, least=_ENOUGH)
    except EdgeError:
        return ""
    done, data = cv2.imencode(".jpg", _reduced(picture, wanted.crop), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return base64.b64encode(data.tobytes()).decode() if done else ""


def _reduced(picture: Picture, crop: tuple[int, int, int] | None) -> NDArray[np.uint8]:
    frame = picture.frame
    height, width = frame.shape[:2]
    side = max(height, width)
    x, y, side = ((width - side) // 2, (height - side) // 2, side) if crop is None else crop
    if crop is not None:  # of all pixels
        x, y, side = (round(each / picture.scale) for each in crop)
    side = max(1, side)
    scale = SIDE / side
    made = np.zeros((SIDE, SIDE, 3), np.uint8)
    left, top, right, bottom = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
    if right <= left or bottom <= top:
        return made
    to = [round((each - start) * scale) for each, start in ((left, x), (right, x), (top, y), (bottom, y))]
    size = max(1, to[1] - to[0]), max(1, to[3] - to[2])
    part = cv2.resize(frame[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    made[to[2] : to[2] + size[1], to[0] : to[0] + size[0]] = part[: SIDE - to[2], : SIDE - to[0]]
    return made
