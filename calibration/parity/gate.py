"""What a bundle must pass before it is written: no form has moved the map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.int8.search import Found
from calibration.parity.forms import StudentCheckpoint, first_wrong_layer
from calibration.parity.measure import GREY, RAW_SCORE, FormsParity
from edge.errors import EdgeError
from edge.metrics.parity import Parity

_BLAME = 4  # frames on which a layer is looked for


def check_forms(
    parity: FormsParity, student: StudentCheckpoint, tensors: Sequence[NDArray[np.float32]], layer: str
) -> None:
    """Refuse where a form is too far from the one it was made from, or the device's score from the trainer's.

    Args:
        parity: of ``compare_all``.
        student: for the search of the layer.
        tensors: prepared frames, for the same.
        layer: that costs most as INT8.

    Raises:
        EdgeError: names the stage that is to blame, and the layer where one can be told.
    """
    for row in parity.rows:
        if row.fits:
            continue
        said = (
            f"{row.form} is {row.beside_before.map_mae:.4f} off {row.before} (map mean abs difference), "
            f"more than {row.most:g}"
        )
        if row.stage == "quantization":
            raise EdgeError(
                f"{said}: the quantization is to blame, and the layer {layer} costs most; calibrate on frames more "
                "like those it will see, or raise --max-map-mae."
            )
        wrong = ""
        if row.form.startswith("INT8") and row.stage == "export":
            wrong = first_wrong_layer(student.quantized, student.int8_bundle.onnx, tensors[:_BLAME])
        where = f"the {row.stage} is to blame" + (f", from the layer {wrong} on" if wrong else "")
        raise EdgeError(f"{said}: {where}; make the bundle again, and report it if that does not help.")
    if parity.grey_max > GREY:
        raise EdgeError(
            f"the device's frame step is {parity.grey_max:.1f} grey levels off OpenCV's, more than {GREY:g}: build "
            "edge/native again, or remove it to take the OpenCV path."
        )
    if parity.raw_mean > RAW_SCORE:
        raise EdgeError(
            f"from the raw frame on, the device scores {parity.raw_mean:.4f} off the trainer's fake-quantized student "
            f"on average, more than {RAW_SCORE:g} (most on {parity.raw_worst}): train or fine-tune it longer; it "
            "answers to differences of half a grey level."
        )


def check_parity(parity: Parity, found: Found, most: float) -> None:
    """Refuse an INT8 network whose map moved too far on frames from file to map.

    Raises:
        EdgeError: it did; the sentence names the layer that costs most.
    """
    if parity.map_mae > most:
        worst = found.damages[0]
        raise EdgeError(
            f"INT8 moves the map by {parity.map_mae:.4f}, more than {most:g}: the layer {worst.layer} costs most "
            f"({worst.map_mae:.4f} alone); calibrate on frames more like those it will see, or raise --max-map-mae."
        )
