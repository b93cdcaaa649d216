"""Photographs in a folder: which there are, which carry a hand-drawn vessel map, and their field of view cut out."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.ahead import ahead
from edge.bundle.manifest import ModalityName
from edge.errors import EdgeError
from edge.field.find import Crop
from edge.field.whole import finder_of
from edge.frame.prepare import cut
from edge.images import find_images, read_image
from edge.progress import followed
from trainer.data.apart import BY_CHANCE, in_folders, named, number_in, without_copies
from trainer.data.landmarks import Mark, landmarks_of, paint_regions, read_discs

log = logging.getLogger(__name__)

_NOT_PHOTOGRAPHS = {"vessels", "fov"}
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Photograph:
    """A file and what somebody marked in it.

    Attributes:
        path: of the photograph.
        vessels: its vessel map: ``SET/vessels/STEM.png`` for ``SET/images/STEM.jpg``; None where nobody drew one.
        disc: centre (x, y) and radius of the optic disc in pixels, from ``SET/discs.csv``; None where nobody marked it.
        source: the column ``source`` of ``SET/discs.csv`` in lower case, else the name of the folder below the data
            folder, or of that itself. Never the name of a file, which may be that of a patient.
        modality: what finds its field of view.
    """

    path: Path
    vessels: Path | None
    disc: tuple[float, float, float] | None = None
    source: str = "photographs"
    modality: ModalityName = "fundus"


@dataclass(frozen=True, eq=False)
class Square:
    """The field of view of one photograph as a square.

    Attributes:
        path: of the photograph.
        picture: uint8 BGR (S, S, 3), as the device cuts it: what lies outside the field is still there.
        field: bool (S, S).
        vessels: float32 (S, S) in [0, 1], hand-drawn; None where nobody drew any.
        regions: uint8 (S, S, 2), 255 inside the regions of disc and macula; None where they are not known.
    """

    path: Path
    picture: NDArray[np.uint8]
    field: NDArray[np.bool_]
    vessels: NDArray[np.float32] | None = None
    regions: NDArray[np.uint8] | None = None


def find_photographs(
    data: Path, exclude: Sequence[str] = (), only: Sequence[str] = (), modality: ModalityName = "fundus"
) -> list[Photograph]:
    """All photographs below a folder, in a fixed order, without the excluded folders.

    Args:
        data: the folder.
        exclude: names of folders, ``SET`` or ``SET/PART``, wherever in the path they stand, also above ``data``: a
            folder that holds the sets, or lies in one, leaves out the same photographs, and so does a link to one of
            them, or a copy of it. Or sources (see ``Photograph``). ``sha256<N`` leaves out subjects by chance: those
            whose name has a hash with a first byte below N.
        only: names of folders or sources, in the same way: all others are left out; none: all.
        modality: of the photographs.

    Raises:
        EdgeError: the folder is missing or holds no photograph that may be used, or the number N is none.
    """
    if not data.is_dir():
        raise EdgeError(f"{data} is not a folder: give a folder of photographs.")
    least = max((number_in(name) for name in exclude if name.startswith(BY_CHANCE)), default=0)
    above = data.resolve()
    marks = {path: mark for table in sorted(data.rglob("discs.csv")) for path, mark in read_discs(table).items()}
    found, apart = [], []
    for path in find_images([data]):
        within = path.relative_to(data)
        if _NOT_PHOTOGRAPHS & {part.lower() for part in within.parts[:-1]}:
            continue
        mark = marks.get(path, Mark())
        source = mark.source or (within.parts[0] if len(within.parts) > 1 else "photographs")
        source = above.name if source == "images" and not mark.source else source  # one set is all there is
        if in_folders(above / within, exclude) or named(source, exclude):
            apart.append(path)
            continue
        in_one = not mark.source and in_folders(above / within, only, linked=False)  # what a table says of it is surer
        if first_byte(path) < least or (only and not named(source, only) and not in_one):
            continue
        drawn = path.parent.parent / "vessels" / f"{path.stem}.png" if path.parent.name == "images" else None
        found.append(Photograph(path, drawn if drawn and drawn.is_file() else None, mark.disc, source, modality))
    whole = without_copies([each.path for each in found], apart)
    found = [each for each in found if each.path in whole]
    if not found:
        lists = [f"{which} {', '.join(names)}" for which, names in (("exclude", exclude), ("only", only)) if names]
        which = f" (now {'; '.join(lists)})" if lists else ""
        raise EdgeError(
            f"{data} holds no photograph to train on: put some there, or fix the recipe's lists of folders{which}."
        )
    return found


def is_held_out(photograph: Photograph, photographs: Sequence[Photograph], every: int) -> bool:
    """Whether a photograph belongs to every n-th subject of its set; both eyes of a subject go together.

    A set that comes with a part for testing (SET/train beside SET/test) is taught whole.
    """
    folder = photograph.path.parent.parent
    if every < 1 or (folder.name == "train" and (folder.parent / "test").is_dir()):
        return False
    mates = sorted({_subject(p.path) for p in photographs if p.path.parent == photograph.path.parent and p.vessels})
    return mates.index(_subject(photograph.path)) % every == every - 1


def set_name(path: Path) -> str:
    """SET of SET/images/STEM.jpg, and SET/test of SET/test/images/STEM.jpg."""
    folder = path.parent.parent
    return f"{folder.parent.name}/{folder.name}" if folder.name in ("train", "test") else folder.name


def first_byte(path: Path) -> int:
    """Of the hash of a subject's name: a lot that every machine draws alike."""
    return hashlib.sha256(_subject(path).encode()).digest()[0]


def _subject(path: Path) -> str:
    return re.sub(r"([_-]?(left|right|[LR]|OD|OS))$", "", path.stem)


def load_square(photograph: Photograph, size: int, enlarge: bool = True) -> Square | None:
    """Read a photograph and cut its field of view out; None where it shows none.

    Args:
        photograph: the file.
        size: pixels across the field of view.
        enlarge: whether a smaller field is enlarged to ``size``, or left at the next multiple of 16 below its own.

    Raises:
        EdgeError: a file cannot be read, or photograph and vessel map differ in size.
    """
    frame = read_image(photograph.path)
    field = finder_of(photograph.modality)(frame)
    if field is None:
        return None
    size = size if enlarge else max(16, min(size, field.crop.side // 16 * 16))
    mask = cv2.resize(field.mask, (size, size), interpolation=cv2.INTER_LINEAR) >= 128
    vessels = None
    if photograph.vessels is not None:
        drawn = read_image(photograph.vessels)
        if drawn.shape != frame.shape:
            raise EdgeError(
                f"{photograph.vessels} is {drawn.shape[1]}x{drawn.shape[0]} pixels and its photograph "
                f"{frame.shape[1]}x{frame.shape[0]}: scale the mask to the photograph, or remove it."
            )
        vessels = (cut(as_mask(drawn), field.crop, size).max(axis=2) / np.float32(255) * mask).astype(np.float32)
    return Square(photograph.path, cut(frame, field.crop, size), mask, vessels, _regions(photograph, field.crop, size))


def as_mask(drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A vessel map with values up to 255, whether it was stored as 0 and 255, as 0 and 1, or in two colours.

    All channels are as the brightest one: arteries and veins count alike.
    """
    brightest = np.repeat(drawn.max(axis=2, keepdims=True), 3, axis=2)
    return brightest * np.uint8(255) if brightest.max(initial=0) == 1 else brightest


def _regions(photograph: Photograph, crop: Crop, size: int) -> NDArray[np.uint8] | None:
    places = landmarks_of(photograph.disc, crop.x + crop.side / 2) if photograph.disc else None
    moved = places.moved(crop.x, crop.y, size / crop.side) if places else None
    if moved and not moved.shown(size):
        log.info("left out: the disc of %s, which its table has outside the field of view", photograph.path)
    return paint_regions(moved, size) if moved and moved.shown(size) else None


def load_squares(
    photographs: Sequence[Photograph], size: int, what: str = "reading photographs", enlarge: bool = True
) -> list[Square]:
    """All of ``read_squares``, in memory."""
    return [square for _, square in read_squares(photographs, size, what, enlarge)]


def read_squares(
    photographs: Sequence[Photograph], size: int, what: str, enlarge: bool = True
) -> Iterator[tuple[int, Square]]:
    """Read one after the other (see ``load_square``), with its number; what cannot be read is left out, as logged.

    Raises:
        EdgeError: none of them can be used.
    """
    read = in_threads(or_left_out(lambda photograph: load_square(photograph, size, enlarge)), photographs, what)
    found = False
    for number, square in enumerate(read):
        if square is not None:
            found = True
            yield number, square
    if not found:
        raise EdgeError("none of the photographs shows a field of view that could be read: look at the lines above.")


def load_at_sizes(
    photographs: Sequence[Photograph], sides: Sequence[int], what: str
) -> Iterator[tuple[Square | None, ...] | None]:
    """Each photograph at several sizes (see ``load_square``); None where it cannot be read, and the log names it."""

    def read(photograph: Photograph) -> tuple[Square | None, ...]:
        return tuple(load_square(photograph, side) for side in sides)

    return in_threads(or_left_out(read), photographs, what)


def or_left_out(work: Callable[[Item], Result | None]) -> Callable[[Item], Result | None]:
    """The same work; what cannot be read is named in the log and yields None."""

    def attempt(item: Item) -> Result | None:
        try:
            return work(item)
        except EdgeError as error:
            log.info("left out: %s", error)
            return None

    return attempt


def in_threads(work: Callable[[Item], Result], items: Sequence[Item], what: str, threads: int = 4) -> Iterator[Result]:
    """Results in the order of the items, with progress; only a few are ahead of whoever reads them."""
    with ThreadPoolExecutor(threads) as pool, closing(ahead(pool, work, items, 2 * threads + 1)) as results:
        yield from followed((result.result() for result in results), what, len(items))
