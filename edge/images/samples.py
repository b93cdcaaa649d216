"""From the samples that a file stores, of any depth, to 8 bits and three colours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.images.limits import BITS, RefusedError

_MODES = frozenset({"1", "L", "P", "LA", "PA", "La", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr"})
_BAND = 1 << 22  # samples looked up at a time: numpy makes eight bytes of each


@dataclass(frozen=True, eq=False)
class Stored:
    """A picture as a file stores it, not turned yet.

    Attributes:
        picture: Pillow's image of 8 bits, or uint8 BGR (H, W, 3).
        reaches: see ``White``.
        eye: ``R`` or ``L``, where a DICOM file says which one it shows.
        full: width and height as stored, where the picture was decoded smaller; None where it was not.
    """

    picture: Image.Image | NDArray[np.uint8]
    reaches: int | None = None
    eye: str | None = None
    full: tuple[int, int] | None = None


@dataclass(frozen=True)
class White:
    """Which sample is white.

    Attributes:
        full: the sample.
        reaches: how many bits (10, 12 or 14) the brightest sample needs, where that is fewer than 16 and white is not
            specified; None otherwise.
    """

    full: int
    reaches: int | None = None


def flat_on_black(image: Image.Image) -> Image.Image:
    """Any 8-bit picture as RGB, composited on black where it is transparent.

    Raises:
        RefusedError: its samples are signed, floating-point, or wider than 16 bits, or its colours are unusual.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode not in _MODES:
        raise RefusedError(
            f"holds signed, floating-point or 32-bit samples or unusual colours (mode {image.mode}): save it as grey "
            "or RGB with 8 or 16 bits"
        )
    if not image.has_transparency_data:
        return image.convert("RGB")
    laid = Image.new("RGBA", image.size, (0, 0, 0, 255))
    laid.alpha_composite(image.convert("RGBA"))
    return laid.convert("RGB")


def eight_bits(part: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Parts of the full scale, 0 to 1, as 0 to 255: the one rule for all samples of more than 8 bits."""
    return np.rint(255 * np.clip(part, 0, 1)).astype(np.uint8)


def look_up(table: NDArray[np.uint8], samples: NDArray[np.generic]) -> NDArray[np.uint8]:
    """The entries of a table for unsigned samples of any shape."""
    found = np.empty(samples.shape, np.uint8)
    rows = max(1, _BAND // max(1, samples[0].size))
    for top in range(0, len(samples), rows):
        found[top : top + rows] = table[samples[top : top + rows]]
    return found


def to_eight(samples: NDArray[np.generic], full: int) -> NDArray[np.uint8]:
    """Samples of up to 16 bits with 8, where ``full`` is white."""
    return look_up(eight_bits(np.arange(65536) / full), samples)


def picture_of(samples: NDArray[np.unsignedinteger], white: White, alpha: bool = False) -> Stored:
    """Samples of up to 16 bits as a picture.

    Args:
        samples: grey (H, W), or (H, W, channels): grey, RGB or CMYK, and alpha behind them.
        white: of the colours.
        alpha: the last channel is alpha, by which the colours are not multiplied yet.
    """
    shape = samples.shape[:2]
    colours = samples.reshape(*shape, -1)
    if alpha:
        colours, opacity = colours[:, :, :-1], colours[:, :, -1]
    eight = to_eight(colours, white.full)
    if eight.shape[2] == 4:
        return Stored(Image.frombytes("CMYK", shape[::-1], eight.tobytes()), white.reaches)
    if not alpha:
        return Stored(grey_to_bgr(eight[:, :, 0]) if eight.shape[2] == 1 else eight[:, :, ::-1], white.reaches)
    # Programs that store 12 bits in the lower bits do so with alpha too, or scale it to 16 bits.
    opaque = to_eight(opacity, white.full if opacity.max() <= white.full else 65535)
    laid = np.dstack([np.broadcast_to(eight, (*shape, 3)), opaque])
    return Stored(Image.fromarray(laid), white.reaches)


def grey_to_bgr(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) as three equal channels; a view."""
    return np.broadcast_to(grey[:, :, None], (*grey.shape, 3))


def white_of(samples: NDArray[np.generic], bits: int | None, claimed: int | None) -> White:
    """Which 16-bit sample is white: what the user or the file says, never the brightest sample.

    Args:
        samples: uint16, any shape.
        bits: what the user says, or None.
        claimed: the brightest sample by what the file says, or None. It holds only where no sample contradicts it.

    Raises:
        RefusedError: a sample is above what the user says.
    """
    brightest = int(samples.max())
    if bits is not None:
        if brightest >= 1 << bits:
            raise RefusedError(f"holds samples up to {brightest}, more than {bits} bits: give another number of bits")
        return White((1 << bits) - 1)
    if claimed is not None and brightest <= claimed:
        return White(claimed)
    # Up to 255 it is a picture without light, or of 8 bits, for which there is no option.
    fewer = (each for each in BITS if each < 16 and 255 < brightest < 1 << each)
    return White(65535, next(fewer, None))
