"""The forms of a calibrated run compared again, on any photographs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from calibration.export import Deployed
from calibration.frames import made, phantoms, read_frames, tensors
from calibration.parity.checkpoint import read_quantized
from calibration.parity.forms import StudentCheckpoint
from calibration.parity.gate import check_forms
from calibration.parity.measure import FormsParity, compare_all
from calibration.parity.report import write_parity
from edge.bundle.bundle import read_bundle, read_made
from edge.errors import EdgeError
from edge.images import find_images
from trainer.data.datasets import find_photographs
from trainer.recipe import load_recipe
from trainer.steps.distill import load_student

_PHANTOMS = range(100, 140)


def compare_again(
    run: Path, model: Path, paths: Sequence[Path], target: Path | None, most: float
) -> tuple[FormsParity, str]:
    """Every form of a run's student, with a bundle as its INT8 form.

    Args:
        run: calibrated by ``edge-calibrate int8``.
        model: the bundle; the gate reports one that was made from another run or was damaged since.
        paths: images and folders; empty for synthetic eyes.
        target: folder for the report; None writes none.
        most: what INT8 may move the degradation map by, mean absolute difference.

    Returns:
        What was measured, and the sentence of the gate; empty where every form fits.

    Raises:
        EdgeError: the run was not calibrated, the bundle is not INT8 or of another shape, or there is no image.
    """
    folder = run / "calibration"
    if not (folder / "float32.efiqa").is_file():
        raise EdgeError(f"{folder / 'float32.efiqa'} is missing: run edge-calibrate int8 on this run first.")
    int8_bundle, float_bundle = read_bundle(model), read_made(folder / "float32.efiqa")
    if int8_bundle.manifest.precision != "int8":
        raise EdgeError(f"{model} holds the float form ({int8_bundle.manifest.why_float}): name an INT8 bundle.")
    for name in ("input_size", "grid", "maps"):
        of_run, of_model = (getattr(bundle.manifest, name) for bundle in (float_bundle, int8_bundle))
        if of_run != of_model:
            raise EdgeError(f"{model} has {name} {of_model}, but {run} has {of_run}: name the bundle of this run.")
    recipe = load_recipe(str(run / "student" / "config.yaml"))
    network = Deployed(load_student(run))
    quantized, layer = read_quantized(folder, network, recipe.distill.size)
    student = StudentCheckpoint(network, quantized, float_bundle, int8_bundle)
    # Only the photographs of a folder: not the vessel maps and masks beside them.
    images = [i for p in paths for i in ([f.path for f in find_photographs(p)] if p.is_dir() else find_images([p]))]
    frames = read_frames(images) if images else made(_PHANTOMS, recipe, None)
    parity = compare_all(student, frames, int8_bundle.manifest.thresholds, most)
    if target is not None:
        write_parity(target, {"folder" if images else "synthetic eyes": parity})
    eyes = phantoms(_PHANTOMS[:4]) if recipe.modality == "fundus" else read_frames(images[:4])
    some = tensors(eyes, recipe)
    try:
        check_forms(parity, student, some, layer)
    except EdgeError as fault:
        return parity, str(fault)
    return parity, ""
