"""What edge-capture says while it runs: on the console, as lines of JSON, and on the page."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path

from edge.capture.loop import Graded
from edge.capture.record import line_of
from edge.commands import cli
from edge.preview.server import Preview


class Teller:
    """Tells everybody who listens; may be called from any thread.

    Attributes:
        preview: the page, once there is one.
        troubles: whether something failed.
    """

    def __init__(self, json_lines: bool) -> None:
        self.preview: Preview | None = None
        self.troubles = False
        self._json_lines = json_lines
        self._firsts: set[int] = set()  # the best frame of each capture, without its runners-up

    def report(self, sentence: str) -> None:
        """Something failed, and the session goes on."""
        self.troubles = True
        cli.err.print(cli.one_line(f"error: {sentence}"), markup=False)
        if self.preview is not None:
            self.preview.tell(sentence)

    def note(self, sentence: str) -> None:
        """Something that the operator must know."""
        cli.err.print(cli.one_line(f"note: {sentence}"), markup=False)
        self._event("note", says=sentence)
        if self.preview is not None:
            self.preview.tell(sentence)

    def graded(self, graded: Graded) -> None:
        """A frame."""
        if self.preview is not None:
            self.preview.publish(graded)
        if self._json_lines:
            _print_line(line_of(graded))

    def fired(self, best: Graded) -> None:
        """A capture, of which this is the best frame; it is told of once it is safe on disk."""
        self._firsts.add(best.frame.index)

    def saved(self, picture: Path, graded: Graded) -> None:
        """A captured frame is safe on disk."""
        if self.preview is not None and graded.frame.index in self._firsts:
            self.preview.captured(graded)
        self._event("captured", file=str(picture))

    def _event(self, kind: str, **said: str) -> None:
        """What happens between frames, among the lines of ``--json``; the next frame meets a reader that left."""
        if self._json_lines:
            with contextlib.suppress(BrokenPipeError):
                _print_line(json.dumps({"event": kind, **said}))


def _print_line(line: str) -> None:
    """A whole line at once: it may come from another thread than the frames."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
