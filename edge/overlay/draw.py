"""A frame with its map, its outlines, the mark of its main cause and its caption."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from edge.assessment import Assessment, check_frame
from edge.errors import InputError
from edge.field.find import Crop
from edge.overlay.caption import caption_panel, text_size
from edge.overlay.degradation import Picture, lay_map
from edge.overlay.lines import mark_cause, outline


def draw_overlay(frame: Picture, assessment: Assessment, note: str | None = None, caption: bool = True) -> Picture:
    """The frame with its degradation map and outlines of field, disc and macula, above a caption.

    Blue to light cyan: anatomy not visible, the lighter the worse. The caption has verdict, score, main cause, eye and
    field definition, and the colours of the map. A tick outside the field points at the main cause, or a cross in the
    middle of the field where that is its place.

    Args:
        frame: uint8 BGR, shape (H, W, 3); left as it is.
        assessment: of this frame.
        note: a few more words for the caption, such as a hint. Room for them is kept where they are empty, so that
            the frames of a video stay of one size, and none where they are None.
        caption: False leaves out the caption and the mark of the main cause.

    Returns:
        uint8 BGR: the frame at the upper left, the caption below it. Its size follows from that of the frame, and from
        whether there is a note; without a caption it is that of the frame.

    Raises:
        InputError: the frame is not uint8 (H, W, 3), or the assessment is none.
    """
    if not isinstance(assessment, Assessment):
        raise InputError(f"an overlay needs a frame and its assessment, not {type(assessment).__name__} as the latter.")
    check_frame(frame)
    height, width = frame.shape[:2]
    if caption:
        panel = caption_panel((height, width), assessment, note)
        picture = np.empty((height + panel.shape[0], panel.shape[1], 3), np.uint8)
        picture[height:] = panel
        picture[:height, width:] = panel[0, 0]
        picture[:height, :width] = frame
    else:
        picture = frame.copy()
    if assessment.crop is not None:
        drawn = picture[:height, :width]
        lay_map(drawn, assessment, assessment.crop)
        outline(drawn, assessment, assessment.crop)
        if caption and assessment.cause is not None:
            mark_cause(drawn, assessment, assessment.crop, assessment.cause, text_size((height, width)))
    return picture


def reduced(frame: Picture, assessment: Assessment, widest: int) -> tuple[Picture, Assessment]:
    """A frame that is wider than ``widest`` made smaller by a whole-numbered factor, because that is cheap.

    Args:
        frame: uint8 BGR, shape (H, W, 3); left as it is.
        assessment: of this frame.
        widest: pixels.

    Returns:
        The smaller frame and the assessment with its crop on that; both as given where the frame is small enough.
    """
    factor = -(-frame.shape[1] // widest)
    if factor <= 1:
        return frame, assessment
    height, width = max(frame.shape[0] // factor, 2), frame.shape[1] // factor
    whole = frame[: height * factor, : width * factor]
    smaller = np.asarray(cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    if (crop := assessment.crop) is not None:
        on_smaller = Crop(round(crop.x / factor), round(crop.y / factor), max(1, round(crop.side / factor)))
        assessment = dataclasses.replace(assessment, crop=on_smaller)
    return smaller, assessment
