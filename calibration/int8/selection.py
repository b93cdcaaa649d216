"""Calibration frames: a few that look as different as the student can tell, and a list of them to reuse."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from calibration.frames import evenly, made
from calibration.site.thresholds import UNFITTED
from edge.errors import EdgeError
from edge.field.whole import finder_of
from edge.frame.prepare import prepare
from edge.images import find_images, read_image
from trainer.data.datasets import find_photographs, in_threads
from trainer.loop.checkpoints import write
from trainer.networks.students import Student
from trainer.recipe import Recipe

log = logging.getLogger(__name__)

_CANDIDATES = 600  # photographs looked at, evenly spread: reading thousands would take longer than quantizing
_FEWEST = 8  # with fewer frames the ranges depend on chance
_DRAWN = re.compile(r"phantom-(\d{1,9})")
_PHANTOMS = 1000  # seeds from here on are calibrated on; frames to judge by have smaller ones
_NOTHING_SEEN = UNFITTED.fundus  # student score below which a frame shows no fundus, or nothing of it


@dataclass(frozen=True, eq=False)
class Candidate:
    """A frame to choose from.

    Attributes:
        name: path of the file, or ``phantom-SEED``.
        sha256: of the file, hexadecimal; of a phantom the empty string.
        tensor: float32 (1, 3, S, S), as the device prepares it.
        thumbnail: uint8 BGR (96, 96, 3).
    """

    name: str
    sha256: str
    tensor: NDArray[np.float32]
    thumbnail: NDArray[np.uint8]


def choose(frames: Path | None, data: Path | None, recipe: Recipe, student: Student, number: int) -> list[Candidate]:
    """The calibration frames.

    Args:
        frames: a folder, such as that of a recorded session, or a CSV that ``write_choice`` wrote, whose frames are
            all taken; None for the photographs of ``data``.
        data: photographs, of which the recipe's ``exclude`` folders are left out; None, with no ``frames``: phantoms.
        recipe: for the size and normalisation of the input.
        student: its features measure similarity.
        number: how many.

    Raises:
        EdgeError: nothing to calibrate on; or a file that the CSV names is gone or has changed.
    """
    if frames is not None and frames.is_file():
        return _again(frames, recipe)
    if frames is None and data is None:
        found = _drawn(range(_PHANTOMS, _PHANTOMS + 2 * number), recipe)
    else:
        listed = find_photographs(data, recipe.exclude, recipe.only, recipe.modality) if data and not frames else []
        paths = find_images([frames]) if frames else [photograph.path for photograph in listed]
        found = list(_read(evenly(paths, _CANDIDATES), recipe))
    candidates = _with_fundus(found, "the calibration frames", "give photographs of eyes")
    features, scores = _look(student, candidates)
    seen = np.flatnonzero(scores >= _NOTHING_SEEN) if (scores >= _NOTHING_SEEN).any() else np.arange(len(candidates))
    _warn(len(seen), len(found))
    return [candidates[seen[n]] for n in spread_out(features[seen], number)]


def spread_out(features: NDArray[np.float32], number: int) -> list[int]:
    """Indices of rows such that no row is far from all of them: greedy k-centre (Gonzalez 1985).

    The first is the one nearest to the mean, each further one the farthest from those chosen so far.

    Args:
        features: (N, D).
        number: how many; all N where there are no more.
    """
    scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    chosen = [int((scaled**2).sum(axis=1).argmin())]
    nearest = np.full(len(features), np.inf)
    while len(chosen) < min(number, len(features)):
        nearest = np.minimum(nearest, ((scaled - scaled[chosen[-1]]) ** 2).sum(axis=1))
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
    return chosen


def write_choice(folder: Path, chosen: Sequence[Candidate]) -> None:
    """``frames.csv``, path and SHA-256 of each, and ``frames.png``, a sheet of them.

    Raises:
        EdgeError: the folder cannot be written to.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("path", "sha256"), *((c.name, c.sha256) for c in chosen)])
    write(folder / "frames.csv", text.getvalue().encode("utf-8", "backslashreplace"))
    columns = min(16, len(chosen))
    cells = [c.thumbnail for c in chosen]
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    rows = [np.hstack(cells[n : n + columns]) for n in range(0, len(cells), columns)]
    _, coded = cv2.imencode(".png", np.vstack(rows))
    write(folder / "frames.png", coded.tobytes())


def _listed(table: Path) -> list[str]:
    """The names in a ``frames.csv``; the SHA-256 of each file is checked."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = [(row["path"] or "", row["sha256"] or "") for row in csv.DictReader(file)]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise EdgeError(f"{table} is not a list of calibration frames ({error}): name one of edge-calibrate.") from None
    if not rows:
        raise EdgeError(f"{table} names no frames: choose them again.")
    for name, digest in rows:
        path = Path(name)
        if _DRAWN.fullmatch(name) and not digest:
            continue
        try:
            same = hashlib.sha256(path.read_bytes()).hexdigest() == digest
        except (OSError, ValueError):  # ValueError: a null byte in the name
            same = False
        if not same:
            raise EdgeError(f"{table} names {name}, which is gone or has changed: choose the frames again.")
    return [name for name, _ in rows]


def _again(table: Path, recipe: Recipe) -> list[Candidate]:
    """All frames of a list; synthetic eyes are drawn again."""
    names = _listed(table)
    seeds = [int(found[1]) for found in map(_DRAWN.fullmatch, names) if found]
    read = _read([Path(name) for name in names if not _DRAWN.fullmatch(name)], recipe)
    found = _with_fundus([*read, *_drawn(seeds, recipe)], f"the frames that {table} names", "choose them again")
    _warn(len(found), len(names))
    return found


def _with_fundus(found: Sequence[Candidate | None], which: str, remedy: str) -> list[Candidate]:
    if not any(found):
        raise EdgeError(f"none of {which} shows a fundus: {remedy}.")
    return [candidate for candidate in found if candidate is not None]


def _warn(kept: int, number: int) -> None:
    """Log how many frames are left out, and that few are left."""
    if kept < number:
        log.warning("%s of %s frames show no fundus and are left out of the calibration", number - kept, number)
    if kept < _FEWEST:
        log.warning("%s calibration frames are few: the ranges will depend on chance; use %s or more", kept, _FEWEST)


def _drawn(seeds: Iterable[int], recipe: Recipe) -> list[Candidate | None]:
    return [_candidate(name, "", frame, recipe) for name, frame in made(seeds, recipe, None)]


def _read(paths: Sequence[Path], recipe: Recipe) -> Iterator[Candidate | None]:
    def read(path: Path) -> Candidate | EdgeError | None:
        try:
            return _candidate(str(path), hashlib.sha256(path.read_bytes()).hexdigest(), read_image(path), recipe)
        except (EdgeError, OSError) as error:
            return error if isinstance(error, EdgeError) else EdgeError(f"{path} cannot be read ({error.strerror}).")

    for found in in_threads(read, paths, "reading frames"):
        if isinstance(found, EdgeError):
            log.info("left out: %s", found)
        else:
            yield found


def _candidate(name: str, digest: str, frame: NDArray[np.uint8], recipe: Recipe) -> Candidate | None:
    field = finder_of(recipe.modality)(frame)
    if field is None:
        return None
    tensor = prepare(frame, field.crop, recipe.distill.size, recipe.mean, recipe.std)
    small = cv2.resize(frame, (96, 96), interpolation=cv2.INTER_AREA)
    return Candidate(name, digest, tensor, np.asarray(small, np.uint8))


def _look(student: Student, candidates: Sequence[Candidate]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features (N, 2 * 96), mean and deviation over the frame, and scores (N,)."""
    features, scores = [], []
    with torch.no_grad():
        for candidate in candidates:
            seen = student.features(torch.from_numpy(candidate.tensor))
            features.append(torch.cat([seen.mean((0, 2, 3)), seen.std((0, 2, 3))]).numpy())
            scores.append(1 - float(torch.sigmoid(student.map(seen))[0, 0].mean()))
    return np.array(features), np.array(scores, np.float32)
