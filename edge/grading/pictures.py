"""The pictures of graded files: where they go, and what is in them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.assessment import Assessment
from edge.errors import EdgeError
from edge.files.output import write_output
from edge.grading.inputs import Input
from edge.overlay import draw_overlay, map_picture

_LONGEST_STEM = 230  # bytes: a name has 255, and needs some for its number and .overlay.png


def picture_stems(inputs: Sequence[Input]) -> list[Path]:
    """Where the pictures of each input go below the folder of maps, without suffix, each one different.

    The sub-folders of a folder that was given are kept, of several folders also those below the deepest one that they
    share. Of equal names later ones are numbered, and one that leaves no room for an ending is cut.
    """
    if not inputs:
        return []
    # As they are named: no '..' may lead out of the folder.
    absolute = [Path(os.path.abspath(item.path)) for item in inputs]  # noqa: PTH100
    roots = {os.path.abspath(item.root) for item in inputs}  # noqa: PTH100
    common = os.path.commonpath([*roots, *(path.parent for path in absolute)])
    taken: set[Path] = set()
    stems = []
    for path in absolute:
        wanted = path.relative_to(common).with_suffix("")
        while len(os.fsencode(wanted.name)) > _LONGEST_STEM:
            wanted = wanted.with_name(wanted.name[:-1])
        stem, number = wanted, 1
        while stem in taken:
            number += 1
            stem = wanted.with_name(f"{wanted.name}-{number}")
        taken.add(stem)
        stems.append(stem)
    return stems


def picture_of(stem: Path, kind: str) -> Path:
    """The file of a ``map`` or an ``overlay``."""
    return stem.with_name(f"{stem.name}.{kind}.png")


def write_pictures(folder: Path, stem: Path, frame: NDArray[np.uint8], assessment: Assessment) -> None:
    """Write ``STEM.map.png`` and ``STEM.overlay.png`` below a folder.

    Raises:
        EdgeError: they cannot be written.
    """
    target = folder / stem
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        pictures = {"map": map_picture(assessment), "overlay": draw_overlay(frame, assessment)}
        for kind, picture in pictures.items():
            done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 2])
            if not done:
                raise EdgeError(f"{target} cannot get its {kind}: OpenCV makes no PNG of it; install OpenCV again.")
            write_output(picture_of(target, kind), data.tobytes())
    except OSError as error:
        raise EdgeError(
            f"{target} cannot get its map and overlay ({error.strerror}): check the folder and the disk."
        ) from None
