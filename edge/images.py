"""Image files of any kind, as upright 8-bit BGR frames; and which files a list of paths means."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.image_header import Header, HeaderError, read_header

SUFFIXES = frozenset({".bmp", ".jpe", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"})
UNREAD = frozenset({".arw", ".avif", ".cr2", ".cr3", ".dng", ".heic", ".heif", ".jp2", ".nef"})  # but photographs
SMALLEST = 32  # pixels on a side
MOST_PIXELS = 64 << 20  # decoded at once; about 190 MiB of BGR
MOST_BYTES = 512 << 20  # of a file: 64 megapixels of uncompressed 16-bit RGBA
_MOST_12_BITS = 4095
_DECODER_LIMIT = 1 << 30  # pixels; OpenCV refuses more whatever the reduction
_OWN_PICTURES = (".map", ".overlay")  # what edge-grade and edge-capture write beside a frame is not a photograph
_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}


def read_image(path: Path | str) -> NDArray[np.uint8]:
    """Read a photograph as its upright 8-bit form.

    Grey becomes three equal channels; alpha is laid on black; of several pages the first is read. 16-bit samples are
    divided by 257; where no sample is above 4095 they are taken for the 12-bit data that cameras leave in a 16-bit
    file, and divided by 16. A JPEG of more than 64 megapixels is decoded at a half, a quarter or an eighth of its size.

    Args:
        path: a JPEG, PNG, TIFF, BMP, WebP or binary PNM file; its content decides, not its suffix.

    Returns:
        uint8 BGR, shape (H, W, 3), contiguous.

    Raises:
        EdgeError: the file is missing, unreadable, no image, cut off, damaged, too small, or too large.
    """
    path = Path(path)
    data = _read_bytes(path)
    try:
        header = read_header(data)
        decoded = _decode(data, header, _reduction(header))
        return _upright(_to_bgr(decoded, header), header.orientation)
    except HeaderError as error:
        raise EdgeError(f"{path} {error}.") from None
    except MemoryError:
        raise EdgeError(f"{path} does not fit in the free memory: close other programs or save it smaller.") from None


def find_images(paths: Sequence[Path | str]) -> list[Path]:
    """The image files that paths mean, in the order given.

    A file is taken whatever its suffix. A folder is searched with its sub-folders, in sorted order, for files with a
    known suffix; hidden ones, links to folders, and the maps and overlays of earlier runs are passed over. A pattern
    (``*``, ``?``, ``[...]``, ``**``) that no shell has expanded is expanded here. A missing file with the suffix of an
    image is kept, so that it fails alone when it is read.

    Raises:
        EdgeError: a folder is missing, unreadable or without images, or a pattern matches none.
    """
    return [image for path in paths for image in _images_of(Path(path))]


def unread_images(paths: Sequence[Path | str]) -> list[Path]:
    """Photographs in folders that ``find_images`` passes over, because their format is not read: HEIC, raw files."""
    walked = (Path(where, name) for path in paths for where, names in _walk(Path(path)) for name in names)
    return sorted(each for each in walked if each.suffix.lower() in UNREAD and not each.name.startswith("."))


def _images_of(path: Path) -> list[Path]:
    try:
        if path.is_dir():
            found = list(_in_folder(path))
            if not found:
                raise EdgeError(f"{path} holds no images (known suffixes: {' '.join(sorted(SUFFIXES))}).")
            return found
        if os.path.lexists(path):
            return [path]
    except (OSError, ValueError) as error:
        raise EdgeError(f"{path} cannot be looked at ({_reason(error)}): check the path and its permissions.") from None
    if glob.has_magic(str(path)):
        hits = [Path(hit) for hit in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207 (may be absolute)
        # ``**`` follows links to folders, round and round: each file counts once.
        once = {os.path.realpath(hit): hit for hit in reversed(hits) if hit.is_file() and _is_photograph(hit.name)}
        found = sorted(once.values())
        if not found:
            raise EdgeError(f"{path} matches no image: check the pattern, and quote it so that the shell leaves it.")
        return found
    if path.suffix.lower() in SUFFIXES:
        return [path]
    raise EdgeError(f"{path} is neither a file nor a folder: check the path.")


def _in_folder(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise EdgeError(f"{error.filename} cannot be listed ({_reason(error)}): check its permissions.")

    for where, names in _walk(folder, fail):
        yield from (Path(where, name) for name in sorted(names) if _is_photograph(name))


def _walk(folder: Path, fail: Callable[[OSError], None] | None = None) -> Iterator[tuple[str, list[str]]]:
    """Every folder below one, but for hidden ones, and the names of its files."""
    for where, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield where, names


def _is_photograph(name: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in SUFFIXES and not name.startswith(".") and not path.stem.endswith(_OWN_PICTURES)


def _read_bytes(path: Path) -> bytes:
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise EdgeError(f"{path} is a folder, not an image: give one of the files in it.")
        if not stat.S_ISREG(about.st_mode):
            raise EdgeError(f"{path} is a device or a pipe, not an image file: save the picture to a file first.")
        if about.st_size > MOST_BYTES:
            raise EdgeError(
                f"{path} has {about.st_size >> 20} MiB, more than the {MOST_BYTES >> 20} that are read:"
                " save it smaller."
            )
        data = path.read_bytes()
    except FileNotFoundError:
        raise EdgeError(f"{path} does not exist: check the path.") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte
        raise EdgeError(f"{path} cannot be read ({_reason(error)}): check its permissions and the disk.") from None
    except MemoryError:
        raise EdgeError(f"{path} does not fit in the free memory: close other programs or save it smaller.") from None
    if not data:
        raise EdgeError(f"{path} is empty (0 bytes): copy it again from its source.")
    return data


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _reduction(header: Header) -> int:
    """By how much the sides are divided while decoding: 1, 2, 4 or 8."""
    pixels = header.width * header.height
    size = f"{header.width} x {header.height} pixels"
    if min(header.width, header.height) < SMALLEST:
        raise HeaderError(f"has {size}, fewer than {SMALLEST} on a side: give the original photograph")
    if pixels <= MOST_PIXELS:
        return 1
    if header.kind != "JPEG" or header.buffered or pixels > _DECODER_LIMIT:
        raise HeaderError(
            f"has {size}, more than the {MOST_PIXELS >> 20} megapixels that are read: save it smaller"
            " or as a baseline JPEG, which is read at reduced size"
        )
    return next((by for by in (2, 4) if pixels <= MOST_PIXELS * by * by), 8)


def _decode(data: bytes, header: Header, reduction: int) -> NDArray[np.generic]:
    """Decode as stored: any channels, 8 or 16 bits, not turned (but for TIFF, which OpenCV turns itself)."""
    # IMREAD_UNCHANGED never turns; the reduced modes do, unless they are told not to.
    flags = cv2.IMREAD_UNCHANGED if reduction == 1 else _REDUCED[reduction] | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        decoded = None
    expected = sorted(-(-side // reduction) for side in (header.width, header.height))
    if decoded is None or sorted(decoded.shape[:2]) != expected:
        raise HeaderError(f"is damaged or of an unusual form: OpenCV cannot decode this {header.kind}; save it as PNG")
    if decoded.dtype not in (np.uint8, np.uint16):
        raise HeaderError(f"holds {decoded.dtype} samples: save it with 8 or 16 bits per channel")
    if header.kind == "JPEG" and _ends_in_grey(decoded):
        raise HeaderError("is damaged: it ends in flat grey, as a JPEG does whose last part is missing")
    return np.asarray(decoded)


def _ends_in_grey(decoded: NDArray[np.generic]) -> bool:
    """The JPEG decoder paints 128 where data ran out, and says nothing. What begins so too is on a grey canvas."""
    return bool((decoded[-8:, -8:] == 128).all() and (decoded[:8, :8] != 128).any())


def _to_bgr(decoded: NDArray[np.generic], header: Header) -> NDArray[np.uint8]:
    planes = decoded[:, :, None] if decoded.ndim == 2 else decoded
    channels = planes.shape[2]
    if channels > 4:
        raise HeaderError(f"has {channels} channels: save it as grey or RGB")
    colours = 1 if channels <= 2 else 3
    samples = np.ascontiguousarray(planes[:, :, :colours])
    if header.brightest not in (0, 255, 65535):  # a PNM says what its white is
        frame = np.asarray(cv2.convertScaleAbs(samples, alpha=255 / header.brightest), np.uint8).reshape(samples.shape)
    else:
        frame = _to_8_bits(samples, 16 if samples.max() <= _MOST_12_BITS else 257)
    if colours == 1:
        frame = np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), dtype=np.uint8)
    if channels in (2, 4) and not header.alpha_applied:
        alpha = _to_8_bits(np.ascontiguousarray(planes[:, :, -1]), 257)
        frame = np.asarray(cv2.multiply(frame, cv2.merge([alpha] * 3), scale=1 / 255), dtype=np.uint8)
    return frame


def _to_8_bits(samples: NDArray[np.generic], divisor: int) -> NDArray[np.uint8]:
    """8-bit samples as they are, 16-bit ones divided."""
    if samples.dtype == np.uint8:
        return samples.view(np.uint8)
    narrow = cv2.convertScaleAbs(samples.view(np.uint16), alpha=1 / divisor)
    return np.asarray(narrow, dtype=np.uint8).reshape(samples.shape)


def _upright(frame: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Undo an EXIF orientation: 2 to 4 mirror and turn, 5 to 8 also swap the sides."""
    if orientation >= 5:
        frame = frame.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        frame = frame[::-1]
    if orientation in (2, 3, 6, 7):
        frame = frame[:, ::-1]
    return np.ascontiguousarray(frame)
