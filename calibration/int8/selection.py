"""Calibration frames: few that look as unlike one another as the student can tell, written down so that they last."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from calibration.frames import phantoms
from calibration.site.thresholds import UNFITTED
from edge.errors import EdgeError
from edge.field.find import find_field
from edge.frame.prepare import prepare
from edge.images import find_images, read_image
from trainer.data.datasets import find_photographs, in_threads
from trainer.loop.checkpoints import write
from trainer.networks.students import Student
from trainer.recipe import Recipe

log = logging.getLogger(__name__)

_CANDIDATES = 600  # photographs looked at, evenly spread: reading thousands would take longer than quantizing
_FEWEST = 8  # frames below which ranges are a matter of luck
_DRAWN = re.compile(r"phantom-(\d{1,9})")
_PHANTOMS = 1000  # seeds from here on are calibrated on; what is judged by has smaller ones
_NOTHING_SEEN = UNFITTED.fundus  # a student score below which a frame is no fundus, or one that shows nothing


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
            taken as they stand; None for the photographs of ``data``.
        data: photographs, of which the recipe's ``exclude`` folders are left out; None, with no ``frames``: phantoms.
        recipe: for the size and normalisation of the input.
        student: its features say what looks alike.
        number: how many.

    Raises:
        EdgeError: nothing to calibrate on; or a file that the CSV names is gone, or is another one by now.
    """
    if frames is not None and frames.is_file():
        return _again(frames, recipe)
    if frames is None and data is None:
        seeds = range(_PHANTOMS, _PHANTOMS + 2 * number)
        found = [_candidate(f"phantom-{n}", "", f, recipe) for n, f in zip(seeds, phantoms(seeds), strict=True)]
    else:
        paths = find_images([frames]) if frames else [p.path for p in find_photographs(data, recipe.exclude)]  # type: ignore[arg-type]
        spread = np.unique(np.linspace(0, len(paths) - 1, _CANDIDATES).astype(int))
        found = list(_read([paths[n] for n in spread], recipe))
    candidates = [c for c in found if c is not None]
    if not candidates:
        raise EdgeError("none of the calibration frames shows a fundus: give photographs of eyes.")
    features, scores = _look(student, candidates)
    seen = np.flatnonzero(scores >= _NOTHING_SEEN) if (scores >= _NOTHING_SEEN).any() else np.arange(len(candidates))
    if dropped := len(found) - len(seen):
        log.warning("%s of %s frames show no fundus and are left out of the calibration", dropped, len(found))
    _warn_of_few(len(seen))
    return [candidates[seen[n]] for n in spread_out(features[seen], number)]


def spread_out(features: NDArray[np.float32], number: int) -> list[int]:
    """Indices of so many rows that leave no row far from all of them: greedy k-centre (Gonzalez 1985).

    The first is the one nearest to the mean, each further one the farthest from those chosen so far.

    Args:
        features: (N, D).
        number: all N where there are no more.
    """
    scaled = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    chosen = [int((scaled**2).sum(axis=1).argmin())]
    nearest = ((scaled - scaled[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < min(number, len(features)):
        nearest[chosen[-1]] = -1
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, ((scaled - scaled[chosen[-1]]) ** 2).sum(axis=1))
        nearest[chosen] = -1
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
    """The names in a ``frames.csv``; files are checked to be those that it was written for."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = [(row["path"] or "", row["sha256"] or "") for row in csv.DictReader(file)]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise EdgeError(f"{table} is not a list of calibration frames ({error}): name one of edge-calibrate.") from None
    if not rows:
        raise EdgeError(f"{table} names no frames: choose them anew.")
    for name, digest in rows:
        path = Path(name)
        if _DRAWN.fullmatch(name) and not digest:
            continue
        try:
            same = hashlib.sha256(path.read_bytes()).hexdigest() == digest
        except (OSError, ValueError):  # ValueError: a null byte in the name
            same = False
        if not same:
            raise EdgeError(f"{table} names {name}, which is gone or another file by now: choose the frames anew.")
    return [name for name, _ in rows]


def _again(table: Path, recipe: Recipe) -> list[Candidate]:
    """The frames of a list as they stand, synthetic eyes drawn anew."""
    names = _listed(table)
    seeds = [int(found[1]) for found in map(_DRAWN.fullmatch, names) if found]
    drawn = [_candidate(f"phantom-{n}", "", f, recipe) for n, f in zip(seeds, phantoms(seeds), strict=True)]
    read = _read([Path(name) for name in names if not _DRAWN.fullmatch(name)], recipe)
    found = [c for c in (*read, *drawn) if c is not None]
    if not found:
        raise EdgeError(f"none of the frames that {table} names shows a fundus: choose them anew.")
    if len(found) < len(names):
        log.warning("%s of %s frames show no fundus and are left out", len(names) - len(found), len(names))
    _warn_of_few(len(found))
    return found


def _warn_of_few(number: int) -> None:
    if number < _FEWEST:
        log.warning("%s calibration frames are few: ranges will be a matter of luck; %s or more help", number, _FEWEST)


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
    field = find_field(frame)
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
