"""A frame as its camera gave it, in YUV, and BGR of it when its pixels are shown.

Most frames of a stream are looked at once: field, tensor and light are read from their bytes, motion and sharpness
from their luma, colour from a few hundred pixels. Those that are drawn or kept become BGR, once.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.abi import frames
from edge.abi.frames import Pixels, Planes, packed
from edge.abi.library import LIBRARY
from edge.images.pixels import PixelLayout, planes_of, to_bgr

_READ: dict[str, Pixels] = {"NV12": "nv12", "YUY2": "yuyv"}  # what the library reads, by its names


class RawImage:
    """A frame of NV12 or YUYV in memory of its own, to which nothing writes.

    Attributes:
        planes: where its pixels lie, for the library.
        shape: of it as BGR, (H, W, 3).
        nbytes: of its bytes and of the BGR that may be made of them.
    """

    def __init__(self, data: NDArray[np.uint8], layout: PixelLayout) -> None:
        """Set up.

        Args:
            data: uint8, in a row.
            layout: NV12, or YUY2 of even width.

        Raises:
            ValueError: the memory is shorter than the layout requires.
        """
        self._planes = planes_of(data, layout)
        self.shape = (layout.height, layout.width, 3)
        self.nbytes = data.nbytes + layout.height * layout.width * 3
        rows = tuple(plane.reshape(len(plane), -1) for plane in self._planes)
        pixels = _READ[layout.pixels]
        self.planes = Planes(pixels, layout.width, layout.height, rows, layout.full_range, layout.bt709)
        self._sampled: tuple[slice, slice, NDArray[np.uint8]] | None = None  # the last one, which many ask for

    @functools.cached_property
    def bgr(self) -> NDArray[np.uint8]:
        """The whole frame, uint8 BGR (H, W, 3), each value as field and tensor were made of it."""
        return _to_bgr(self.planes)

    def sample(self, rows: slice, columns: slice) -> NDArray[np.uint8]:
        """Some pixels of it, uint8 BGR (h, w, 3), as ``bgr[rows, columns]`` holds them."""
        before = self._sampled
        if before is None or before[:2] != (rows, columns):
            before = self._sampled = rows, columns, self._sample(rows, columns)
        return before[2]

    def _sample(self, rows: slice, columns: slice) -> NDArray[np.uint8]:
        luma = self.luma(rows, columns)
        if not luma.size:
            return np.zeros((*luma.shape, 3), np.uint8)
        down, across = np.arange(self.shape[0])[rows], np.arange(self.shape[1])[columns] // 2
        pairs = np.empty((*luma.shape, 4), np.uint8)  # YUYV: each pixel beside itself
        pairs[..., 0] = pairs[..., 2] = luma
        if self.planes.pixels == "nv12":
            pairs[..., 1::2] = _picked(self._planes[1], down // 2, across)
        else:
            pairs[..., 1::2] = _picked(self._planes[0].reshape(self.shape[0], -1, 4), down, across)[..., 1::2]
        alike = packed(pairs.reshape(len(luma), -1, 2), "yuyv")
        whole = dataclasses.replace(alike, full_range=self.planes.full_range, bt709=self.planes.bt709)
        return _to_bgr(whole)[:, ::2]

    def luma(self, rows: slice, columns: slice) -> NDArray[np.uint8]:
        """Brightness of some pixels, uint8 (h, w)."""
        found = self._planes[0][rows, columns]
        return found[..., 0] if self.planes.pixels == "yuyv" else found


def _to_bgr(planes: Planes) -> NDArray[np.uint8]:
    assert LIBRARY is not None, "without the library there is no raw image"
    return frames.to_bgr(LIBRARY, planes)


def _picked(plane: NDArray[np.uint8], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.uint8]:
    """These rows and columns of a plane (h, w, 2 or 4), whose values stay together."""
    whole = plane.view(f"u{plane.shape[2]}")[..., 0]  # one number each, which NumPy picks faster
    picked = whole[rows].take(columns, axis=1)
    return picked.view(np.uint8).reshape(len(rows), len(columns), plane.shape[2])


Image: TypeAlias = NDArray[np.uint8] | RawImage  # uint8 BGR (H, W, 3), or what can be turned into that


def image_of(data: memoryview, layout: PixelLayout) -> Image:
    """A copy of a frame in borrowed memory: as it is where the library reads it so, else as BGR.

    Raises:
        ValueError: as ``to_bgr``.
    """
    readable = layout.pixels in (*_READ, "I420") and (layout.pixels != "YUY2" or layout.width % 2 == 0)
    if LIBRARY is None or not readable:
        return to_bgr(data, layout)
    if layout.pixels == "I420":
        luma, blue, red = planes_of(np.frombuffer(data, np.uint8), layout)
        return image_of_planes(luma, blue, red, layout.full_range, layout.bt709)
    return RawImage(np.frombuffer(data, np.uint8).copy(), layout)


def image_of_planes(
    luma: NDArray[np.uint8], blue: NDArray[np.uint8], red: NDArray[np.uint8], full_range: bool, bt709: bool
) -> RawImage:
    """A copy of three planes, luma (H, W) and chroma (H / 2, W / 2) each, as NV12; only with the library."""
    (height, width), (half, pairs) = luma.shape, blue.shape
    rows = np.empty((height + half, 2 * pairs), np.uint8)
    rows[:height, :width] = luma
    rows[height:] = np.asarray(cv2.merge([blue, red])).reshape(half, -1)
    offsets, strides = (0, height * 2 * pairs), (2 * pairs,) * 2
    return RawImage(rows.reshape(-1), PixelLayout("NV12", width, height, offsets, strides, full_range, bt709))


def is_bgr(image: NDArray[Any]) -> bool:
    """Whether an array is uint8 (H, W, 3), with a pixel at least."""
    return image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size > 0


def bgr_of(image: Image) -> NDArray[np.uint8]:
    """A frame as uint8 BGR (H, W, 3)."""
    return image.bgr if isinstance(image, RawImage) else image


def planes_for(image: Image) -> Planes:
    """A frame as the library takes it."""
    return image.planes if isinstance(image, RawImage) else packed(image)


def sample_of(image: Image, rows: slice, columns: slice) -> NDArray[np.uint8]:
    """Some pixels of a frame, uint8 BGR (h, w, 3)."""
    return image.sample(rows, columns) if isinstance(image, RawImage) else image[rows, columns]


def structure_of(image: Image, rows: slice, columns: slice) -> NDArray[np.uint8]:
    """What shows the structure of some pixels best, uint8 (h, w): green; of YUV luma, half of which is green."""
    return image.luma(rows, columns) if isinstance(image, RawImage) else image[rows, columns, 1]
