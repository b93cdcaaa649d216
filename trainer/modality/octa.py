"""En-face OCT angiograms of the macula: grey, square, without a rim; the avascular zone of the fovea is anatomy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from edge.phantom.retina import make_retina
from trainer.modality.description import Modality, Picture
from trainer.synthesis import augment, outside
from trainer.synthesis.scan import SPOIL, Floats, speckle, spoil_scan

_KINDS = tuple(SPOIL)
_OFTEN = (0.34, 0.11, 0.10, 0.13, 0.11, 0.21)  # how often each: lines and jumps cover little, so they come more often
_ROWS = ("motion", "saccade")
_BESIDE = np.ones((5, 1), np.uint8)  # pixels above and below a row that count with it: thinner than a cell of the map
_FIRST_PHANTOM, _PHANTOMS = 720_000, 400  # synthetic eyes that no evaluation draws


def _grey(picture: NDArray[Any]) -> Picture:
    """Three equal channels of any picture or of one channel."""
    values = np.clip(picture if picture.ndim == 2 else picture.mean(axis=2), 0, 255).astype(np.uint8)
    return np.repeat(values[:, :, None], 3, axis=2)


def another_device(picture: Picture, rng: Generator) -> Picture:
    """Gamma, gain, softness, speckle and coding of another device or archive: still a good scan."""
    light = (picture[:, :, 0].astype(np.float32) / 255) ** np.float32(rng.uniform(0.7, 1.45))
    light = light * np.float32(rng.uniform(0.75, 1.2) * 255) + np.float32(rng.uniform(-8, 12))
    scan = _grey(light)
    if rng.random() < 0.3:
        scan = np.asarray(cv2.GaussianBlur(scan, (0, 0), rng.uniform(0.3, 0.7)), np.uint8)
    if rng.random() < 0.4:
        scan = _grey(scan[:, :, 0] * (1 + speckle(len(scan), rng) * rng.uniform(0, 0.12)))
    return augment.compress(scan, rng, 60) if rng.random() < 0.3 else scan


def invisible(picture: Picture, rng: Generator) -> Picture:
    """No vessel is left: blurred away, dark, flat, or noise as coarse as capillaries or coarser."""
    side, scan = len(picture), picture[:, :, 0].astype(np.float32)
    way = int(rng.integers(4))
    if way == 0:
        scan = np.asarray(cv2.GaussianBlur(scan, (0, 0), rng.uniform(7, 25)), np.float32)
    elif way == 1:
        scan = scan * np.float32(rng.uniform(0, 0.03))
    else:
        scan = np.full_like(scan, rng.uniform(5, 230))
    grain = rng.uniform(0, 1.2) if way != 3 else rng.uniform(1, 12)
    return _grey(scan + speckle(side, rng, grain) * rng.uniform(0, 12 if way < 2 else 60))


def elsewhere(picture: Picture, rng: Generator) -> Picture:
    """No angiogram: another picture of an eye, a page, a drawing of vessels, noise; in grey or in colour."""
    side, way = len(picture), int(rng.integers(7))
    if way == 0:
        return invisible(picture, rng)
    if way == 1:  # vessels and nothing else
        scan = cv2.GaussianBlur(picture[:, :, 0], (0, 0), rng.uniform(0.6, 2.0)).astype(np.float32)
        fine = scan - cv2.GaussianBlur(scan, (0, 0), rng.uniform(6, 16))
        drawn = (fine > np.quantile(fine, rng.uniform(0.75, 0.95))).astype(np.float32) * 255
        drawn = drawn if rng.random() < 0.5 else cv2.GaussianBlur(drawn, (0, 0), rng.uniform(0.3, 2.5))
        return _grey(255 - drawn if rng.random() < 0.3 else drawn)
    if way == 2:
        grain = rng.uniform(0, 1) if rng.random() < 0.5 else rng.uniform(1, 6)
        return _grey(rng.uniform(60, 190) + speckle(side, rng, grain) * rng.uniform(10, 90))
    if way in (3, 4):
        eye = make_retina(_FIRST_PHANTOM + int(rng.integers(_PHANTOMS)), side).image
        other = augment.another_camera(_square(eye, side, rng), rng)
    else:
        maker = outside.text if way == 5 else (outside.open_eye, outside.eyelid, outside.wall)[int(rng.integers(3))]
        other = _square(maker(rng), side, rng)
    if rng.random() < 0.25:
        return other
    grey = _grey(cv2.equalizeHist(_grey(other)[:, :, 0])) if rng.random() < 0.4 else _grey(other)
    return _grey(grey[:, :, 0] + speckle(side, rng) * rng.uniform(0, 25)) if rng.random() < 0.4 else grey


def _square(picture: Picture, side: int, rng: Generator) -> Picture:
    """A square cut-out of a picture, of all of its shorter side or less, scaled."""
    part = int(min(picture.shape[:2]) * rng.uniform(0.35, 1))
    y, x = (int(rng.integers(0, whole - part + 1)) for whole in picture.shape[:2])
    how = cv2.INTER_AREA if part >= side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture[y : y + part, x : x + part], (side, side), interpolation=how), np.uint8)


def spoil(picture: Picture, rng: Generator) -> tuple[Picture, Floats]:
    """None to three degradations one after the other, and what they took together."""
    scan, cover = picture[:, :, 0].astype(np.float32), np.zeros(picture.shape[:2], np.float32)
    for _ in range(int(rng.choice(4, p=[0.15, 0.5, 0.25, 0.1]))):
        kind = _KINDS[int(rng.choice(len(_KINDS), p=_OFTEN))]
        scan, took = spoil_scan(scan, kind, float(rng.uniform(0.08, 1.0)), rng)
        cover = np.maximum(cover, cv2.dilate(took, _BESIDE) if kind in _ROWS else took)
    return _grey(scan), cover


def upright_view(
    rng: Generator, sides: tuple[int, int], layers: Sequence[NDArray[Any]], scale: tuple[float, float]
) -> list[NDArray[Any]]:
    """Quarter turns and mirrors, as a scan fills its square; half of them also zoomed in and turned a little.

    See ``augment.random_view``; of ``scale``, only its upper end counts.
    """
    source, target = sides
    turns, mirrored = int(rng.integers(4)), rng.random() < 0.5
    turned = [np.rot90(layer, turns) for layer in layers]
    turned = [np.ascontiguousarray(layer[:, ::-1] if mirrored else layer) for layer in turned]
    if source == target and rng.random() < 0.5:
        return turned
    angle, zoom = rng.uniform(-8, 8), target / source * rng.uniform(1.12, max(1.13, scale[1]))
    turn = cv2.getRotationMatrix2D((source / 2 - 0.5, source / 2 - 0.5), angle, zoom)
    turn = turn + np.array([[0, 0, (target - source) / 2]] * 2)
    return [np.asarray(cv2.warpAffine(layer, turn, (target, target), flags=cv2.INTER_LINEAR)) for layer in turned]


OCTA = Modality(
    name="octa",
    another_camera=another_device,
    store=another_device,
    invisible=invisible,
    elsewhere=elsewhere,
    spoil=spoil,
    lesions=None,
    view=upright_view,
    smooth=0.01,
    landmarks=False,
    usable=0.6,
    good=0.9,  # lines and jumps take little of a scan, and whole scans of the set that taught keep above it
)
