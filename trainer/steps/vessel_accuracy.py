"""How well a segmenter finds the vessels that an observer drew: Dice, sensitivity and specificity of each set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.field.find import find_field
from edge.frame.prepare import cut
from edge.images import read_image
from edge.metrics.classification import f1, sensitivity, specificity
from trainer.data.datasets import Photograph, Square, as_mask, in_threads, load_square, or_left_out, set_name


@dataclass(frozen=True)
class VesselAccuracy:
    """Means over the photographs of one set, inside the field of view, probability cut at one half."""

    photographs: int
    dice: float
    sensitivity: float
    specificity: float


def measure(
    find_vessels: Callable[[NDArray[np.uint8]], NDArray[np.float32]], photographs: Sequence[Photograph], size: int
) -> dict[str, dict[str, float]]:
    """Accuracy on photographs with a hand-drawn map, at the resolution that the map is stored in.

    Args:
        find_vessels: uint8 BGR (S, S, 3), the field of view, S a multiple of 16 -> vessel probability (S, S).
        photographs: a file that cannot be read is named on stderr and left out.
        size: S at most; a smaller field is not enlarged.

    Returns:
        ``{set: Accuracy as a dictionary}``.
    """
    of_sets: dict[str, list[list[float]]] = {}

    def read(photograph: Photograph) -> tuple[Square | None, tuple[NDArray[np.bool_], NDArray[np.bool_]] | None]:
        return load_square(photograph, size, enlarge=False), _drawn(photograph)

    seen = in_threads(or_left_out(read), photographs, "vessels: measuring")
    for photograph, pair in zip(photographs, seen, strict=True):
        if pair is None or pair[0] is None or pair[1] is None:
            continue
        drawn, field = pair[1]
        found = find_vessels(pair[0].picture)
        at_size = cv2.resize(found, drawn.shape[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
        rates = [metric(at_size[field], drawn[field]) for metric in (f1, sensitivity, specificity)]
        of_sets.setdefault(set_name(photograph.path), []).append(rates)
    return {
        name: asdict(VesselAccuracy(len(of_set), *(float(v) for v in np.mean(of_set, axis=0))))
        for name, of_set in of_sets.items()
    }


def _drawn(photograph: Photograph) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    """The drawn map and the field over the crop, both at the resolution of the file."""
    assert photograph.vessels is not None
    field = find_field(read_image(photograph.path))
    if field is None:
        return None
    side = field.crop.side
    inside = cv2.resize(field.mask, (side, side), interpolation=cv2.INTER_LINEAR) >= 128
    return cut(as_mask(read_image(photograph.vessels)), field.crop, side).max(
        axis=2
    ) >= 128, inside  # see ``load_square``
