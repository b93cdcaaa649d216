"""Which image files a list of paths means, and which photographs among them cannot be read."""

from __future__ import annotations

import contextlib
import glob
import logging
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path, PurePath

from edge.errors import EdgeError, one_line, reason_of

log = logging.getLogger(__name__)
HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
DICOM_SUFFIXES = frozenset({".dcm", ".dicom"})
DICOM_MARK = b"DICM"  # 128 bytes into the file
_OPTIONAL = (HEIF_SUFFIXES if find_spec("pillow_heif") else frozenset()) | (
    DICOM_SUFFIXES if find_spec("pydicom") else frozenset()
)
_READ = (
    ".avif .bmp .dib .j2c .j2k .jfif .jp2 .jpc .jpe .jpeg .jpf .jpg .jpx .mpo .pbm .pgm .png .pnm .ppm .tif .tiff .webp"
)
SUFFIXES = _OPTIONAL | frozenset(_READ.split())
_RAW = ".3fr .arw .cr2 .cr3 .crw .dng .erf .gif .iiq .jxl .mef .mos .nef .nrw .orf .pef .raf .rw2 .rwl .sr2 .srw .x3f"
UNREAD = (frozenset(_RAW.split()) | HEIF_SUFFIXES | DICOM_SUFFIXES) - SUFFIXES  # photographs that are not read
_OWN_PICTURES = (".map", ".overlay")  # what edge-grade and edge-capture write beside a frame is not a photograph
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1"})
# How files begin that are no DICOM but pictures too; the last is WebP, whose size stands in between.
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51")
_NO_SUFFIX = re.compile(r"(\.[0-9]*)?")  # the last number of a DICOM identifier is none


def is_heif(head: bytes) -> bool:
    """Whether a file with these first bytes is HEIC or a relative; AVIF is not."""
    if head[4:8] != b"ftyp":
        return False
    brands = {head[8:12], *(head[at : at + 4] for at in range(16, min(int.from_bytes(head[:4], "big"), 128), 4))}
    return head[8:12] not in (b"avif", b"avis") and bool(brands & _HEIF_BRANDS) and b"avif" not in brands


def find_images(paths: Sequence[Path | str]) -> list[Path]:
    """The image files that paths mean, in the order given.

    A file is taken whatever its suffix. A folder is searched with its sub-folders, in sorted order, for files with a
    known suffix; hidden ones, links to folders, and the maps and overlays of earlier runs are passed over, and so are
    sub-folders that cannot be listed (``lost+found``), which are logged, see ``unlisted``. A pattern
    (``*``, ``?``, ``[...]``, ``**``) that no shell has expanded is expanded here. A missing file with the suffix of an
    image is kept, so that it fails alone when it is read.

    Raises:
        EdgeError: a folder is missing, unreadable or without images, or a pattern matches none.
    """
    for folder, reason in unlisted(paths).items():
        log.warning("%s is passed over: %s", one_line(str(folder)), reason)
    return [image for path in paths for image in images_of(Path(path))]


def unlisted(paths: Sequence[Path | str]) -> dict[Path, str]:
    """Sub-folders of the folders given that cannot be listed, each with what is wrong."""
    found: dict[Path, str] = {}

    def note(error: OSError) -> None:
        found[Path(error.filename)] = f"it cannot be listed ({reason_of(error)}): check its permissions."

    for path in map(Path, paths):
        with contextlib.suppress(OSError, ValueError):
            if path.is_dir():
                for _ in _walk(path, note):
                    pass
                found.pop(path, None)
    return found


@dataclass(frozen=True)
class PassedOver:
    """Files in folders, or that patterns match, which ``find_images`` leaves out; each once, hidden ones not at all.

    Attributes:
        unread: photographs of a kind that is not read: raw files, and HEIC and DICOM without their extras; sorted.
        others: how many other files there are.
    """

    unread: tuple[PurePath, ...] = ()
    others: int = 0


def passed_over(paths: Sequence[Path | str]) -> PassedOver:
    """What ``find_images`` leaves out of the same paths."""
    walked = {os.path.realpath(each): each for path in paths for each in _files_of(Path(path))}
    left = [each for each in walked.values() if not each.name.startswith(".") and not _is_photograph(each)]
    unread = sorted(each for each in left if is_unread(each))
    return PassedOver(tuple(unread), len(left) - len(unread))


def remedy_of(unread: Sequence[PurePath]) -> str:
    """How to make ``unread`` photographs readable, as the end of a sentence."""
    suffixes = {path.suffix.lower() for path in unread}
    dicom = {suffix for suffix in suffixes if suffix in DICOM_SUFFIXES or _NO_SUFFIX.fullmatch(suffix)}
    extras = ["heic"] * bool(suffixes & HEIF_SUFFIXES) + ["dicom"] * bool(dicom)
    convert = ["convert them to JPEG or PNG"] if suffixes - HEIF_SUFFIXES - dicom else []
    return ", and ".join(convert + ([f'pip install "efiqa-edge[{",".join(extras)}]"'] if extras else []))


def images_of(path: Path) -> list[Path]:
    """What one path means; see ``find_images``."""
    try:
        if path.is_dir():
            found = list(_in_folder(path))
            if not found:
                raise EdgeError(f"{path} holds no images (known suffixes: {' '.join(sorted(SUFFIXES))}).")
            return found
        if os.path.lexists(path):
            return [path]
    except (OSError, ValueError) as error:
        raise EdgeError(f"{path} cannot be read ({reason_of(error)}): check the path and its permissions.") from None
    if glob.has_magic(str(path)):
        # ``**`` follows links to folders, also in circles: each file counts once.
        once = {os.path.realpath(hit): hit for hit in reversed(_hits(path)) if _is_photograph(hit)}
        found = sorted(once.values())
        if not found:
            raise EdgeError(f"{path} matches no image: check the pattern, and quote it so that the shell leaves it.")
        return found
    if path.suffix.lower() in SUFFIXES:
        return [path]
    raise EdgeError(f"{path} is neither a file nor a folder: check the path.")


def _hits(pattern: Path) -> list[Path]:
    """The files that a pattern matches, in sorted order."""
    hits = map(Path, sorted(glob.glob(str(pattern), recursive=True)))  # noqa: PTH207 (may be absolute)
    return [hit for hit in hits if hit.is_file()]


def _files_of(path: Path) -> Iterator[Path]:
    """Every file in a folder, or that a pattern matches."""
    with contextlib.suppress(OSError, ValueError):  # reported by ``find_images``
        if path.is_dir():
            yield from (Path(where, name) for where, names in _walk(path) for name in names)
        elif not os.path.lexists(path) and glob.has_magic(str(path)):
            yield from _hits(path)


def _in_folder(folder: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        if Path(error.filename) == folder:  # what lies below is passed over
            raise EdgeError(f"{error.filename} cannot be listed ({reason_of(error)}): check its permissions.")

    return walk_images(folder, fail)


def walk_images(
    folder: Path, fail: Callable[[OSError], None], passed: Callable[[Path], None] | None = None
) -> Iterator[Path]:
    """The image files in a folder and below, in sorted order, as they are found: one folder's names at a time.

    Args:
        folder: where to search.
        fail: receives what keeps a folder from being listed.
        passed: receives every other file, but for hidden ones.
    """
    for where, names in _walk(folder, fail):
        for name in sorted(names):
            path = Path(where, name)
            if _is_photograph(path):
                yield path
            elif passed is not None and not name.startswith("."):
                passed(path)


def _walk(folder: Path, fail: Callable[[OSError], None] | None = None) -> Iterator[tuple[str, list[str]]]:
    """Every folder below one, but for hidden ones, and the names of its files."""
    for where, folders, names in os.walk(folder, onerror=fail):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield where, names


def is_photograph(path: PurePath, head: Callable[[], bytes]) -> bool:
    """Whether what has this name, in a folder or elsewhere, is a photograph that is read.

    Args:
        path: its name.
        head: gives its first 132 bytes, which are looked at only where the name does not say.
    """
    if path.name.startswith(".") or path.stem.endswith(_OWN_PICTURES) or path.name == "DICOMDIR":
        return False
    suffix = path.suffix.lower()
    return suffix in SUFFIXES or (_NO_SUFFIX.fullmatch(suffix) is not None and _readable(head()))


def is_unread(path: PurePath, head: Callable[[], bytes] | None = None) -> bool:
    """Whether it is a photograph of a kind that is not read here; without ``head`` it is a file."""
    suffix = path.suffix.lower()
    if suffix in UNREAD:
        return True
    return _NO_SUFFIX.fullmatch(suffix) is not None and _unreadable(head() if head else _head_of(Path(path)))


def _is_photograph(path: Path) -> bool:
    return is_photograph(path, partial(_head_of, path))


def _readable(head: bytes) -> bool:
    if head[128:132] == DICOM_MARK:
        return DICOM_SUFFIXES <= SUFFIXES
    if is_heif(head):
        return HEIF_SUFFIXES <= SUFFIXES
    return head.startswith(_STARTS) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP") or head[4:12] == b"ftypavif"


def _unreadable(head: bytes) -> bool:
    return (head[128:132] == DICOM_MARK or is_heif(head)) and not _readable(head)


def _head_of(path: Path) -> bytes:
    """The first bytes of a file; none of what cannot be read, and pipes are not opened."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(132)
    except OSError:
        return b""
