"""What differs between kinds of pictures of the eye when one of them is graded: plain data and functions, no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.assessment import Verdict
from edge.bundle.bundle import read_bundle
from edge.bundle.manifest import Manifest, ModalityName
from edge.bundle.named import named_bundle, shipped_models
from edge.errors import EdgeError
from edge.fundus import shows_retina

Cells = NDArray[np.float32]
Shows = Callable[[Cells, NDArray[np.float32], Cells, NDArray[np.bool_]], bool]

_GREY = 3.0  # grey values by which the channels of a scan may differ, as JPEG makes them
_FLAT, _MOST_FLAT = 3.0, 0.4  # grey values among 9 neighbours that are one area; share of such pixels in a drawing
_SEEN, _SHARE = 0.5, 0.02  # degradation below which a cell shows vessels; share of them that an angiogram has


@dataclass(frozen=True)
class Modality:
    """One kind of pictures.

    Attributes:
        words: what a model of it grades.
        absent: the verdict on a frame that shows none of its anatomy.
        lit: whether light tells: cells that are too dark or burnt out are lost, and the lit ones tell what they show.
        explained: whether a frame has causes, landmarks and a field definition.
        sure: whether ``shows`` is asked of frames that would pass, too.
        shows: whether a frame shows its anatomy at all; takes what ``edge.fundus.shows_retina`` takes.
    """

    words: str
    absent: Verdict
    lit: bool
    explained: bool
    sure: bool
    shows: Shows


def shows_scan(rgb: Cells, green: NDArray[np.float32], maps: Cells, field: NDArray[np.bool_]) -> bool:
    """Whether a frame is grey and has grain, as angiograms, and the network sees vessels in some of it.

    Capillaries and speckle leave no area of one grey value; drawings, such as maps of vessels, consist of them.

    Args:
        rgb, green, maps, field: see ``edge.fundus.shows_retina``.
    """
    if not field.any():
        return False
    colour = np.abs(np.diff(rgb, axis=0)).max(axis=0)[field].mean()
    seen = (maps[0][field] < _SEEN).mean() >= _SHARE
    return bool(seen and colour <= _GREY and _flat_share(green, field) <= _MOST_FLAT)


def _flat_share(green: NDArray[np.float32], field: NDArray[np.bool_]) -> float:
    """Share of the field's pixels among whose neighbours there is hardly a difference."""
    side, near = green.shape[0], np.ones((3, 3), np.uint8)
    inside = cv2.resize(field.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST) > 0
    return float((cv2.subtract(cv2.dilate(green, near), cv2.erode(green, near))[inside] <= _FLAT).mean())


MODALITIES: dict[ModalityName, Modality] = {
    "fundus": Modality("photographs of the fundus", "no_fundus", True, True, False, shows_retina),
    "octa": Modality("OCT angiograms", "no_anatomy", False, False, True, shows_scan),
}


def model_for(modality: ModalityName | None, model: Path | None) -> Path | None:
    """The model that is named, or else the one that ships for a modality; None for the default.

    Raises:
        EdgeError: none ships for it, or the one that is named is of another modality.
    """
    if modality is None or (modality == "fundus" and model is None):
        return model
    path, words = model or named_bundle(modality), MODALITIES[modality].words
    if model is None and path not in shipped_models():  # a file of that name in this folder was not asked for
        raise EdgeError(f"no model of {words} ships with this version: name one with --model.")
    if (found := read_bundle(path).manifest.modality) != modality:
        raise EdgeError(
            f"{path} is a model of {MODALITIES[found].words}, and --modality is {modality}: name a model of {words}, "
            "or leave --modality out."
        )
    return path


def check_fundus(
    manifest: Manifest, command: str, remedy: str = "name a model of those, such as default; edge-grade takes this one"
) -> None:
    """Refuse a model of another modality where a command knows photographs of the fundus alone.

    Args:
        manifest: of the model.
        command: what refuses it, as the sentence begins.
        remedy: what to do, as the sentence ends.

    Raises:
        EdgeError: the model is of another modality.
    """
    if manifest.modality != "fundus":
        raise EdgeError(
            f"{command} is for {MODALITIES['fundus'].words}, and {manifest.name} is a model of "
            f"{MODALITIES[manifest.modality].words}: {remedy}."
        )
