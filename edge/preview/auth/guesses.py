"""Delay after a wrong token or cookie, shared by all guesses from the same source."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

WRONG_S = 0.5  # between a wrong guess and the next check, for each source
_LONGEST_LINE = 8  # guesses that wait for their turn
_MOST_SOURCES = 1024  # remembered


class TooManyGuessesError(Exception):
    """The queue of this source is full; nothing was checked."""


@dataclass
class _Line:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0
    free: float = 0.0  # when the next guess is checked, by ``time.monotonic``


class Guesses:
    """One queue for each source.

    Guesses are checked one after another, so that many at once, or ones that do not wait for their answer, learn no
    more than sequential ones.
    """

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}

    async def right(self, source: str, look: Callable[[], bool]) -> bool:
        """Whether a guess is right; immediate unless a wrong guess came from that source just now.

        Raises:
            TooManyGuessesError: too many wait already.
        """
        line = self._line(source)
        if line.waiting >= _LONGEST_LINE:
            raise TooManyGuessesError
        line.waiting += 1
        try:
            async with line.turn:
                await asyncio.sleep(max(0.0, line.free - time.monotonic()))
                if look():
                    return True
                line.free = time.monotonic() + WRONG_S
            await asyncio.sleep(WRONG_S)
            return False
        finally:
            line.waiting -= 1

    def _line(self, source: str) -> _Line:
        if len(self._lines) >= _MOST_SOURCES:
            now = time.monotonic()
            self._lines = {key: each for key, each in self._lines.items() if each.waiting or each.free > now}
        return self._lines.setdefault(source, _Line())
