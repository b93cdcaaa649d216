"""From a file to strips of upright 8-bit BGR: Pillow, and for each kind of file the damage that Pillow ignores."""

from __future__ import annotations

import contextlib
import importlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from edge.images.find import DICOM_MARK, is_heif
from edge.images.kinds import jpeg, png, pnm, small, tiff
from edge.images.limits import RefusedError, check_size
from edge.images.origin import UNSTATED, Origin, from_dicom, from_tags, identity_of
from edge.images.samples import Stored, flat_on_black

# EPS and similar formats start other programs, and most others are no photographs. MPO is read as its first JPEG.
_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "PPM", "JPEG2000", "AVIF")
_STRIP = 16 << 20  # bytes sent at a time; a photograph of screen size is one strip
_HEAD = 1 << 12
_VIDEO_BRANDS = (b"iso", b"mp4", b"m4v", b"qt ", b"avc", b"3g", b"dash")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

Image.MAX_IMAGE_PIXELS = None  # ``check_size`` reports it in our words


@dataclass(frozen=True)
class Decoded:
    """A picture as it is stored, its EXIF orientation, and what its file says of where it comes from, and of whom."""

    stored: Stored
    orientation: int = 1
    origin: Origin = UNSTATED
    identity: dict[str, str] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        stored = self.stored.picture
        return self._turned(stored.size if isinstance(stored, Image.Image) else stored.shape[1::-1])

    @property
    def full(self) -> tuple[int, int] | None:
        """The same of all its pixels, where it was decoded smaller."""
        return None if self.stored.full is None else self._turned(self.stored.full)

    def _turned(self, size: tuple[int, ...]) -> tuple[int, int]:
        width, height = size
        return (height, width) if self.orientation >= 5 else (width, height)

    def strips(self) -> Iterator[memoryview | bytes]:
        """The upright rows as BGR bytes, strip by strip: all at once would need two or three times the memory."""
        stored, (width, height) = self.stored.picture, self.size
        rows = max(1, _STRIP // (3 * width))
        for top in range(0, height, rows):
            bottom = min(top + rows, height)
            if isinstance(stored, Image.Image):
                yield self._strip(stored, top, bottom).tobytes("raw", "BGR")
            else:
                yield np.ascontiguousarray(_upright(stored, self.orientation)[top:bottom]).data

    def _strip(self, stored: Image.Image, top: int, bottom: int) -> Image.Image:
        width, height = stored.size
        if self.orientation in (5, 6):  # rows were columns
            box = (top, 0, bottom, height)
        elif self.orientation in (7, 8):
            box = (width - bottom, 0, width - top, height)
        elif self.orientation in (3, 4):
            box = (0, height - bottom, width, height - top)
        else:
            box = (0, top, width, bottom)
        part = flat_on_black(stored if box == (0, 0, width, height) else stored.crop(box))
        return part.transpose(_TURNS[self.orientation]) if self.orientation in _TURNS else part


Opened = tuple[int, Callable[[], Decoded]]  # the number of pixels, and what decodes them


@contextlib.contextmanager
def opened(name: bytes, bits: int | None, least: int | None = None) -> Iterator[Opened]:
    """Open a file and check its header; any error, here or while it is decoded, becomes a ``RefusedError``.

    Args:
        name: its absolute path.
        bits: how many of the 16 bits of a sample count; None for what the file says.
        least: length of the shorter side that is enough, where a kind can be decoded smaller; None for all pixels.

    Yields:
        The number of pixels, and a function that decodes them.

    Raises:
        RefusedError: it is not read.
        MemoryError: it takes too much.
    """
    kind = "file"
    try:
        with open(name, "rb") as file, warnings.catch_warnings():  # noqa: PTH123
            warnings.simplefilter("ignore")  # each kind checks what its warnings mean
            head = file.read(_HEAD)
            file.seek(0)
            if head[128:132] == DICOM_MARK:
                kind = "DICOM file"
                yield _dicom(file)
            elif tiff.is_tiff(head):
                kind = "TIFF"
                page = tiff.first_page(file)
                yield page.pixels, lambda: Decoded(*tiff.load(page, file, bits), _origin(page.image))
            else:
                image = _identify(file, head)
                kind = image.format or kind
                yield image.width * image.height, lambda: _load(image, file, bits, least)
    except (RefusedError, MemoryError, BrokenPipeError):
        raise
    except Exception as error:  # Pillow's parsers raise errors of any kind: all mean that the file is bad
        said = " ".join(str(error).encode("ascii", "replace").decode().split())[:120].rstrip(".: ")
        why = f" ({said})" if said else ""
        raise RefusedError(
            f"is damaged, cut off or of an unusual form: this {kind} cannot be decoded{why}; copy it again from its "
            "source, or save it as PNG"
        ) from None


def _identify(file: BinaryIO, head: bytes) -> Image.Image:
    small.check_header(head)
    formats: tuple[str, ...] = _FORMATS
    if is_heif(head):
        try:
            import pillow_heif
        except ImportError:
            raise RefusedError('is HEIC, which needs another package: pip install "efiqa-edge[heic]"') from None
        pillow_heif.register_heif_opener(thumbnails=False)
        formats = ("HEIF",)
    try:
        image = Image.open(file, formats=formats)
    except UnidentifiedImageError:
        if _is_video(head):
            raise RefusedError("is a video rather than an image; edge-capture reads videos") from None
        if head.startswith(b"\xff\xd8"):
            jpeg.refuse_unread(_all_of(file))
        raise RefusedError(
            "is not an image that is read, or is damaged at its beginning (read are JPEG, PNG, TIFF, BMP, WebP, PNM, "
            "JPEG 2000, AVIF, HEIC and DICOM): convert it to PNG"
        ) from None
    check_size(*image.size)
    return image


def _is_video(head: bytes) -> bool:
    """Whether a file begins like MP4 and MOV, like Matroska and WebM, or like AVI."""
    if head[4:8] == b"ftyp":  # so do HEIC and AVIF, which may be damaged
        return head[8:12].lower().startswith(_VIDEO_BRANDS)
    return head[:4] == b"\x1aE\xdf\xa3" or head[8:12] == b"AVI "


def _load(image: Image.Image, file: BinaryIO, bits: int | None, least: int | None) -> Decoded:
    orientation, origin = _orientation(image), _origin(image)
    if image.format in ("JPEG", "MPO"):
        return Decoded(jpeg.load(image, _all_of(file), least), orientation, origin)
    if image.format == "PNG":
        return Decoded(png.load(image, _all_of(file), bits), orientation, origin)
    if image.format == "PPM":
        return Decoded(pnm.load(image, _all_of(file), bits), orientation, origin)
    return Decoded(small.load(image, file, bits), orientation, origin)


def _all_of(file: BinaryIO) -> bytes:
    """All bytes; the position of the file, which Pillow uses, is restored."""
    at = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(at)
    return data


def _dicom(file: BinaryIO) -> Opened:
    try:
        import pydicom  # noqa: F401
    except ImportError:
        raise RefusedError('is a DICOM file, which needs another package: pip install "efiqa-edge[dicom]"') from None
    dicom = importlib.import_module("edge.images.kinds.dicom")
    dataset = dicom.header(file)
    pixels = int(dataset.Rows) * int(dataset.Columns)
    return pixels, lambda: Decoded(dicom.load(dataset), 1, from_dicom(dataset), identity_of(dataset))


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where the block is damaged, as in viewers."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except MemoryError:
        raise
    except Exception:
        return 1
    return orientation if orientation in _TURNS else 1


def _origin(image: Image.Image | None) -> Origin:
    """Of its EXIF, or its tags; of nothing where these are damaged, as in viewers."""
    try:
        exif = Image.Exif() if image is None else image.getexif()
        return from_tags({**exif, **exif.get_ifd(ExifTags.IFD.Exif)})
    except MemoryError:
        raise
    except Exception:
        return UNSTATED


def _upright(stored: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """A view on (H, W, 3) with the orientation undone: 2 to 4 mirror and turn, 5 to 8 also swap the sides."""
    if orientation >= 5:
        stored = stored.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        stored = stored[::-1]
    if orientation in (2, 3, 6, 7):
        stored = stored[:, ::-1]
    return stored
