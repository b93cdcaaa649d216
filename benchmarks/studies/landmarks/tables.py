"""Rows of what was seen: eyes and places."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.studies.landmarks.measure import Seen
from benchmarks.studies.landmarks.truth import other

EYES = (
    "set",
    "usable frames",
    "eye told",
    "of known eyes, told",
    "right",
    "mirrored: the other eye / none / the same",
    "rejected frames, told, of known eyes right",
)
PLACES = (
    "set",
    "frames",
    "foveae left out",
    "fovea within a disc radius",
    "off by, disc radii, median / 95 of 100",
    "discs left out",
    "disc centre off by",
    "disc diameter, found over marked, median / 5 to 95 of 100",
)


def eyes_row(name: str, seen: Sequence[Seen]) -> tuple[str, ...]:
    """Cells below ``EYES``."""
    usable, rest = ([each for each in seen if each.usable is wanted] for wanted in (True, False))
    told = [each for each in usable if each.told is not None]
    known = [each for each in usable if each.truth is not None]
    sure, right = _told_and_right(known)
    same = sum(each.mirrored == each.told for each in told)
    none = sum(each.mirrored is None for each in told)
    refused, refused_right = _told_and_right([each for each in rest if each.truth is not None])
    return (
        name,
        str(len(usable)),
        share(len(told), len(usable)),
        f"{sure} of {len(known)}",
        share(right, sure),
        f"{len(told) - same - none} / {none} / {same}",
        f"{len(rest)}, {sum(each.told is not None for each in rest)}, {refused_right} of {refused}",
    )


def wrong_eyes(seen: Sequence[Seen]) -> list[str]:
    """Usable frames of which the wrong eye is told."""
    return [each.name for each in seen if each.usable and each.told is not None and each.told == other(each.truth)]


def places_row(name: str, seen: Sequence[Seen]) -> tuple[str, ...]:
    """Cells below ``PLACES``."""
    errors = [each.errors for each in seen if each.errors is not None]
    fovea = [each.fovea for each in errors if each.fovea is not None]
    disc = [each.disc for each in errors if each.disc is not None]
    size = [each.diameter for each in errors if each.diameter is not None]
    return (
        name,
        str(len(errors)),
        str(len(errors) - len(fovea)),
        share(sum(each <= 1 for each in fovea), len(fovea)),
        _spread("{:.2f} / {:.2f}", fovea, (50, 95)),
        str(len(errors) - len(disc)),
        _spread("{:.2f} / {:.2f}", disc, (50, 95)),
        _spread("{:.2f} / {:.2f} to {:.2f}", size, (50, 5, 95)),
    )


def _spread(form: str, values: Sequence[float], percentiles: tuple[int, ...]) -> str:
    return form.format(*np.percentile(values, percentiles)) if values else ""


def share(part: int, whole: int) -> str:
    """Both numbers, and the share that they make."""
    return f"{part} of {whole}" + (f" ({100 * part / whole:.1f} %)" if whole else "")


def _told_and_right(seen: Sequence[Seen]) -> tuple[int, int]:
    told = [each for each in seen if each.told is not None]
    return len(told), sum(each.told == each.truth for each in told)
