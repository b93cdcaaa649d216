"""Progress of long work: the working code calls ``tick``, and the command decides how progress is shown.

As with the handlers of ``logging``, a command sets this once, and no function in between passes it on. Nothing is shown
unless it was set, so a program that uses this library sees no bar.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar

Item = TypeVar("Item")


class Tick(Protocol):
    """Called after each step with the number of those that are done, and a training's loss."""

    def __call__(self, done: int, loss: float | None = None, /) -> None: ...


# Its arguments: a name, the number of steps (None if unknown), and how many of them are already done.
Show = Callable[[str, int | None, int], AbstractContextManager[Tick]]


@contextmanager
def _unseen(what: str, total: int | None, done: int) -> Iterator[Tick]:
    yield lambda done, loss=None: None


_show: ContextVar[Show] = ContextVar("show", default=_unseen)


@contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """Show the progress of this thread by ``show``."""
    before = _show.set(show)
    try:
        yield
    finally:
        _show.reset(before)


def shown() -> Show:
    """The function that shows the progress of this thread, for work that continues in another thread."""
    return _show.get()


def progress(what: str, total: int | None = None, done: int = 0) -> AbstractContextManager[Tick]:
    """Show long work; yields the function to call after each step."""
    return shown()(what, total, done)


def followed(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """The items, with progress for each one that is done."""
    with progress(what, total) as tick:
        for number, item in enumerate(items, 1):
            yield item
            tick(number)
