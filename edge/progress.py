"""How far a long piece of work is: whoever works calls ``tick``, whoever runs a command says how that is shown.

Who shows it is found as the handlers of ``logging`` are: set once, from above, and handed through by nobody in between.
Nothing is shown where nobody asked for it, so a program that uses this library sees no bar.
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


# Of what, how many steps (None where nobody knows), and how many of them were done before.
Show = Callable[[str, int | None, int], AbstractContextManager[Tick]]


@contextmanager
def _unseen(what: str, total: int | None, done: int) -> Iterator[Tick]:
    yield lambda done, loss=None: None


_show: ContextVar[Show] = ContextVar("show", default=_unseen)


@contextmanager
def shown_by(show: Show) -> Iterator[None]:
    """What this thread does from here on is shown by ``show``."""
    before = _show.set(show)
    try:
        yield
    finally:
        _show.reset(before)


def shown() -> Show:
    """What shows the progress of this thread, for work that goes on in another."""
    return _show.get()


def progress(what: str, total: int | None = None, done: int = 0) -> AbstractContextManager[Tick]:
    """A piece of work that takes a while; gives the function to call as it goes on."""
    return shown()(what, total, done)


def followed(items: Iterable[Item], what: str, total: int) -> Iterator[Item]:
    """The items, with progress for each one that is done."""
    with progress(what, total) as tick:
        for number, item in enumerate(items, 1):
            yield item
            tick(number)
