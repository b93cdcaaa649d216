"""How far a hand-over is, and what is said of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from edge.archive.refusal import ArchiveRefusedError
from edge.errors import first_line

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    """How far a hand-over is.

    Attributes:
        state: ``sent``, everything; ``waiting``, some files; ``failed``, some, and the archive took one of them not.
        files: that were sent since the program began, or are left.
    """

    state: Literal["sent", "waiting", "failed"]
    files: int


def guarded(say: Callable[[str], None]) -> Callable[[str], None]:
    """A message function that never raises: deliveries go on even if their reader has gone."""

    def say_it(sentence: str) -> None:
        try:
            say(sentence)
        except Exception:
            log.debug("could not report: %s", sentence, exc_info=True)

    return say_it


def files_words(number: int) -> str:
    """A number of files, for people."""
    return "1 DICOM file" if number == 1 else f"{number} DICOM files"


def reason_for(error: Exception) -> str:
    """The reason of a failure; for an unexpected error only its type, because its text may quote the server."""
    if not isinstance(error, (OSError, ArchiveRefusedError)):
        return f"{type(error).__name__}"
    return str(getattr(error, "strerror", None) or first_line(error)).rstrip(".")
