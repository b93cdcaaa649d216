"""What goes by itself: never what is undelivered, the oldest first, and no more than the policy asks for."""

from __future__ import annotations

import math
import os
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.capture.retention.delete import remove
from edge.capture.retention.policy import Clock, Policy, age_s, clean, must_stay, plan, start_clock
from edge.capture.retention.visits import Visit, visits_in

from .folders import names, put_foreign, put_visit

DAY = 86400.0
NOW = 1_800_000_000.0  # January 2027
CLOCK = Clock(NOW, NOW - 3600, 3600)
KINDS = ("delivered", "waiting", "pending", "unsent")


def visit(number: int, *, age: float = 0.0, size: int = 100, **more: int | bool) -> Visit:
    counts = {**dict.fromkeys(KINDS, 0), **more}
    ended = NOW - age * DAY
    return Visit(number, Path(f"session-{number}"), ended, ended, 9, size, **counts)  # type: ignore[arg-type]


FEW = st.integers(0, 2)
PARTS = st.tuples(
    st.floats(-400, 20_000),
    st.integers(0, 10**9),
    st.fixed_dictionaries({**dict.fromkeys(KINDS, FEW), "running": st.booleans()}),
)


def numbered(parts: list[tuple[float, int, dict[str, int]]]) -> list[Visit]:
    return [visit(number, age=age, size=size, **more) for number, (age, size, more) in enumerate(parts, 1)]


VISITS = st.lists(PARTS, max_size=12).map(numbered)
POLICIES = st.builds(Policy, st.none() | st.integers(1, 400), st.none() | st.integers(0, 5 * 10**9), st.booleans())


@given(VISITS, POLICIES)
def test_undelivered_running_and_the_newest_stay(visits: list[Visit], policy: Policy) -> None:
    wanted = plan(visits, policy, CLOCK)
    gone = [*wanted.old, *wanted.large]
    assert len({each.number for each in gone}) == len(gone)
    for each in gone:
        assert each.waiting == each.pending == 0
        assert not (policy.hand_over and each.unsent)
        assert not each.running
        assert each is not visits[-1]
    for each in wanted.held:
        assert must_stay(each, policy)
        assert each not in gone


@given(VISITS, POLICIES)
def test_as_much_as_the_policy_asks_and_no_more(visits: list[Visit], policy: Policy) -> None:
    wanted = plan(visits, policy, CLOCK)
    gone = {each.number for each in (*wanted.old, *wanted.large)}
    free = [each for each in visits[:-1] if not each.running and not must_stay(each, policy)]
    if policy.keep_days is None:
        assert not wanted.old
    else:
        limit = policy.keep_days * DAY
        assert {each.number for each in wanted.old} == {each.number for each in free if age_s(each, CLOCK) > limit}
    left = sum(each.size for each in visits if each.number not in gone)
    if policy.max_bytes is None:
        assert not wanted.large
        assert wanted.excess == 0
    else:
        assert wanted.excess == max(0, left - policy.max_bytes)
        if wanted.excess:  # then everything that may go is gone
            assert gone == {each.number for each in free}
        if wanted.large:  # without the last of them it would not have been enough
            assert left + wanted.large[-1].size > policy.max_bytes


@given(VISITS, POLICIES)
def test_delivered_ones_go_first_and_of_those_the_oldest(visits: list[Visit], policy: Policy) -> None:
    wanted = plan(visits, policy, CLOCK)
    order = [(not each.arrived, each.number) for each in wanted.large]
    assert order == sorted(order)
    gone = {each.number for each in (*wanted.old, *wanted.large)}
    stays = [
        each for each in visits[:-1] if not each.running and not must_stay(each, policy) and each.number not in gone
    ]
    if wanted.large and stays:
        assert max(order) < min((not each.arrived, each.number) for each in stays)


MARK = st.sampled_from([None, "pending", "waiting", "delivered"])


@given(st.lists(st.tuples(st.lists(MARK, max_size=3), st.integers(0, 1), st.floats(-2, 60)), max_size=5), POLICIES)
def test_on_real_files_nothing_undelivered_and_nothing_foreign_goes(
    made: list[tuple[list[str | None], int, float]], policy: Policy
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        foreign: dict[Path, set[str]] = {}
        files: dict[int, tuple[Path, set[str]]] = {}
        for number, (marks, bare, age) in enumerate(made, 1):
            where = put_visit(out, number, tuple(marks), bare=bare, ended=NOW - age * DAY)
            files[number] = where, names(where)
            foreign[where] = put_foreign(where)
        clean(out, policy, CLOCK)
        after = {each.number for each in visits_in(out)}
        for where, kept in foreign.items():
            assert kept <= names(where)
        for number, (where, own) in files.items():
            marks, bare, _ = made[number - 1]
            promised = "waiting" in marks or "pending" in marks
            if promised or (policy.hand_over and (bare or None in marks)) or number == len(made):
                assert number in after
            present = names(where) - foreign[where] - {f"session-{n}" for n in files}
            assert present == (own - {f"session-{n}" for n in files} if number in after else set())


def test_a_clock_that_was_set_back_makes_nothing_old() -> None:
    assert age_s(visit(1, age=-3), CLOCK) == 0
    assert plan([visit(1, age=-400), visit(2)], Policy(keep_days=1), CLOCK).old == ()


def test_a_clock_that_is_set_ahead_makes_nothing_of_today_old() -> None:
    """A device without a battery for its clock begins where it was switched off, and is set by the network later."""
    began = NOW - 100 * DAY
    ahead = Clock(NOW, began, 1800.0)
    today = visit(1, age=100 - 600 / DAY)
    assert age_s(today, ahead) == 1800
    assert plan([today, visit(2)], Policy(keep_days=30), ahead).old == ()
    earlier = visit(1, age=101)
    assert plan([earlier, visit(2)], Policy(keep_days=30), ahead).old == (earlier,)


@pytest.mark.parametrize("ended", [0.0, 946_684_800.0, 1_600_000_000.0])
def test_what_was_made_before_the_clock_was_set_is_of_no_age(ended: float) -> None:
    never = Visit(1, Path("x"), ended, ended, 1, 100, 1, 0, 0, 0)
    assert age_s(never, CLOCK) == 0
    wanted = plan([never, visit(2)], Policy(keep_days=1, max_bytes=150), CLOCK)
    assert (wanted.old, wanted.large) == ((), (never,))  # the size needs no clock


def test_the_order_is_that_of_the_numbers_whatever_the_clock_said() -> None:
    first, second = visit(1, age=-50, delivered=1), visit(2, age=50, delivered=1)
    assert plan([second, visit(3), first], Policy(max_bytes=250), CLOCK).large == (first,)


@given(st.floats(allow_nan=False), st.floats(0, 1e9), st.floats(0, 1e9))
def test_no_age_is_negative_or_above_what_is_known(ended: float, began: float, lasts: float) -> None:
    clock = Clock(began + lasts, began, lasts)
    age = age_s(Visit(1, Path("x"), ended, ended, 0, 0, 0, 0, 0, 0), clock)
    assert 0 <= age < math.inf
    if ended >= began:
        assert age <= lasts


def test_files_of_last_month_go_and_those_of_today_stay(tmp_path: Path) -> None:
    month = time.time() - 40 * DAY
    put_visit(tmp_path, 1, ("delivered",), ended=month)
    put_visit(tmp_path, 2, ("delivered", "waiting"), ended=month)
    put_visit(tmp_path, 3, (None,), bare=1, ended=month)
    put_visit(tmp_path, 4, ended=month)
    put_visit(tmp_path, 5, ("delivered",))
    put_visit(tmp_path, 6, ("delivered",), ended=month)  # the newest
    done = clean(tmp_path, Policy(keep_days=30, hand_over=True), start_clock())
    assert [each.number for each in done.old] == [1, 4]
    assert [each.number for each in done.plan.held] == [2, 3]
    assert [each.number for each in visits_in(tmp_path)] == [2, 3, 5, 6]
    done = clean(tmp_path, Policy(keep_days=30), start_clock())  # without --hand-over age alone, but for what waits
    assert [each.number for each in done.old] == [3]
    assert [each.number for each in visits_in(tmp_path)] == [2, 5, 6]


def test_what_cannot_be_removed_is_told_of_and_the_others_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3, 4):
        put_visit(tmp_path, number, size=1000)
    unlink = os.unlink

    def refuse(path: str, **more: int) -> None:
        if more and os.fstat(more["dir_fd"]).st_ino == (tmp_path / "session-2").stat().st_ino:
            raise OSError(5, "Input/output error")
        unlink(path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        done = clean(tmp_path, Policy(max_bytes=0))
    assert [each.number for each in done.large] == [1, 3]
    assert len(done.troubles) == 1
    assert "session-2 could not be deleted completely (Input/output error)" in done.troubles[0]


def test_removing_what_another_was_quicker_with_is_no_trouble(tmp_path: Path) -> None:
    put_visit(tmp_path, 2)
    put_visit(tmp_path, 3)
    gone = visits_in(tmp_path)[0]
    remove(gone)
    assert clean(tmp_path, Policy(max_bytes=0)).troubles == ()
