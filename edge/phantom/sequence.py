"""A hand-held fundus camera before a synthetic eye: frames of which cause and truth are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.field.find import Crop
from edge.field.resample import resize
from edge.phantom.paint import front_of_eye
from edge.phantom.photograph import Photograph
from edge.phantom.retina import make_look, paint_fundus
from edge.phantom.script import Cause, write_script
from edge.phantom.sensor import Sensor, lit, paste, round_aperture
from edge.phantom.transfer import (
    CLEAR,
    GRADABLE,
    Map,
    blur_transfer,
    clipping_transfer,
    light_transfer,
    reflex_cover,
    shadow_cover,
    true_map,
)

COARSE = 8  # smooth things, truth among them, are computed on every eighth pixel
_REACH = 1.6  # how much more retina is painted than the field shows
_OFF_CENTRE = 0.3  # field radii; farther off and the camera must be moved
_FAINT = np.float32(0.5)  # the least level that is reckoned with
_RED_END, _ALL_RED = 250, 0.85  # grey value at which red is at its end; share of the field where no camera has it so
_GRAIN_SEEN = 0.1  # share of a pixel's noise left at the scale of a vessel


@dataclass(frozen=True, eq=False)
class SequenceFrame:
    """One frame of a sequence and what is true of it.

    Attributes:
        image: uint8 BGR, shape (H, W, 3).
        index: from 0.
        cause: what spoils it most; ``clear`` where it can be graded, is centred and has no channel at its end all over.
        truth: true quality in [0, 1]: 1 - mean true degradation over the field.
        transfer: float32, one value per ``COARSE`` pixels: share of vessel contrast that survived.
        crop: the square around the field, in frame pixels; the field is the circle in it, or that of the photograph.
    """

    image: NDArray[np.uint8]
    index: int
    cause: Cause
    truth: float
    transfer: Map
    crop: Crop

    def true_map(self, crop: Crop, grid: int) -> Map:
        """The true degradation map over a crop of the frame, float32 (grid, grid)."""
        coarse = Crop(round(crop.x / COARSE), round(crop.y / COARSE), max(1, round(crop.side / COARSE)))
        return true_map(self.transfer, coarse, grid)


class Sequence:
    """A sequence whose frames are rendered on demand, in any order; the same seed gives the same frames.

    Args:
        seed: decides eye, camera and what happens.
        frames: how many.
        fps: frames per second that the script is written for.
        width, height: of a frame in pixels, at least 128.
        slow: longer episodes of every cause, see ``write_script``.
        retina: a photograph to show in place of a drawn eye. Its camera is that of the photograph, with the same field
            and, within ``width`` and ``height``, the same shape of frame, and shows just the photograph at the best
            place. Truth is that of what was done to it: the photograph itself counts as perfect.

    Raises:
        ValueError: no frames, no frame rate, or frames that are too small.
    """

    def __init__(
        self,
        seed: int,
        frames: int = 300,
        fps: float = 30.0,
        width: int = 960,
        height: int = 720,
        slow: bool = False,
        retina: Photograph | None = None,
    ) -> None:
        if frames < 1 or not fps > 0 or min(width, height) < 128:
            raise ValueError(
                f"a sequence needs frames, a frame rate and sides of 128 pixels, not {frames}, {fps}, {width}x{height}"
            )
        rng = np.random.default_rng((seed, 7))
        self.script = write_script(rng, frames, fps, slow)
        if retina is None:
            side = min(width, height) * 31 // 32 // COARSE * COARSE
            self.crop = Crop((width - side) // 2, (height - side) // 2, side)
        else:
            (width, height), self.crop = retina.scaled(width, height, COARSE)
        self.frames, self.fps, self.width, self.height = frames, fps, width, height
        self._side = self.crop.side
        radius = self._side / 2
        texture = round(self._side * _REACH / COARSE) * COARSE
        if retina is None:
            look = make_look(np.random.default_rng((seed, 1)))
            colours, _ = paint_fundus(look, seed, texture, radius, _REACH - 0.1)
            painted = np.rint(colours.clip(0, 255)).astype(np.uint8)
        else:
            painted = retina.continued(self._side, texture)
        self._textures = [resize(painted, (texture // 2**halvings,) * 2) for halvings in range(4)]
        green = np.asarray(cv2.GaussianBlur(self._textures[3][:, :, 1].astype(np.float32), (0, 0), 2), np.float32)
        self._level = np.maximum(green, _FAINT)
        axis = (np.arange(self._side // COARSE, dtype=np.float32) + np.float32(0.5)) * np.float32(COARSE / radius) - 1
        self._x, self._y = (np.asarray(a, np.float32) for a in np.meshgrid(axis, axis))
        squares = self._x**2 + self._y**2
        self._vignette = np.asarray(1.05 - np.float32(rng.uniform(0.15, 0.4)) * squares, np.float32)
        self._seen = np.asarray(squares < 1) if retina is None else retina.aperture(len(axis))
        aperture = round_aperture(self._side) if retina is None else retina.aperture(self._side)
        self._sensor = Sensor(rng, width, height, self.crop, frames, aperture)
        self._front = front_of_eye(rng, self._side // 2)

    def __len__(self) -> int:
        return self.frames

    def render(self, index: int) -> SequenceFrame:
        """Frame number ``index``.

        Raises:
            IndexError: there is no such frame.
        """
        if not 0 <= index < self.frames:
            raise IndexError(f"the sequence has frames 0 to {self.frames - 1}, not {index}")
        if self.script.approach[index] < 1:
            view = self._outside(float(self.script.approach[index]))
            nothing = np.zeros((self.height // COARSE, self.width // COARSE), np.float32)
            return SequenceFrame(self._sensor.frame(view, 3.0, index), index, "no_fundus", 0.0, nothing, self.crop)
        severity = {cause: float(values[index]) for cause, values in self.script.episodes.items()}
        away = float(np.hypot(self.script.x[index], self.script.y[index]))
        blur = 0.03 * severity["blur"] ** 1.5 + 0.012 * max(0.0, away - 0.3)
        gain = 0.05 ** severity["too_dark"] * 7 ** severity["too_bright"]
        noise = 1.5 + 3.5 * severity["too_dark"]
        shadow, reflex = self._covers(index, severity, away)
        lost, transfer = self._transfers(index, blur, gain, noise, shadow, reflex)
        truth = float(1 - (1 - np.minimum(transfer / np.float32(CLEAR), 1))[self._seen].mean())
        cause: Cause = "clear" if truth >= GRADABLE else min(lost, key=lambda name: lost[name][self._seen].mean())
        if away > _OFF_CENTRE:
            cause = "off_centre"
        view = lit(self._retina(index, blur), self._vignette * (1 - shadow), reflex, gain)
        image = self._sensor.frame(view, noise, index)
        if cause == "clear" and gain > 1 and self._all_red(image):
            cause = "too_bright"
        return SequenceFrame(image, index, cause, truth, self._on_frame(transfer), self.crop)

    def _all_red(self, image: NDArray[np.uint8]) -> bool:
        """Whether red is at its end all over: green still shows the vessels, but the exposure is to be lowered."""
        left, top = self.crop.x, self.crop.y
        red = image[top % COARSE :: COARSE, left % COARSE :: COARSE, 2]
        seen = np.zeros(red.shape, np.bool_)
        paste(self._seen, seen, left // COARSE, top // COARSE)
        return float((red[seen] >= _RED_END).mean()) >= _ALL_RED

    def _covers(self, index: int, severity: dict[Cause, float], away: float) -> tuple[Map, Map]:
        """Edge shadow and reflex as shares of the picture; an off-centre eye brings a shadow of its own."""
        script = self.script
        hidden, angle = severity["edge_shadow"], float(script.shadow_from[index])
        if away - 0.15 > hidden:
            hidden, angle = away - 0.15, float(np.arctan2(script.y[index], script.x[index]))
        place = (float(script.reflex_x[index]), float(script.reflex_y[index]))
        reflex = reflex_cover(self._x, self._y, 0.8 * severity["reflex"], place, float(script.reflex_ring[index]))
        return shadow_cover(self._x, self._y, 0.8 * hidden, angle), reflex

    def _transfers(
        self, index: int, blur: float, gain: float, noise: float, shadow: Map, reflex: Map
    ) -> tuple[dict[Cause, Map], Map]:
        """What each cause leaves of the contrast, and what all leave together; coarse, over the crop."""
        level = np.asarray(self._warped(self._level, index, COARSE), np.float32) * self._vignette
        dimmed = level * (1 - shadow)
        seen = light_transfer(dimmed)
        lost: dict[Cause, Map] = {
            "blur": np.full_like(level, blur_transfer(blur)),
            "edge_shadow": seen / light_transfer(level),
            "too_dark": light_transfer(dimmed * np.float32(min(gain, 1.0)), noise * _GRAIN_SEEN) / seen,
            "too_bright": clipping_transfer(dimmed * np.float32(max(gain, 1.0))),
            "reflex": 1 - reflex,
        }
        return lost, np.clip(np.prod([*lost.values()], axis=0, dtype=np.float32), 0, 1)

    def _warped(self, texture: NDArray[Any], index: int, factor: int) -> NDArray[Any]:
        """The part of the retina that the camera sees, at 1/factor of the size; the texture has that size already."""
        script, side = self.script, self._side // factor
        turn, scale = float(script.turn[index]), 1 / float(script.zoom[index])
        turned = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        offset = np.array([script.x[index], script.y[index]]) * (side / 2)
        shift = (texture.shape[0] - 1) / 2 + offset - turned @ np.full(2, (side - 1) / 2)
        onto = np.column_stack([turned, shift])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(texture, onto, (side, side), flags=flags, borderMode=cv2.BORDER_REPLICATE))

    def _retina(self, index: int, blur: float) -> NDArray[np.uint8]:
        """The retina in the crop, blurred; a wide blur is made on a smaller picture, which looks the same."""
        sigma = blur * self._side
        halvings = max(h for h in range(len(self._textures)) if h == 0 or sigma >= 1.2 * 2**h)
        view = self._warped(self._textures[halvings], index, 2**halvings)
        if sigma > 0.3:
            view = cv2.GaussianBlur(view, (0, 0), sigma / 2**halvings)
        return np.asarray(cv2.resize(view, (self._side, self._side), interpolation=cv2.INTER_LINEAR), np.uint8)

    def _outside(self, progress: float) -> NDArray[np.uint8]:
        """Before the retina is in view: darkness, then the front of the eye coming nearer, then the dark pupil."""
        if progress < 0.3:
            return np.zeros((self._side, self._side, 3), np.uint8)
        nearer = (progress - 0.3) / 0.7
        size = self._front.shape[0] / (1 + 2.5 * nearer * nearer)
        low = round((self._front.shape[0] - size) / 2)
        part = self._front[low : low + round(size), low : low + round(size)]
        near = cv2.resize(part, (self._side, self._side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.convertScaleAbs(near, alpha=min(1.0, 4 * (1 - nearer) + 0.15)), np.uint8)

    def _on_frame(self, transfer: Map) -> Map:
        """A coarse map of the crop as a coarse map of the frame."""
        whole = np.zeros((self.height // COARSE, self.width // COARSE), np.float32)
        paste(transfer, whole, round(self.crop.x / COARSE), round(self.crop.y / COARSE))
        return whole
