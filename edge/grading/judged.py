"""One photograph graded, whatever goes wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable

from edge.assessment import Assessment
from edge.errors import EdgeError
from edge.findings.eye import Eye
from edge.grading.graded_file import GradedFile
from edge.grading.inputs import Input
from edge.images import Picture

_EYES: dict[str, Eye] = {"R": "right", "L": "left"}


def judged(item: Input, assessed: Callable[[], tuple[Picture, Assessment]], frame: bool = True) -> GradedFile:
    """Grade one photograph; whatever goes wrong is its error.

    Args:
        item: the photograph.
        assessed: reads and assesses it, or raises.
        frame: whether the result holds its pixels.
    """
    path, name = item.path, item.name
    try:
        picture, assessment = assessed()
    except EdgeError as error:
        reason = str(error)
        return GradedFile(path, None, None, reason if name in reason else f"{name}: {reason}", name=name)
    except Exception as error:  # whatever it is, the other files are graded
        reason = (str(error).strip().splitlines() or ["no message"])[0]
        words = f"{name} could not be graded ({type(error).__name__}: {reason}): save it again as PNG."
        return GradedFile(path, None, None, words, name=name)
    if not math.isfinite(assessment.score):
        words = f"{name} got no finite score: the model is broken; take another one."
        return GradedFile(path, None, None, words, name=name)
    return GradedFile(
        path,
        picture.frame if frame else None,
        assessment,
        "",
        picture.reaches,
        _EYES.get(picture.eye or ""),
        picture.origin,
        name,
        picture.identity,
        picture.size,
    )
