"""Which frames of a session are kept, and as what: the captured ones, or else the best one, also as DICOM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.atomic import write_atomically
from edge.capture.dicom import Study, dicom_bytes
from edge.capture.handover import HandOver
from edge.capture.loop import Graded
from edge.capture.storage import BestFrame, save_frame, stem_of


class Keeper:
    """Writes frames into a folder. Belongs to the writer's thread; what fails may be tried again.

    Attributes:
        captured: the pictures of captured frames, in the order they were saved.
        best: the best frame on disk; None once something was captured.
    """

    def __init__(
        self,
        folder: Path,
        describe: Callable[[Graded], dict[str, Any]],
        study: Study | None,
        hand_over: HandOver | None,
    ) -> None:
        """Set up; see ``Session``.

        Args:
            folder: where everything lies.
            describe: makes the sidecar of a frame.
            study: makes a DICOM file of each captured frame; where there was none, of the best one at the end.
            hand_over: takes these files.
        """
        self._folder, self._describe = folder, describe
        self._study, self._hand_over = study, hand_over
        self._frame = BestFrame(folder)
        self.captured: list[Path] = []
        self.best: Graded | None = None

    def capture(self, graded: Graded, told: dict[str, Any]) -> Path:
        """Keep a captured frame; one that is kept already, as when a hand asks twice in a moment, stays as it is.

        Args:
            graded: the frame.
            told: of the capture, for the sidecar.

        Returns:
            Where its picture is.

        Raises:
            OSError: it could not be written; then nothing new is left of it.
        """
        picture = self._folder / f"{stem_of(graded)}.png"
        if picture not in self.captured:
            sidecar = {**self._describe(graded), "capture": told}
            save_frame(self._folder, graded, sidecar, self._dicom(graded, sidecar, len(self.captured) + 1))
            self._give(graded)
            self.captured.append(picture)
        return picture

    def keep_best(self, best: Graded) -> None:
        """Keep a frame instead of the best one so far.

        Raises:
            OSError: it could not be written; the old one is still there.
        """
        self._frame.save(best, self._describe(best))
        self.best = best

    def give_best_up(self) -> None:
        """From now on the captured frames are what is kept.

        Raises:
            OSError: the best frame so far could not be removed.
        """
        self._frame.give_up(keeping={path.stem for path in self.captured})
        self.best = None

    def finish(self) -> None:
        """The best frame as DICOM, where nothing was captured.

        Raises:
            OSError: it could not be written.
        """
        if self.best is None:
            return
        data = self._dicom(self.best, self._describe(self.best), 1)
        if data is not None:
            write_atomically(self._folder / f"{stem_of(self.best)}.dcm", data)
            self._give(self.best)

    def _dicom(self, graded: Graded, sidecar: dict[str, Any], number: int) -> bytes | None:
        return None if self._study is None else dicom_bytes(graded, sidecar, self._study, number)

    def _give(self, graded: Graded) -> None:
        if self._study is not None and self._hand_over is not None:
            self._hand_over.take(self._folder / f"{stem_of(graded)}.dcm")
