"""The thread that writes a session to disk while frames are graded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from edge.capture.archive.stow import HandOver
from edge.capture.archive.study import Study
from edge.capture.background import give_way
from edge.capture.graded import Graded
from edge.capture.session.frame_store import FrameStore
from edge.capture.session.judge import Judge
from edge.capture.session.leftovers import Recording, repair
from edge.capture.session.overlay_video import OverlayVideo
from edge.capture.session.queue import Queue
from edge.capture.session.record import line_of, sidecar_of
from edge.capture.session.shot import Shot, alone
from edge.capture.session.storage import LINES, VIDEO, LineFile, claim_folder
from edge.capture.session.troubles import Troubles
from edge.capture.visit import By, Captured
from edge.errors import first_line
from edge.findings.eye import Eye
from edge.model import QualityModel

_SAVE_EVERY_S = 1.0  # what a kill can lose


class Session:
    """A folder that fills while frames are graded: lines, the best frame, the overlay video.

    Attributes:
        folder: of its files; see ``edge.capture.session.storage``.
        files: the files in the folder, after ``close``.
    """

    def __init__(
        self,
        wanted: Path,
        model: QualityModel,
        source: str,
        fps: float,
        *,
        video: bool,
        wait: bool,
        report: Callable[[str], None],
        tell: Callable[[str], None] = lambda sentence: None,
        on_saved: Callable[[Path, Graded], None] = lambda picture, graded: None,
        study: Study | None = None,
        hand_over: HandOver | None = None,
        keep_dicom: int = 1,
        stated: Eye | None = None,
        judge: Judge | None = None,
    ) -> None:
        """Create a folder and start writing.

        Args:
            wanted: the requested folder.
            model: for the sidecar.
            source: as given by the user.
            fps: of the source; 0.0 if unknown.
            video: whether to make the overlay video.
            wait: block the caller instead of leaving a frame out of the video.
            report: called with one sentence, once, per kind of trouble.
            tell: called with one sentence when the disk runs low, from the writer's thread.
            on_saved: called from the writer's thread with the picture's path and a captured frame whose files are safe.
            study: makes a DICOM file of each captured frame; if there was none, of the best one at the end.
            hand_over: delivers these files.
            keep_dicom: DICOM files per capture, the best frames first.
            stated, judge: the eye for the sidecar, and who judges what is kept; None for neither.

        Raises:
            EdgeError: the folder cannot be created.
        """
        if repaired := repair(wanted):
            tell(repaired)
        self.folder = claim_folder(wanted)
        self._recording = Recording(self.folder)
        self.files: list[Path] = []
        self._on_saved, self._wait, self._tell, self._stated = on_saved, wait, tell, stated
        self._troubles = Troubles(self.folder, report, tell)
        self._lines = LineFile(self.folder / LINES)
        describe = partial(sidecar_of, model=model, source=source, judge=judge)
        self._keeper = FrameStore(self.folder, describe, study, hand_over, keep_dicom, judge, self._lines.add)
        self._video = OverlayVideo(self.folder / VIDEO, fps, self._troubles.report) if video else None
        self._queue = Queue(self.folder)
        self._changed = self._queue.changed
        self._best: tuple[Graded, Eye | None] | None = None  # and the eye that was stated then
        self._shots, self._closing = 0, False  # captures so far; whether nothing more comes
        self._refusal: Exception | None = None  # why the disk took none
        self._writer = threading.Thread(target=self._work, name="session", daemon=True)
        self._writer.start()

    @property
    def saved(self) -> Graded | None:
        """The best frame on disk, a second behind at most until ``close``; None once something was captured."""
        return self._keeper.best

    @property
    def captured(self) -> list[Path]:
        """Pictures of the frames that ``capture`` was given and that are on disk, in the order they were saved."""
        return self._keeper.captured

    @property
    def lost(self) -> int:
        """Captures, runners-up included, that were refused, or after ``close`` are not complete on disk."""
        return self._queue.refused + (len(self._queue.waiting) if self._closing else 0)

    @property
    def undrawn(self) -> int:
        """Graded frames left out of the video because drawing was too slow."""
        return self._video.undrawn if self._video is not None else 0

    def keep(self, graded: Graded, best: Graded | None, stated: Eye | None = None) -> None:
        """Take a graded frame; when drawing is too slow, only the video lacks it.

        Args:
            graded: the frame.
            best: the best frame so far, this one included.
            stated: the eye of this one, where the operator said so; that of the session if left out.
        """
        self._lines.add(line_of(graded))
        with self._changed:
            if best is None or best is graded or self._best is None:
                self._best = None if best is None else (best, stated or self._stated)
            self._changed.notify_all()
        if self._video is not None:
            self._video.add(graded, wait=self._wait)

    def capture(self, burst: Sequence[Graded], by: By = "hand", eye: int = 1, shown: Captured | None = None) -> None:
        """Save a capture, each frame as a set of its own, from now on instead of the best frame; returns at once.

        Args:
            burst: the best frame first, then its runner-ups.
            by: what fired, for the sidecar: ``hand`` or ``auto``.
            eye: number of the eye in the session, counted from 1.
            shown: the capture as its visit has it, and then it decides ``by`` and ``eye``.

        Raises:
            EdgeError: too many captures wait for the disk already.
        """
        self._queue.add(burst, shown or alone(self._shots + 1, burst[0], by, eye, self._stated))
        self._shots += 1

    def correct(self, shown: Captured) -> threading.Event:
        """Write a capture again as it is now; returns what is set once that is done, as the next four do."""
        self._queue.correct(shown)
        return self._queue.then(partial(self._keeper.correct, shown))

    def set_aside(self, number: int, aside: bool) -> threading.Event:
        """Mark a capture as discarded, so that after a kill nothing of it is sent; or take that back."""
        return self._queue.then(partial(self._keeper.set_aside, number, aside))

    def discard(self, number: int) -> threading.Event:
        """Remove every file of a capture."""
        self._queue.drop(number)
        return self._queue.then(partial(self._keeper.discard, number), first=True)

    def identify(self, study: Study) -> threading.Event:
        """What is there already, and what comes, is of this study."""
        return self._queue.then(partial(self._keeper.identify, study))

    def release(self) -> threading.Event:
        """The visit has ended: hand over what is of a certain eye."""
        return self._queue.then(self._keeper.release)

    def close(self) -> None:
        """Write everything that still waits, and end."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._writer.join()
        self._lines.close()
        if held_back := self._keeper.held_back:
            self._tell(held_back)
        self._troubles.went_well(self._list)
        self._recording.end()
        self._troubles.report_lost(self.lost, self._refusal)

    def _list(self) -> None:
        self.files = sorted(p for p in self.folder.iterdir() if not p.name.startswith(".") and p.is_file())

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def _work(self) -> None:
        """The writer's thread."""
        give_way()
        due, ending = 0.0, False
        while not ending:
            with self._changed:
                left = max(0.0, due - time.monotonic())
                self._changed.wait_for(lambda: self._queue.fresh() or self._closing, timeout=left)
                ending = self._closing
            # A captured frame comes before everything else: it is the purpose of the session.
            if self._queue.any() and (ending or self._queue.fresh() or time.monotonic() >= due):
                refusal = self._kept(self._save_captures, self._make_room)
                self._queue.refused_by_disk(refusal is not None)
                self._refusal = refusal or self._refusal
            if ending or time.monotonic() >= due:
                self._kept(self._lines.save)
                self._kept(self._save_best)
                self._troubles.went_well(self._troubles.warn_if_low)
                due = time.monotonic() + _SAVE_EVERY_S
        if not self._shots:
            self._troubles.went_well(self._keeper.finish)
        self._troubles.went_well(self._keeper.sum_up)
        if self._queue.unchanged:  # an eye or an identity on disk is not what the operator said
            self._troubles.report_unchanged()
        else:
            self._troubles.went_well(self._keeper.release)
        self._kept(self._lines.save)
        if self._video is not None:
            self._video.close()

    def _save_captures(self) -> None:
        """Save what waits; what fails stays and is retried a second later."""
        self._queue.empty(self._save_capture)
        if self._shots:
            self._keeper.give_best_up()

    def _save_capture(self, graded: Graded, shot: Shot) -> None:
        """Save a frame and report it; if that fails, as when the reader of our lines has gone, it is still safe."""
        picture = self._keeper.capture(graded, shot)
        try:
            self._on_saved(picture, graded)
        except Exception as error:
            self._troubles.report_once(f"{picture} is saved, but could not be reported ({first_line(error)}).")

    def _kept(self, step: Callable[[], None], *make_room: Callable[[], bool]) -> Exception | None:
        return self._troubles.of(step, self._give_video_up, *make_room)

    def _give_video_up(self) -> bool:
        return self._video is not None and self._video.discard()

    def _make_room(self) -> bool:
        """Remove the best frame to make room for captures; False if there is none."""
        return self._keeper.best is not None and self._troubles.went_well(self._keeper.give_best_up)

    def _save_best(self) -> None:
        best = self._best
        nothing_else = not self._shots or (self._closing and not self.captured and not self._keeper.discarded)
        if best is not None and best[0] is not self._keeper.best and nothing_else:
            self._keeper.keep_best(*best)
