"""What the library says while it works is shown by the command, and by nobody else."""

from __future__ import annotations

import io
import logging

import pytest
from rich.console import Console

from edge.commands.console.work import shown_on
from edge.progress import followed, progress, shown, shown_by


def on(terminal: bool) -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, force_terminal=terminal, width=100, soft_wrap=True, highlight=False), text


def test_a_record_is_a_line_and_a_warning_says_so() -> None:
    console, text = on(terminal=False)
    with shown_on(console):
        logging.getLogger("trainer.steps.prior").info("prior: %s", "finished [already]")
        logging.getLogger("edge.engines.cache").warning("the cached engine is built again")
        logging.getLogger("edge.capture.loop").debug("not for people")
        logging.getLogger("somebody.else").warning("not ours")
    logging.getLogger("edge").info("afterwards")
    assert text.getvalue().splitlines() == [
        "prior: finished [already]",
        "warning: the cached engine is built again",
    ]


def test_nothing_is_left_behind() -> None:
    loggers = [logging.getLogger(name) for name in ("edge", "trainer", "calibration", "benchmarks")]
    before = [(logger.level, list(logger.handlers)) for logger in loggers], shown()
    with pytest.raises(KeyError), shown_on(on(terminal=False)[0]):
        raise KeyError
    assert ([(logger.level, list(logger.handlers)) for logger in loggers], shown()) == before


def test_a_training_says_each_tenth_where_there_is_no_terminal() -> None:
    console, text = on(terminal=False)
    with shown_on(console), progress("prior", 20, done=10) as tick:
        for done in range(11, 21):
            tick(done, 0.25)
    assert text.getvalue().splitlines() == [f"prior: step {done} of 20, loss 0.2500" for done in range(12, 21, 2)]


def test_bars_are_drawn_on_a_terminal_one_below_the_other_and_are_gone_afterwards() -> None:
    console, text = on(terminal=True)
    with shown_on(console):
        assert list(followed("ab", "reading", 2)) == ["a", "b"]
        with progress("building", 3) as outer, progress("  layers") as inner:
            outer(1)
            inner(7)
            drawn = text.getvalue()
    assert all(words in drawn for words in ("reading", "building", "  layers", "7/?", "1/3", " a second"))
    left = text.getvalue()[len(drawn) :]
    assert "\x1b[2K" in left  # the lines are wiped
    assert "\x1b[?25h" in left  # and the cursor is there again


def test_nobody_hears_a_library_that_is_not_run_by_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    with progress("reading", 3) as tick:
        tick(1)
    assert list(followed("ab", "reading", 2)) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_a_thread_may_show_what_its_maker_shows() -> None:
    console, _ = on(terminal=True)
    with shown_on(console):
        show = shown()
    with shown_by(show):
        assert shown() is show
    assert shown() is not show
