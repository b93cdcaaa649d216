"""Which frames of a session are saved: the captured ones, or else the best one, also as DICOM."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge.capture.archive.dicom import dicom_bytes, rewritten
from edge.capture.archive.stow import HandOver
from edge.capture.archive.study import Study
from edge.capture.archive.waiting import pending_of, release
from edge.capture.graded import Graded
from edge.capture.session.aside import set_aside
from edge.capture.session.judge import Judge
from edge.capture.session.questions import poor_best, unanswered
from edge.capture.session.shot import Shot, sure_among
from edge.capture.session.sidecar import with_capture
from edge.capture.session.storage import remove_dicom, remove_frame, rewrite, save_frame, stem_of, write_set
from edge.capture.visit import Captured
from edge.findings.eye import Eye
from edge.findings.field_definition import FieldKind


class FrameStore:
    """Writes frames into a folder. Used by the writer's thread only; a step that fails may be repeated.

    Attributes:
        captured: the pictures of captured frames, in the order they were saved.
        best: the best frame on disk; None once something was captured.
        discarded: whether a capture was.
    """

    def __init__(
        self,
        folder: Path,
        describe: Callable[[Graded, Eye | None], dict[str, Any]],
        study: Study | None,
        hand_over: HandOver | None,
        keep_dicom: int,
        judge: Judge | None = None,
        tell: Callable[[str], None] = lambda line: None,
    ) -> None:
        """Set up.

        Args:
            folder: of the session.
            describe: makes the sidecar of a frame, of the eye that was stated.
            study, hand_over, keep_dicom, judge: see ``Session``.
            tell: called with a line of JSON for each frame that was judged, and one for all at the end.
        """
        self._folder, self._describe = folder, describe
        self._stated: Eye | None = None  # of the best frame
        self._study, self._hand_over, self._keep_dicom = study, hand_over, keep_dicom
        self._judge, self._tell = judge, tell
        self._images: dict[str, FieldKind] = {}  # by the stem of a DICOM file, what it is centred on
        self._numbered = 0  # DICOM files so far: a number, and with it a UID, is never used again
        self._shots: dict[str, dict[int, Shot]] = {}  # by stem: the captures of a frame, by their number
        self._aside: set[int] = set()  # captures that were discarded, and may come back
        self._released = self.discarded = False
        self.captured: list[Path] = []
        self.best: Graded | None = None

    def capture(self, graded: Graded, shot: Shot) -> Path:
        """Save a captured frame; one that is saved already, as when two captures follow at once, stays as it is.

        Args:
            graded: the frame, to whose picture the path is returned.
            shot: of which capture it is.

        Raises:
            OSError: it could not be written; then nothing new is left of it.
        """
        stem = stem_of(graded)
        picture = self._folder / f"{stem}.png"
        sidecar = {**self._describe(graded, shot.shown.stated), "capture": shot.details}
        wanted = shot.rank <= self._keep_dicom and stem not in self._images
        dicom = self._dicom(graded, sidecar, shot.sure) if wanted else {}
        shots = {**self._shots.get(stem, {}), shot.shown.number: shot}
        set_aside(self._folder, stem, self._aside.issuperset(shots))
        if picture not in self.captured:
            save_frame(self._folder, graded, sidecar, dicom)
            self.captured.append(picture)
            self._judged(graded, shot.sure)
        elif dicom:  # it was a runner-up before
            write_set(self._folder, dicom)
        if dicom:
            self._images[stem] = graded.assessment.field_definition.kind
        self._shots[stem] = shots
        if self._released:  # while it waited for the disk
            self.release()
        return picture

    def correct(self, shown: Captured) -> None:
        """Write a capture again as it is now; the DICOM file comes first, and while it does not agree nothing leaves.

        Raises:
            OSError: something could not be written.
        """
        for stem, shots in self._shots.items():
            if shown.number in shots:
                self._rewrite(stem, {**shots, shown.number: shots[shown.number].by_now(shown)}, shown.number)
        self._tell(json.dumps({"event": "corrected", "shot": shown.number, "laterality": shown.eye}))
        if self._released:
            self.release()

    def set_aside(self, number: int, aside: bool) -> None:
        """Mark a capture as discarded, or bring it back; a frame that another one has too stays as it is.

        Raises:
            OSError: a mark could not be written or removed.
        """
        self._aside = self._aside | {number} if aside else self._aside - {number}
        for stem, shots in self._shots.items():
            if number in shots:
                set_aside(self._folder, stem, self._aside.issuperset(shots))

    def discard(self, number: int) -> None:
        """Remove every file of a capture, but for a frame that another capture has too.

        Raises:
            OSError: something could not be removed.
        """
        for stem, shots in list(self._shots.items()):
            if number not in shots:
                continue
            if others := {other: shot for other, shot in shots.items() if other != number}:
                self._rewrite(stem, others, min(others))
                continue
            remove_frame(self._folder, stem)
            self.captured.remove(self._folder / f"{stem}.png")
            self._images.pop(stem, None)
            del self._shots[stem]
            if self._judge is not None:
                self._judge.kept.pop(stem, None)
        self.discarded = True
        self._tell(json.dumps({"event": "discarded", "shot": number}))

    def identify(self, study: Study) -> None:
        """From now on, and what is there already, is of this study.

        Raises:
            OSError: something could not be written.
        """
        self._study = study
        for stem in self._images:
            self._rewrite_dicom(stem, self._sure_of(stem))

    def release(self) -> None:
        """The visit has ended: hand over what is of a certain eye.

        Raises:
            OSError: a mark could not be written.
        """
        self._released = True
        for stem in self._images:
            file = self._folder / f"{stem}.dcm"
            if self._hand_over is not None and self._sure_of(stem) is not None and release(file):
                self._hand_over.take(file)

    @property
    def held_back(self) -> str:
        """One sentence on what is not handed over: images of no certain eye, a poor best frame; empty without."""
        if self._hand_over is not None and (poor := poor_best(self._folder, self.best)):
            return poor
        stems = [stem for stem in self._images if self._sure_of(stem) is None]
        return unanswered(self._folder, {n for stem in stems for n in self._shots.get(stem, ())}) if stems else ""

    def keep_best(self, best: Graded, stated: Eye | None = None) -> None:
        """Keep a frame, of the eye that was stated then; the best one so far goes once it is complete on disk.

        Raises:
            OSError: it could not be written; the old one is still there.
        """
        save_frame(self._folder, best, self._describe(best, stated), {})
        older, self.best, self._stated = self.best, best, stated
        if older is not None and stem_of(older) != stem_of(best):
            remove_frame(self._folder, stem_of(older))

    def give_best_up(self) -> None:
        """Remove the best frame: from now on the captured frames are kept instead.

        Raises:
            OSError: the best frame so far could not be removed.
        """
        older, self.best = self.best, None
        if older is not None and stem_of(older) not in self._shots:
            remove_frame(self._folder, stem_of(older))

    def finish(self) -> None:
        """Save the best frame as DICOM if nothing was captured; not for an archive where it is poor.

        Raises:
            OSError: it could not be written.
        """
        if self.best is None or (self._hand_over is not None and poor_best(self._folder, self.best)):
            return
        stem = stem_of(self.best)
        dicom = self._dicom(self.best, self._describe(self.best, self._stated), self._sure_of(stem))
        write_set(self._folder, dicom)
        if dicom:
            self._images[stem] = self.best.assessment.field_definition.kind

    def sum_up(self) -> None:
        """Judge the best frame, which is final now, and tell what all kept frames come to."""
        if self.best is not None:
            self._judged(self.best, self._sure_of(stem_of(self.best)))
        if self._judge is not None:
            self._tell(self._judge.summary_line())

    def _judged(self, graded: Graded, eye: Eye | None) -> None:
        if self._judge is not None:
            self._tell(self._judge.keep(stem_of(graded), graded, eye))

    def _sure_of(self, stem: str) -> Eye | None:
        """The eye of a saved frame; None where it is not certain."""
        if shots := self._shots.get(stem):
            return sure_among(shots.values())
        told = None if self.best is None else self.best.assessment.eye
        return self._stated or told if None in (self._stated, told) or self._stated == told else None

    def _dicom(self, graded: Graded, sidecar: dict[str, Any], eye: Eye | None) -> dict[str, bytes]:
        """The DICOM file of a frame, preceded by the mark that its visit has not ended."""
        if self._study is None:
            return {}
        file = self._folder / f"{stem_of(graded)}.dcm"
        mark = {} if self._hand_over is None else {pending_of(file).name: b""}
        self._numbered += 1
        field = graded.assessment.field_definition.kind
        return {**mark, file.name: dicom_bytes(graded, sidecar, self._study, self._numbered, eye, field)}

    def _rewrite(self, stem: str, shots: dict[int, Shot], number: int) -> None:
        """Write a frame again as these captures have it now, its sidecar as this one."""
        eye = sure_among(shots.values())
        if stem in self._images and all(shot.rank > self._keep_dicom for shot in shots.values()):
            remove_dicom(self._folder, stem)
            del self._images[stem]
        self._rewrite_dicom(stem, eye)
        file, shot = self._folder / f"{stem}.json", shots[number]
        said = with_capture(json.loads(file.read_bytes()), shot.shown.stated, shot.details)
        rewrite(file, (json.dumps(said, indent=2) + "\n").encode())
        self._shots[stem] = shots
        if self._judge is not None:
            self._judge.correct(stem, eye)

    def _rewrite_dicom(self, stem: str, eye: Eye | None) -> None:
        if self._study is not None and stem in self._images:
            file = self._folder / f"{stem}.dcm"
            rewrite(file, rewritten(file.read_bytes(), self._study, eye, self._images[stem]))
