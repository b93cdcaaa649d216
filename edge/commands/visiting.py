"""The visits of edge-capture, put together: where they are kept, what is said of them, and where they go."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from edge.capture.archive.stow import HandOver
from edge.capture.archive.study import Study
from edge.capture.archive.target import Target
from edge.capture.archive.waiting import left_over
from edge.capture.guided import GuidedSession
from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.session.judge import Judge
from edge.capture.session.leftovers import killed_visits
from edge.capture.session.rooms import Room
from edge.capture.session.session import Session
from edge.capture.session.visits import Visits
from edge.capture.visit import Step
from edge.commands.console.display import kept_words
from edge.commands.console.reporter import Reporter
from edge.criteria.criterion import Criterion
from edge.errors import EdgeError
from edge.findings.eye import Eye
from edge.model import QualityModel


@dataclass(frozen=True)
class Keeping:
    """How visits are kept.

    Attributes:
        out: the folder asked for.
        source: as the user gave it, without secrets.
        fps: of the source.
        video: whether to make the overlay video.
        wait: block the caller instead of leaving a frame out of it.
        study: of the first visit, where DICOM files are made.
        target: where they are handed over.
        keep_dicom: DICOM files per capture.
        eye: stated for every visit.
        criterion: that judges what is kept.
    """

    out: Path
    source: str
    fps: float
    video: bool
    wait: bool
    study: Study | None
    target: Target | None
    keep_dicom: int
    eye: Eye | None
    criterion: Criterion | None


@dataclass(frozen=True)
class Opened:
    """The visits of a program.

    Attributes:
        visits: one after the other.
        words: the closing words of those of which everything is on disk.
        hand_over: delivers their DICOM files; None where they stay here.
    """

    visits: Visits
    words: list[list[str]]
    hand_over: HandOver | None


def open_visits(
    asked: Keeping,
    guided: GuidedSession,
    model: QualityModel,
    reporter: Reporter,
    closing: contextlib.ExitStack,
    housekeeper: Housekeeper | None = None,
) -> Opened:
    """Begin the first visit, and hand over what earlier sessions left.

    Args:
        asked: how they are kept.
        guided, model: what looks at the frames.
        reporter: told of everything.
        closing: closes them.
        housekeeper: told of each visit that has ended.

    Returns:
        The visits, and what belongs to them.

    Raises:
        EdgeError: the folder cannot be made.
    """
    giving = None
    if asked.target is not None:
        giving = closing.enter_context(contextlib.closing(HandOver(asked.target, reporter.report, reporter.note)))

    def begin(number: int, study: Study | None) -> Room:
        judge = None if asked.criterion is None else Judge(asked.criterion, asked.eye)
        session = Session(
            asked.out,
            model,
            asked.source,
            asked.fps,
            video=asked.video,
            wait=asked.wait,
            report=reporter.report,
            tell=reporter.note,
            on_saved=reporter.saved,
            study=study,
            hand_over=giving,
            keep_dicom=asked.keep_dicom,
            stated=asked.eye,
            judge=judge,
        )
        if number > 1:
            reporter.remark(f"visit {number} has begun, in {session.folder}")
        return Room(session, judge, study, take=None if giving is None else giving.take)

    cut = max(killed_visits(asked.out), default=None)
    words: list[list[str]] = []

    def settled() -> None:
        if housekeeper is not None:
            housekeeper.visit_ended()

    def closed(number: int, room: Room) -> None:
        words.append(kept_words(room.session, room.best, room.judge))
        reporter.ended(room.judge)
        settled()

    refusal = ""
    if asked.target is not None and not asked.target.private:
        refusal = (
            f"{asked.target.shown} would get identities unencrypted: start edge-capture with an encrypted address, or "
            "with --insecure if everybody on the way may read them."
        )

    visits = Visits(
        guided,
        begin,
        asked.study,
        reporter.remark,
        changed=lambda: reporter.visit(visits),
        closed=closed,
        refusal=refusal,
        restarted=cut,
        settled=settled,
    )
    closing.callback(visits.close)
    if giving is not None:
        giving.take_left_over(asked.out)
    elif left_over(asked.out):
        reporter.note(f"DICOM files of earlier sessions in {asked.out} wait to be handed over; --hand-over sends them")
    return Opened(visits, words, giving)


def save(step: Step, visits: Visits, reporter: Reporter) -> bool:
    """Keep what a step holds; whether its frame is the best one so far."""
    if step.capture is not None:
        reporter.fired(step.capture.frames[0], step.visit.number, step.capture.number)
    try:
        return visits.keep(step)
    except EdgeError as problem:
        reporter.report(str(problem))
        return False
