"""TIFF: its directory, compared with what is read; Pillow decodes it, or tifffile where Pillow cannot."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from edge.images.kinds.strips import StripLayout, check_strips
from edge.images.limits import RefusedError, check_size
from edge.images.samples import Stored, White, picture_of, white_of

_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_COMPRESSIONS = {1: "none", 5: "LZW", 7: "JPEG", 8: "Deflate", 32946: "Deflate", 32773: "PackBits"}
_TIFFFILE_READS = (1, 8, 32946, 32773)
_COLOURS = {1: 1, 2: 3, 5: 4}  # photometric interpretations of 16-bit samples: grey, RGB, CMYK
_TURNABLE = range(1, 9)


@dataclass(frozen=True)
class Page:
    """The first page of a TIFF.

    Attributes:
        image: as Pillow has opened it; None where it cannot.
        layout: how its pixels lie in the file.
        white: the brightest sample by what the file says, or None.
    """

    image: Image.Image | None
    layout: StripLayout
    photometric: int
    extra: tuple[int, ...]
    white: int | None
    orientation: int

    @property
    def pixels(self) -> int:
        return self.layout.width * self.layout.height

    @property
    def wide_colours(self) -> bool:
        """Several channels of 16 bits, of which Pillow keeps 8 at best."""
        return self.layout.bits > 8 and self.layout.samples > 1


def is_tiff(head: bytes) -> bool:
    """Whether a file with these first bytes is a TIFF or a BigTIFF."""
    return head[:4] in _MARKS


def first_page(file: BinaryIO) -> Page:
    """Read the first directory and refuse what cannot be shown correctly.

    Raises:
        RefusedError: it is a raw file's thumbnail, too large or too small, or of samples or a packing that is not read.
    """
    head = file.read(16)
    file.seek(0)
    image: Image.Image | None = None
    try:
        image = Image.open(file, formats=("TIFF",))
        tags: dict[int, Any] = dict(image.tag_v2)  # type: ignore[attr-defined]
    except MemoryError:
        raise
    except Exception:  # not for Pillow: 16-bit colours in separate planes
        tags = {tag.code: tag.value for tag in _other_page(file).tags}
    get = _getter(tags)
    page = _page(image, get)
    if head[8:10] == b"CR" or get(254, 0)[0] & 1 or 50706 in tags:
        raise RefusedError("is a raw file, whose first picture is a thumbnail: develop it to JPEG or PNG")
    _refuse(page, get)
    return page


def _other_page(file: BinaryIO) -> Any:
    """The first page as tifffile reads it, which takes a while to load."""
    import tifffile

    file.seek(0)
    return tifffile.TiffFile(file, name="file").pages.first


def _getter(tags: dict[int, Any]) -> Callable[..., tuple[int, ...]]:
    def get(code: int, *default: int) -> tuple[int, ...]:
        """A tag of whole numbers, always as a tuple."""
        value = tags.get(code, default)
        values = tuple(value) if isinstance(value, (tuple, list)) else (value,)
        if not all(isinstance(each, (int, np.integer)) for each in values) or (default and not values):
            raise RefusedError(f"is damaged: its tag {code} is no number; copy it again from its source")
        return tuple(int(each) for each in values)

    return get


def _page(image: Image.Image | None, get: Callable[..., tuple[int, ...]]) -> Page:
    width, height = get(256, 0)[0], get(257, 0)[0]
    tiled = bool(get(324))
    compression, photometric = get(259, 1)[0], get(262, 0)[0]
    layout = StripLayout(
        width=width,
        height=height,
        samples=get(277, 3 if compression == 7 and photometric in (2, 6) else 1)[0],
        bits=max(get(258, 1)),
        planar=get(284, 1)[0] == 2,
        compression=compression,
        reversed_bits=get(266, 1)[0] == 2,
        subsampling=(*get(530, 2, 2), 2)[:2] if photometric == 6 else None,
        tile=(get(322, 0)[0], get(323, 0)[0]) if tiled else None,
        rows=get(278, height)[0],
        offsets=get(324) if tiled else get(273),
        counts=get(325) if tiled else get(279),
    )
    largest = max(get(281, 0))
    white = largest if largest in {(1 << bits) - 1 for bits in range(9, 16)} else None
    if 8 < layout.bits < 16:
        white = (1 << layout.bits) - 1
    orientation = get(274, 1)[0]
    return Page(image, layout, photometric, get(338), white, orientation if orientation in _TURNABLE else 1)


def _refuse(page: Page, get: Callable[..., tuple[int, ...]]) -> None:
    layout = page.layout
    check_size(layout.width, layout.height, layout.samples * max(1, layout.bits // 8))
    if layout.tile is not None:
        if min(layout.tile) < 1:
            raise RefusedError("is damaged: its tiles have no size; copy it again from its source")
        check_size(max(32, layout.tile[0]), max(32, layout.tile[1]), layout.samples * max(1, layout.bits // 8))
    if layout.bits > 16 or any(code not in (1, 4) for code in get(339, 1)):
        raise RefusedError("holds signed, floating-point or 32-bit samples: save it with 8 or 16 bits per channel")
    if layout.compression not in _COMPRESSIONS:
        known = ", ".join(sorted(set(_COMPRESSIONS.values())))
        raise RefusedError(
            f"is packed in a way that is not read (compression {layout.compression}): use one of {known}"
        )
    if layout.bits > 8 and page.photometric not in _COLOURS:
        raise RefusedError("has 16-bit samples that are not plain grey, RGB or CMYK: save it so, or with 8 bits")
    if layout.bits > 8 and len(set(get(258, 1))) > 1:
        raise RefusedError("has channels of different depth: save it with 8 or 16 bits per channel")
    if page.image is None and not page.wide_colours:
        raise RefusedError("is damaged or of an unusual form: Pillow cannot open this TIFF; save it as PNG")
    if page.wide_colours and layout.bits != 16:
        raise RefusedError(f"has colours of {layout.bits} bits: save it with 8 or 16 bits per channel")


def load(page: Page, file: BinaryIO, bits: int | None) -> tuple[Stored, int]:
    """Decode the first page, and return its orientation.

    Args:
        page: from ``first_page``.
        file: the same file.
        bits: how many of 16 bits count, as the user says; None for what the file says.

    Raises:
        RefusedError: it is damaged or cut off.
    """
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        check_strips(page.layout, data, _tables(page))
    if page.wide_colours:
        return _wide_colours(page, file, bits), page.orientation
    assert page.image is not None
    page.image.load()  # which turns it too
    if page.layout.bits <= 8:
        return Stored(page.image), 1
    samples = np.asarray(page.image).astype(np.uint16, copy=False)
    fewer = page.white if page.layout.bits < 16 else None
    return picture_of(samples, White(fewer) if fewer else white_of(samples, bits, page.white)), 1


def _tables(page: Page) -> bytes:
    """The Huffman and quantization tables that all JPEG strips share."""
    tables = page.image.tag_v2.get(347, b"") if page.image is not None else b""  # type: ignore[attr-defined]
    return tables if isinstance(tables, bytes) else b""


def _wide_colours(page: Page, file: BinaryIO, bits: int | None) -> Stored:
    if page.layout.compression not in _TIFFFILE_READS or page.layout.reversed_bits:
        raise RefusedError("has 16-bit colours packed with LZW or JPEG: save it uncompressed, with Deflate, or as PNG")
    samples = np.asarray(_other_page(file).asarray())
    if page.layout.planar:
        samples = np.moveaxis(samples, 0, -1)
    shape = (page.layout.height, page.layout.width, page.layout.samples)
    if samples.shape != shape or samples.dtype.kind != "u" or samples.dtype.itemsize != 2:
        raise RefusedError("is damaged or of an unusual form: its channels do not fit together; save it as PNG")
    colours = _COLOURS[page.photometric]
    alpha = page.extra[0] if page.extra and shape[2] > colours else 0  # 1: colours are multiplied by it, 2: are not
    white = white_of(samples[:, :, :colours], bits, page.white)
    if colours == 4:
        alpha = 0
    return picture_of(samples[:, :, : colours + (alpha == 2)], white, alpha == 2)
