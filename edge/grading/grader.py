"""What grades a photograph, in this process or in another, and keeps no more of its pixels than the network needs."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.assessment import Assessment
from edge.field.find import Crop
from edge.field.known import OwnField
from edge.grading.graded_file import GradedFile
from edge.grading.inputs import Input
from edge.grading.judged import Read, judged
from edge.grading.table.fingerprint import perceptual_hash
from edge.images import ImageReader, Picture
from edge.model import QualityModel

# The network reads a square of 256 pixels. Made of 1,408 or more of a side, its score is within 0.002 of that of all
# pixels; of 1,000 it is not, since what ends within a pixel is mixed otherwise. Whether a photograph is decoded smaller
# depends on nothing but itself, so that it scores the same wherever and beside whatever it is graded.
LEAST = 5.5  # pixels of a side for each that the network reads
MOVES = 0.002  # by how much a score may: nearer to where verdicts part, all pixels are looked at


@dataclass(frozen=True, eq=False)
class Graded:
    """One photograph.

    Attributes:
        file: the result; ``frame`` only where that was asked for.
        looks: its perceptual hash, where that was asked for and it could be decoded.
        notes: what the model warns of.
    """

    file: GradedFile
    looks: str = ""
    notes: tuple[str, ...] = ()


class Grader:
    """Grades in this process: reads in the threads that ask, one inference at a time.

    Attributes:
        bundle: the model.
        at_once: how many photographs to ask for at a time.
    """

    at_once = 2

    def __init__(self, model: QualityModel, bits: int | None = None, frames: bool = False) -> None:
        """Set up.

        Args:
            model: open; it is the caller's to close. One that learns its field needs photographs in their order: see
                ``grade_files``.
            bits: how many of the 16 bits of a sample count; None for what each file declares.
            frames: whether frames are asked for; they hold all pixels.
        """
        self.bundle = model.bundle
        self._model, self._bits, self._frames = model, bits, frames
        self._alone = threading.Lock()
        self._reader = ImageReader()
        self._notes: list[str] = []
        model.warn = self._notes.append
        self._least = round(LEAST * model.manifest.input_size) if isinstance(model.field, OwnField) else None

    def graded(self, item: Input, path: Path | None = None, looks: bool = False) -> Graded:
        """Grade one photograph; may be called by many threads, and never raises for what a file holds.

        Args:
            item: the photograph.
            path: where its bytes are, if not at ``item.path``.
            looks: whether to make its perceptual hash.
        """
        name = "" if path is None else item.name
        seen: list[Picture] = []

        def read(least: int | None) -> Picture:
            picture = self._reader.picture(path or item.path, self._bits, name, least)
            seen[:] = [picture]
            return picture

        file = judged(item, lambda: self._assessed(read), self._frames)
        hashed = perceptual_hash(seen[0].frame) if looks and seen else ""
        with self._alone:
            notes, self._notes[:] = tuple(self._notes), []
        return Graded(file, hashed, notes)

    def _assessed(self, read: Read) -> tuple[Picture, Assessment]:
        picture = read(self._least)
        found = self._assess(picture)
        if picture.full is None:
            return picture, found
        if not self._is_enough(found):
            picture = read(None)
            return picture, self._assess(picture)
        return (read(None) if self._frames else picture), in_full(found, picture.scale)

    def _is_enough(self, found: Assessment) -> bool:
        """Whether all pixels would tell the same."""
        if found.crop is None or found.crop.side < (self._least or 0):
            return False
        parts = self._model.manifest.thresholds
        return all(abs(found.score - part) > MOVES for part in (parts.fundus, parts.usable, parts.good))

    def _assess(self, picture: Picture) -> Assessment:
        with self._alone:
            return self._model.assess(picture.frame)

    @property
    def engine(self) -> str:
        """The name of the engine."""
        return self._model.engine.name

    def close(self) -> None:
        """End it; what is being graded fails. May be called twice."""
        self._reader.close()


class Told:
    """Hands on what models warn of, of each kind once: each process has its own model.

    Args:
        tell: receives a sentence.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._kinds: set[str] = set()

    def __call__(self, words: str) -> None:
        """Hand on a sentence; its figures, behind a parenthesis, make no other kind."""
        kind = words.partition("(")[0]
        if kind not in self._kinds:
            self._kinds.add(kind)
            self._tell(words)


def in_full(found: Assessment, scale: int) -> Assessment:
    """An assessment of a picture of which each pixel stands for ``scale`` of a side, in pixels of the whole one."""
    crop = found.crop
    if crop is None:
        return found
    return dataclasses.replace(found, crop=Crop(crop.x * scale, crop.y * scale, crop.side * scale))
