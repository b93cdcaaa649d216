"""What grades a photograph, in this process or in another, and keeps none of its pixels unless asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edge.assessment import Assessment
from edge.grading.graded_file import GradedFile
from edge.grading.inputs import Input
from edge.grading.judged import judged
from edge.grading.table.fingerprint import perceptual_hash
from edge.images import ImageReader, Picture
from edge.model import QualityModel


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
            frames: whether frames are asked for.
        """
        self.bundle = model.bundle
        self._model, self._bits, self._frames = model, bits, frames
        self._alone = threading.Lock()
        self._reader = ImageReader()
        self._notes: list[str] = []
        model.warn = self._notes.append

    def graded(self, item: Input, path: Path | None = None, looks: bool = False) -> Graded:
        """Grade one photograph; may be called by many threads, and never raises for what a file holds.

        Args:
            item: the photograph.
            path: where its bytes are, if not at ``item.path``.
            looks: whether to make its perceptual hash.
        """
        name = "" if path is None else item.name
        seen: list[Picture] = []

        def assessed() -> tuple[Picture, Assessment]:
            picture = self._reader.picture(path or item.path, self._bits, name)
            seen.append(picture)
            with self._alone:
                return picture, self._model.assess(picture.frame)

        file = judged(item, assessed, self._frames)
        hashed = perceptual_hash(seen[0].frame) if looks and seen else ""
        with self._alone:
            notes, self._notes[:] = tuple(self._notes), []
        return Graded(file, hashed, notes)

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
