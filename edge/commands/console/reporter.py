"""What edge-capture reports while it runs: on the console, as lines of JSON, and on the page."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

from edge.assessment import Assessment
from edge.capture.graded import Graded
from edge.capture.session.judge import Judge
from edge.capture.session.record import line_of
from edge.capture.session.visits import Visits
from edge.commands.console import cli
from edge.commands.console.endings import unprinted
from edge.commands.console.printing import Printing
from edge.commands.console.words import Words
from edge.preview.server import Preview
from edge.preview.state import visit_state


class Reporter:
    """Reports to the console, to the reader of JSON and to the page; may be called from any thread.

    Attributes:
        preview: the page, once there is one.
        troubles: whether something failed.
        words: messages on the console.
    """

    def __init__(self, json_lines: bool, alone: Callable[[], None] | None = None, judge: Judge | None = None) -> None:
        """Set up.

        Args:
            json_lines: whether to print lines of JSON.
            alone: called, from another thread, when their reader leaves; None where the session then goes on.
            judge: of what is kept, where there is a criterion.
        """
        self.preview: Preview | None = None
        self.troubles = False
        self.words = Words()
        self._telling = threading.Lock()
        self._alone, self._judge = alone, judge
        self._printing = Printing(self._unread) if json_lines else None
        # By the index of its best frame, visit and number of each capture that is not on disk yet: those that follow at
        # once may share it.
        self._firsts: dict[int, deque[tuple[int, int]]] = {}

    @property
    def unread(self) -> bool:
        """Whether there were lines of JSON, and their reader has left."""
        return self._printing is not None and self._printing.ended is not None

    def report(self, sentence: str) -> None:
        """Something failed, and the session goes on."""
        self.troubles = True
        self._say(f"error: {sentence}")
        if self.preview is not None:
            self.preview.tell(sentence)

    def note(self, sentence: str) -> None:
        """Something that the operator should know."""
        self.remark(sentence)
        if self.preview is not None:
            self.preview.tell(sentence)

    def remark(self, sentence: str) -> None:
        """The same, where the page shows it in its own way."""
        self._say(f"note: {sentence}")
        self._event("note", says=sentence)

    def graded(self, graded: Graded, best: bool = False) -> None:
        """A frame; the best one so far is one that is kept."""
        if self.preview is not None:
            self.preview.publish(graded)
        if self._printing is None:
            return
        if best:
            self._printing.keep(line_of(graded))
        else:
            self._printing.live(graded.frame.index, line_of(graded))

    def fired(self, best: Graded, visit: int = 1, number: int = 1) -> None:
        """A capture, of which this is the best frame; it is reported once it is safe on disk."""
        self._firsts.setdefault(best.frame.index, deque()).append((visit, number))

    def saved(self, picture: Path, graded: Graded) -> None:
        """A captured frame is safe on disk."""
        index = graded.frame.index
        if places := self._firsts.get(index):
            place = places.popleft()
            if not places:
                del self._firsts[index]
            if self.preview is not None:
                self.preview.captured(graded, *place)
        if self._printing is not None:
            self._printing.kept(index, line_of(graded))
            judged = {} if self._judge is None else {"criterion": self._judge.record(graded)}
            self._event("captured", file=str(picture), **_found(graded), **judged)

    def ended(self, judge: Judge | None) -> None:
        """Everything of a visit is on disk: what the criterion says of it."""
        if self._printing is not None and judge is not None:
            self._printing.keep(judge.summary_line())

    def visit(self, visits: Visits) -> None:
        """Something of the visit of now has changed."""
        with self._telling:  # or an older state would be told after a newer one
            if self.preview is not None:
                self.preview.visit(visit_state(visits))

    def close(self) -> None:
        """Wait a moment for a slow reader, and report what was dropped."""
        if self._printing is not None:
            self._printing.close()
            dropped = self._printing.dropped
            if dropped and self._printing.ended is None:
                lines = "1 line" if dropped == 1 else f"{dropped} lines"
                kept = f", {self._printing.lost} of them of what was kept" if self._printing.lost else ""
                self._say(f"note: {lines} of --json dropped{kept}: the reader was too slow; nothing else waited for it")
        self.words.flush()

    def _say(self, words: str) -> None:
        self.words.post(lambda: cli.err.print(cli.one_line(words), markup=False))

    def __enter__(self) -> Reporter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _event(self, kind: str, **said: object) -> None:
        """What happens between frames, among the lines of ``--json``."""
        if self._printing is not None:
            self._printing.keep(json.dumps({"event": kind, **said}))

    def _unread(self, error: OSError) -> None:
        if not isinstance(error, BrokenPipeError):
            self.report(f"{unprinted(error)}; the session {'goes on' if self._alone is None else 'ends'}.")
        if self._alone is not None:
            self._alone()


def _found(graded: Graded) -> dict[str, object]:
    assessment: Assessment = graded.assessment
    return {"index": graded.frame.index, "score": round(assessment.score, 4), "verdict": assessment.verdict}
