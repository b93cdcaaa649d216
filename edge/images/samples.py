"""From the samples that a file stores, of any depth, to 8 bits and three colours."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge.images.limits import RefusedError

_MODES = frozenset({"1", "L", "P", "LA", "PA", "La", "RGB", "RGBX", "RGBA", "RGBa", "CMYK", "YCbCr"})


def flat_on_black(image: Image.Image) -> Image.Image:
    """Any 8-bit picture as RGB; what is transparent is laid on black.

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


def table_of(full: int) -> NDArray[np.uint8]:
    """For every 16-bit sample its 8-bit one, where ``full`` is white; uint8 (65536,)."""
    return np.rint(np.minimum(np.arange(65536), full) * (255 / full)).astype(np.uint8)


def grey_to_bgr(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W) as three equal channels; a view."""
    return np.broadcast_to(grey[:, :, None], (*grey.shape, 3))


def full_scale(samples: NDArray[np.generic], bits: int | None, claimed: int | None) -> int:
    """Which 16-bit sample is white.

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
        return (1 << bits) - 1
    return claimed if claimed is not None and brightest <= claimed else 65535
