"""Which frames of a session are saved: the captured ones, or else the best one, also as DICOM."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.capture.archive.dicom import dicom_bytes
from edge.capture.archive.stow import HandOver
from edge.capture.archive.study import Study
from edge.capture.archive.waiting import mark_of
from edge.capture.graded import Graded
from edge.capture.session.judge import Judge
from edge.capture.session.storage import remove_frame, save_frame, stem_of, write_set


class FrameStore:
    """Writes frames into a folder. Used by the writer's thread only; a step that fails may be repeated.

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
        keep_dicom: int,
        judge: Judge | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Set up; see ``Session``.

        Args:
            folder: of the session.
            describe: makes the sidecar of a frame.
            study: makes DICOM files of captured frames; if there was none, of the best one at the end.
            hand_over: delivers these files.
            keep_dicom: DICOM files per capture, the best frames first.
            judge: of what is saved, where there is a criterion.
            tell: called with a line of JSON for each frame that was judged, and one for all at the end.
        """
        self._folder, self._describe = folder, describe
        self._study, self._hand_over, self._keep_dicom = study, hand_over, keep_dicom
        self._judge, self._tell = judge, tell
        self._images: set[str] = set()  # stems that are saved as DICOM
        self.captured: list[Path] = []
        self.best: Graded | None = None

    def capture(self, graded: Graded, details: dict[str, Any]) -> Path:
        """Save a captured frame; one that is saved already, as when two captures follow at once, stays as it is.

        Args:
            graded: the frame.
            details: of the capture, for the sidecar.

        Returns:
            The path of its picture.

        Raises:
            OSError: it could not be written; then nothing new is left of it.
        """
        picture = self._folder / f"{stem_of(graded)}.png"
        sidecar = {**self._describe(graded), "capture": details}
        wanted = details["rank"] <= self._keep_dicom and stem_of(graded) not in self._images
        dicom = self._dicom(graded, sidecar) if wanted else {}
        if picture not in self.captured:
            save_frame(self._folder, graded, sidecar, dicom)
            self.captured.append(picture)
            self._judged(graded)
        elif dicom:  # it was a runner-up before
            write_set(self._folder, dicom)
        self._give(graded, dicom)
        return picture

    def keep_best(self, best: Graded) -> None:
        """Keep a frame instead of the best one so far, which is removed once the new one is complete on disk.

        Raises:
            OSError: it could not be written; the old one is still there.
        """
        save_frame(self._folder, best, self._describe(best), {})
        older, self.best = self.best, best
        if older is not None and stem_of(older) != stem_of(best):
            remove_frame(self._folder, older)

    def give_best_up(self) -> None:
        """Remove the best frame: from now on the captured frames are kept instead.

        Raises:
            OSError: the best frame so far could not be removed.
        """
        older, self.best = self.best, None
        if older is not None and stem_of(older) not in {path.stem for path in self.captured}:
            remove_frame(self._folder, older)

    def finish(self) -> None:
        """Save the best frame as DICOM if nothing was captured.

        Raises:
            OSError: it could not be written.
        """
        if self.best is None:
            return
        dicom = self._dicom(self.best, self._describe(self.best))
        write_set(self._folder, dicom)
        self._give(self.best, dicom)

    def sum_up(self) -> None:
        """Judge the best frame, which is final now, and tell what all kept frames come to."""
        if self.best is not None:
            self._judged(self.best)
        if self._judge is not None:
            self._tell(self._judge.summary_line())

    def _judged(self, graded: Graded) -> None:
        if self._judge is not None:
            self._tell(self._judge.keep(stem_of(graded), graded))

    def _dicom(self, graded: Graded, sidecar: dict[str, Any]) -> dict[str, bytes]:
        """The DICOM file of a frame, preceded by the mark that it is to be handed over."""
        if self._study is None:
            return {}
        file = self._folder / f"{stem_of(graded)}.dcm"
        mark = {} if self._hand_over is None else {mark_of(file).name: b""}
        eye = sidecar["eye"]["stated"] or sidecar["eye"]["told"]
        field = graded.assessment.field_definition.kind
        return {**mark, file.name: dicom_bytes(graded, sidecar, self._study, len(self._images) + 1, eye, field)}

    def _give(self, graded: Graded, dicom: dict[str, bytes]) -> None:
        if not dicom:
            return
        self._images.add(stem_of(graded))
        if self._hand_over is not None:
            self._hand_over.take(self._folder / f"{stem_of(graded)}.dcm")
