"""Waiting for a server that fails for a while: all that is asked of it waits together, and not for ever."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from typing import TypeVar

from edge.archive.refusal import ArchiveRefusedError
from edge.images.limits import RefusedError
from edge.sources.shared import Shared

_Result = TypeVar("_Result")
LONGEST_S = 90.0  # without an answer, all photographs of a place together; then each is tried once
FIRST_S = 10.0  # of a place that never answered: its address may be wrong
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 20.0
_LOOK_S = 0.25  # how soon the end of the run is noticed
_QUIET_S = 2.0  # of waiting that is not worth a word
log = logging.getLogger(__name__)
# What is no better a moment later; statuses of HTTP that are: too slow, too many requests.
_FINAL = (
    RefusedError, ArchiveRefusedError, FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError,
    ImportError, NotImplementedError, ValueError, TypeError, KeyError, AttributeError,
)  # fmt: skip
_FINAL_NAMES = ("NoCredentialsError", "ClientAuthenticationError", "DefaultCredentialsError", "InvalidURL")
_PASSING = (408, 425, 429)


class Patience:
    """How long one place is waited for. That it is, is told of once, and again where it has answered since."""

    def __init__(self, ended: threading.Event, place: str = "a server") -> None:
        self._ended, self._place = ended, place
        self._since: float | None = None  # the first failure of those that nothing has come after
        self._longest = FIRST_S
        self._told = False

    def try_(self, work: Callable[[], _Result]) -> _Result:
        """Do something, again after growing pauses while the place fails and patience lasts.

        Raises:
            Exception: of the last try.
        """
        pause = _FIRST_PAUSE_S
        while True:
            try:
                done = self._unless_ended(work)
            except Exception as error:
                cause = true_cause(error)
                if _is_final(cause):
                    raise cause from None
                now = time.monotonic()
                self._since = now if self._since is None else self._since
                left = self._since + self._longest - now
                if not self._told and now - self._since >= _QUIET_S:
                    self._told = True
                    log.warning("%s fails and is waited for, %.0f seconds at most", self._place, self._longest)
                if left <= 0 or self._ended.wait(min(pause, left)):
                    raise cause from None
                pause = min(2 * pause, _LONGEST_PAUSE_S)
            else:
                self._since, self._longest, self._told = None, LONGEST_S, False
                return done

    def _unless_ended(self, work: Callable[[], _Result]) -> _Result:
        """Do something in another thread, which is left alone at the end of the run: a server may give no end of it.

        Raises:
            RefusedError: the run has ended.
        """
        done: Future[_Result] = Future()

        def run() -> None:
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=run, name="ask", daemon=True).start()
        while not self._ended.is_set():
            wait([done], _LOOK_S)
            if done.done():
                return done.result()
        raise RefusedError("was not read: the run has ended")


def patience_with(place: Hashable, shared: Shared) -> Patience:
    """That with one bucket or host."""
    name = "://".join(place) if isinstance(place, tuple) else str(place)
    return shared.once("patience", place, lambda: Patience(shared.ended, name.rpartition("@")[2]))


def true_cause(error: BaseException) -> BaseException:
    """What is behind an error: fsspec says of every failure of a web server that the file is not found."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and cause is not None and not isinstance(cause, FileNotFoundError):
        return cause
    return error


def status_of(error: BaseException) -> int | None:
    """The status of HTTP in an error of a library."""
    status = getattr(error, "status", None)
    return status if isinstance(status, int) else None


def _is_final(error: BaseException) -> bool:
    status = status_of(error)
    if status is not None:
        return 300 <= status < 500 and status not in _PASSING
    return isinstance(error, _FINAL) or type(error).__name__ in _FINAL_NAMES
