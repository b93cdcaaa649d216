"""The photographs that a list of paths means, wherever they lie, at once or one after the other."""

from __future__ import annotations

import glob
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from edge.errors import EdgeError, reason_of
from edge.images import SUFFIXES, PassedOver, images_of, is_unread, unlisted, walk_images
from edge.sources.address import Place, exists, place_of
from edge.sources.elsewhere import How, place_below, source_of, sources_in
from edge.sources.manifest import Listed, listed
from edge.sources.remote import RemoteFile
from edge.sources.shared import Shared
from edge.sources.shown import check_address, without_secrets
from edge.sources.source import Source, Trouble, held

HOW = How()


@dataclass(frozen=True)
class Input:
    """A photograph to be graded, or what leads to none, with the reason.

    Attributes:
        path: the file; of what is no file of its own its name as a path, whose folders tell where it comes from.
        root: the folder that was given and holds it, or its own where it was given by name.
        source: how to come by its bytes; None for a file.
        carried: what goes along into the table, by its name; see ``edge.sources.manifest``.
        called: what rows call it, where it leads to no photograph and ``path`` cannot hold its name.
    """

    path: Path
    error: str = ""
    root: Path = Path()
    source: Source | None = None
    carried: tuple[tuple[str, str], ...] = ()
    called: str = ""

    @property
    def name(self) -> str:
        """What rows call it."""
        return self.called or str(self.path) if self.source is None else self.source.name


@dataclass
class Passed:
    """What a search has left out so far.

    Attributes:
        unread: how many photographs of a kind that is not read.
        example: the first of these.
        others: how many other files.
    """

    unread: int = 0
    example: PurePath | None = None
    others: int = 0

    def add(self, path: PurePath, head: Callable[[], bytes] | None = None) -> None:
        """Count a file; of what is none ``head`` gives its first bytes."""
        if is_unread(path, head):
            self.unread += 1
            self.example = self.example or path
        else:
            self.others += 1

    def beside(self, folders: PassedOver) -> PassedOver:
        """With what is left out of folders."""
        unread = () if self.example is None else (self.example,) * self.unread
        return PassedOver(folders.unread + unread, folders.others + self.others)


def find_inputs(
    paths: Sequence[Path | str], or_none: bool = False, how: How = HOW, passed: Passed | None = None
) -> list[Input]:
    """The photographs that paths mean, in the order given; a path that means none keeps its place with its error.

    A sub-folder that cannot be listed comes behind the files of its folder, with its error.

    Args:
        paths: files, folders, patterns, archives, lists and addresses; these as text.
        or_none: that there is no photograph at all is no error.
        how: places are read that need more than their name.
        passed: counts what is left out of places that are no folders.

    Raises:
        EdgeError: there is no photograph at all.
    """
    inputs: list[Input] = []
    for given in paths:
        place = place_of(str(given))
        if place.kind != "local":
            with Shared() as shared:
                inputs += _found_in(place, how, passed or Passed(), shared)
            continue
        path = Path(given)
        try:
            inputs += [Input(image, root=_root_of(path)) for image in images_of(path)]
        except EdgeError as error:
            inputs.append(Input(path, str(error), path.parent))
        inputs += [
            Input(folder, f"{folder} is passed over: {reason}", path) for folder, reason in unlisted([path]).items()
        ]
    if not or_none and all(item.error for item in inputs):
        raise EdgeError(" ".join(item.error for item in inputs))
    return inputs


def _root_of(given: Path) -> Path:
    """The folder from which on sub-folders tell files apart."""
    if given.is_dir():
        return given
    if given.exists():
        return given.parent
    plain = itertools.takewhile(lambda part: not glob.has_magic(part), given.parts[:-1])
    return Path(*plain)


def stream_inputs(paths: Sequence[Path | str], passed: Passed, how: How = HOW) -> Iterator[Input]:
    """As ``find_inputs``, one by one as places are listed, in the same order: their number takes no memory.

    A pattern is still expanded as a whole. That there is no photograph at all is no error here.

    Args:
        paths: files, folders, patterns, archives, lists and addresses; these as text.
        passed: counts what is left out.
        how: places are read that need more than their name.
    """
    for given in paths:
        place, path = place_of(str(given)), Path(given)
        if place.kind != "local":
            with Shared() as shared:
                yield from _found_in(place, how, passed, shared)
        elif path.is_dir():
            yield from _in_folder(path, passed)
        else:
            yield from find_inputs([path], or_none=True)


def _in_folder(folder: Path, passed: Passed) -> Iterator[Input]:
    failed: list[OSError] = []
    count = 0
    for image in walk_images(folder, failed.append, passed.add):
        count += 1
        yield Input(image, root=folder)
    for error in failed:
        reason = f"it cannot be listed ({reason_of(error)}): check its permissions."
        yield Input(Path(error.filename), f"{error.filename} is passed over: {reason}", folder)
    if not count and not failed:
        yield _nothing_in(str(folder))


def _nothing_in(place: str) -> Input:
    words = f"{place} holds no images (known suffixes: {' '.join(sorted(SUFFIXES))})."
    return Input(Path(place), words, Path(place), called=place)


def _found_in(place: Place, how: How, passed: Passed, shared: Shared) -> Iterator[Input]:
    """The photographs of a place that is no folder."""
    far = "://" in place.text
    if place.kind in ("zip", "tar", "list") and not far and not exists(place.text) and glob.has_magic(place.text):
        hits = sorted(glob.glob(place.text, recursive=True))  # noqa: PTH207 (may be absolute)
        for hit in hits:
            yield from _found_in(Place(place.kind, hit, place.inside), how, passed, shared)
        if not hits:
            words = f"{place.text} matches no archive or list: check the pattern, and quote it."
            yield Input(Path(place.text), words)
        return
    if place.kind == "list":
        if "://" in place.text:
            yield from _listed_at(place.text, how, shared)
        else:
            yield from _listed_in(Path(place.text), how, shared)
        return
    count = 0
    for found in sources_in(place, how, lambda name, head: passed.add(PurePath(name), head), shared):
        count += 1
        if isinstance(found, Trouble):
            yield Input(Path(found.name), found.words, Path(found.name), called=found.name)
        else:
            yield Input(Path(found.name), root=Path(found.root), source=found)
    if not count:
        yield _nothing_in(without_secrets(place.text) if "://" in place.text else place.text)


def _listed_in(path: Path, how: How, shared: Shared) -> Iterator[Input]:
    """The photographs that a list names."""
    root = path.parent if how.listing.root is None else how.listing.root
    rows = listed(path, how.listing)
    count = 0
    try:
        for row in rows:
            count += 1
            yield _one(row, root, how, shared)
    except EdgeError as error:
        count += 1
        yield Input(path, str(error), path.parent)
    if not count:
        yield Input(path, f"{path} names no photograph: its column {how.listing.column!r} is empty.", path.parent)


def _listed_at(url: str, how: How, shared: Shared) -> Iterator[Input]:
    """The same of a list at an address, beside which its paths begin."""
    base = url.rpartition("/")[0] if how.listing.root is None else str(how.listing.root)
    try:
        check_address(url)
        with held(RemoteFile(url, base), shared) as found:
            try:
                for row in listed(found.path, how.listing, url):
                    whole = "://" in row.path or row.path.startswith("/")
                    there = row if whole else replace(row, path=f"{base}/{row.path}")
                    yield _one(there, Path(), how, shared)
            except EdgeError as error:
                raise EdgeError(str(error).replace(str(found.path), url)) from None
    except EdgeError as error:
        yield Input(Path(url), str(error), Path(url), called=url)


def _one(row: Listed, root: Path, how: How, shared: Shared) -> Input:
    text = place_below(root, row.path)
    try:
        source = source_of(text, how, shared)
    except EdgeError as error:
        shown = without_secrets(text) if "://" in text else text
        return Input(Path(shown), str(error), root, carried=row.carried, called=shown)
    where = root if source is None else Path(source.root)
    return Input(Path(text if source is None else source.name), "", where, source, row.carried)
