"""The files that a list of paths means, at once or one after the other."""

from __future__ import annotations

import glob
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import EdgeError, reason_of
from edge.images import SUFFIXES, images_of, is_unread, unlisted, walk_images


@dataclass(frozen=True)
class Input:
    """A file to be graded, or a path that leads to no file, with the reason.

    Attributes:
        root: the folder that was given and holds it, or its own where it was given by name.
    """

    path: Path
    error: str = ""
    root: Path = Path()


def find_inputs(paths: Sequence[Path], or_none: bool = False) -> list[Input]:
    """The files that paths mean, in the order given; a path that means none keeps its place with its error.

    A sub-folder that cannot be listed comes behind the files of its folder, with its error.

    Args:
        paths: files, folders and patterns.
        or_none: that there is no file at all is no error.

    Raises:
        EdgeError: there is no file at all.
    """
    inputs: list[Input] = []
    for path in paths:
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


@dataclass
class Passed:
    """What a search has left out so far.

    Attributes:
        unread: how many photographs of a kind that is not read.
        example: the first of these.
        others: how many other files.
    """

    unread: int = 0
    example: Path | None = None
    others: int = 0

    def add(self, path: Path) -> None:
        """Count a file."""
        if is_unread(path):
            self.unread += 1
            self.example = self.example or path
        else:
            self.others += 1


def stream_inputs(paths: Sequence[Path], passed: Passed) -> Iterator[Input]:
    """As ``find_inputs``, file by file as folders are listed, in the same order: their number takes no memory.

    A pattern is still expanded as a whole. That there is no file at all is no error here.

    Args:
        paths: files, folders and patterns.
        passed: counts what is left out of folders.
    """
    for path in paths:
        if not path.is_dir():
            yield from find_inputs([path], or_none=True)
            continue
        failed: list[OSError] = []
        count = 0
        for image in walk_images(path, failed.append, passed.add):
            count += 1
            yield Input(image, root=path)
        for error in failed:
            reason = f"it cannot be listed ({reason_of(error)}): check its permissions."
            yield Input(Path(error.filename), f"{error.filename} is passed over: {reason}", path)
        if not count and not failed:
            known = " ".join(sorted(SUFFIXES))
            yield Input(path, f"{path} holds no images (known suffixes: {known}).", path)
