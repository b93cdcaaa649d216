"""What a bundle must pass before it is written: no form has moved the map."""

from __future__ import annotations

from calibration.int8.quantize import Tensors
from calibration.int8.search import Found
from calibration.parity.forms import StudentCheckpoint, first_wrong_layer
from calibration.parity.measure import GREY, RAW_SCORE, FormsParity
from edge.errors import EdgeError
from edge.metrics.parity import Parity

_BLAME = 4  # frames on which a layer is looked for


def check_forms(parity: FormsParity, student: StudentCheckpoint, tensors: Tensors, layer: str) -> None:
    """Fail where a form is too far from the one it was made from, or the device's score from the trainer's.

    Args:
        parity: of ``compare_all``.
        student: for the search of the layer.
        tensors: prepared frames, for the same.
        layer: that costs most as INT8.

    Raises:
        EdgeError: names the stage that is to blame, and the layer where it is known.
    """
    for row in parity.rows:
        if row.fits:
            continue
        fault = (
            f"{row.form} is {row.beside_before.map_mae:.4f} off {row.before} (map mean abs difference), "
            f"more than {row.most:g}"
        )
        if row.stage == "quantization":
            raise EdgeError(
                f"{fault}: the quantization is to blame, and the layer {layer} costs most; calibrate on frames more "
                "like those it will see, or raise --max-map-mae."
            )
        wrong = ""
        if row.form.startswith("INT8") and row.stage == "export":
            wrong = first_wrong_layer(student.quantized, student.int8_bundle.onnx, tensors[:_BLAME])
        where = f"the {row.stage} is to blame" + (f", from the layer {wrong} on" if wrong else "")
        raise EdgeError(f"{fault}: {where}; make the bundle again, and report it if that does not help.")
    if parity.grey_max > GREY:
        raise EdgeError(
            f"the device's frame step is {parity.grey_max:.1f} grey levels off OpenCV's, more than {GREY:g}: build "
            "edge/native again, or remove it to take the OpenCV path."
        )
    if (apart := parity.raw_apart.mean()) > RAW_SCORE:
        raise EdgeError(
            f"from the raw frame on, the device scores {apart:.4f} off the trainer's fake-quantized student "
            f"on average, more than {RAW_SCORE:g} (most on {parity.raw_worst}): train or fine-tune it longer; it "
            "reacts to differences of half a grey level."
        )


def check_parity(parity: Parity, found: Found, most: float) -> None:
    """Fail where INT8 moves the map too far on frames from file to map.

    Raises:
        EdgeError: it does; the sentence names the layer that costs most.
    """
    if parity.map_mae > most:
        raise EdgeError(
            f"INT8 moves the map by {parity.map_mae:.4f}, more than {most:g}: the layer {found.worst} costs most "
            f"({found.costs[found.worst]:.4f} alone); calibrate on frames more like those it will see, or raise "
            "--max-map-mae."
        )
