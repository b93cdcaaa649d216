from __future__ import annotations

import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.compare.ab_test import (
    CALLS,
    COLD,
    ROUNDS,
    Difference,
    find,
    judge,
    judge_samples,
    take_turns,
    too_noisy,
    too_slow,
)
from benchmarks.compare.check import check
from benchmarks.compare.subjects import SHIPPED, open_rival, split
from edge.metrics.intervals import bootstrap, centre, signed_rank_limit
from edge.phantom import phantom_frame

Rounds = tuple[NDArray[np.float64], NDArray[np.float64]]


def machine(generator: np.random.Generator, slowdown: float, rounds: int = ROUNDS) -> Rounds:
    """Turns on a machine whose speed drifts, with noise of every turn and call, and stalls."""
    drift = np.cumsum(generator.normal(0, 0.01, 2 * rounds)).reshape(rounds, 2)

    def side(column: int) -> NDArray[np.float64]:
        turn = np.exp(drift[:, column] + generator.normal(0, 0.015, rounds))
        calls = 3 * turn[:, None] * np.exp(np.abs(generator.normal(0, 0.05, (rounds, CALLS))))
        return calls + 10 * (generator.random((rounds, CALLS)) < 0.02)

    return side(0), (1 + slowdown) * side(1)


def test_equals_are_not_called_different_and_three_percent_are_found() -> None:
    generator = np.random.default_rng(7)
    equals = [judge(*machine(generator, 0.0)).finding for _ in range(200)]
    planted = [judge(*machine(generator, 0.03)).finding for _ in range(100)]
    assert 200 - equals.count("no difference") <= 2
    assert planted.count("slower") >= 95


@pytest.mark.slow
def test_compare_can_be_trusted_on_the_real_model() -> None:
    """Some of the pairs that ``python -m benchmarks.commands.check`` takes all of; on a busy machine it may miss."""
    with open_rival(SHIPPED, [phantom_frame(0)], None) as rival:
        assert rival.assess is not None
        done = check(rival.assess, equals=10, planted=5, share=0.03, rounds=ROUNDS)
    assert done.called_different == 0
    assert done.found >= 4


def test_turns_alternate_and_the_cold_calls_are_not_counted() -> None:
    order: list[str] = []
    a_ms, b_ms, interrupted = take_turns(lambda index: order.append("A"), lambda index: order.append("B"), 4, 5)
    assert not interrupted
    assert a_ms.shape == b_ms.shape == (4, 5)
    turn = COLD + 5
    assert "".join(order).endswith("A" * turn + "B" * 2 * turn + "A" * 2 * turn + "B" * 2 * turn + "A" * turn)


def test_three_times_as_slow_is_found_by_the_clock(clock: Any) -> None:
    a_ms, b_ms, _ = take_turns(lambda index: clock.sleep(0.001), lambda index: clock.sleep(0.003), 12, 4)
    found = judge(a_ms, b_ms)
    assert found.finding == "slower"
    assert found.low <= found.ratio <= found.high
    assert judge(b_ms, a_ms).finding == "faster"
    assert judge(b_ms, a_ms).ratio == pytest.approx(1 / found.ratio)


def test_ctrl_c_keeps_the_rounds_that_are_done() -> None:
    def stop(done: int) -> None:
        if done == 11:
            raise KeyboardInterrupt

    a_ms, b_ms, interrupted = take_turns(lambda index: None, lambda index: None, 50, 3, stop)
    assert interrupted
    assert judge(a_ms, b_ms, interrupted).rounds == 11


def test_ctrl_c_ends_the_check_of_compare_in_the_middle_of_a_pair() -> None:
    calls = 0

    def call(index: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 1000:  # both are warm after 800 at most, a round takes 46, and a pair 60 rounds
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        check(call, equals=3, planted=0, share=0.03, rounds=ROUNDS)
    assert calls == 1000


@pytest.mark.parametrize(("low", "high", "finding"), [(0.9, 0.98, "faster"), (1.011, 1.2, "slower")])
def test_the_whole_interval_must_lie_beyond_the_margin(low: float, high: float, finding: str) -> None:
    assert find(low, high, 0.01) == finding
    assert find(low, 1.02, 0.01) == ("no difference" if low < 1 else "slower")
    assert find(1.001, 1.3, 0.01) == find(0.7, 0.999, 0.01) == "no difference"


def difference(ratio: float, low: float, high: float) -> Difference:
    return Difference(3.0, 3.0 * ratio, ratio, low, high, 0.995, 0.01, find(low, high, 0.01), 60, 20)


def test_a_limit_is_broken_by_what_is_surely_slower_and_likely_beyond_it() -> None:
    assert too_slow(difference(1.06, 1.04, 1.08), 0.05)
    assert not too_slow(difference(1.04, 1.03, 1.06), 0.05)
    assert not too_slow(difference(1.20, 0.9, 1.5), 0.05)
    assert too_noisy(difference(1.20, 0.9, 1.5), 0.05)
    assert not too_noisy(difference(1.0, 0.99, 1.01), 0.05)


def test_two_runs_that_took_no_turns_need_a_wider_margin() -> None:
    generator = np.random.default_rng(3)
    a = 3 + 0.1 * generator.random(1000)
    assert judge_samples(a, a * 1.03).finding == "no difference"
    assert judge_samples(a, a * 1.10).finding == "slower"
    assert judge_samples(a, a * 0.90).finding == "faster"


@pytest.mark.parametrize(("n", "error", "limit"), [(10, 0.025, 8), (20, 0.005, 37), (5, 0.025, -1), (8, 0.025, 3)])
def test_limits_of_the_signed_rank_are_those_of_the_tables(n: int, error: float, limit: int) -> None:
    assert signed_rank_limit(n, error) == limit


def test_the_interval_of_a_centre_covers_it_as_often_as_its_level() -> None:
    generator = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        _, low, high = centre(0.2 + generator.standard_t(2, 30), 0.95)
        covered += low <= 0.2 <= high
    assert 366 <= covered <= 396


def test_too_few_pairs_give_no_interval() -> None:
    estimate, low, high = centre(np.array([0.1, 0.2, 0.3]), 0.995)
    assert estimate == pytest.approx(0.2)
    assert (low, high) == (-math.inf, math.inf)


def test_the_bootstrap_covers_a_percentile_of_runs_that_drift_together() -> None:
    generator = np.random.default_rng(2)
    true = 1.2815515655  # the p90 of the normal distribution
    covered = 0
    for _ in range(60):
        noise = generator.normal(0, 1, 1003)
        smooth = (noise[:-3] + noise[1:-2] + noise[2:-1] + noise[3:]) / 2  # neighbours alike, variance 1
        low, high = bootstrap(smooth, lambda drawn: np.asarray(np.percentile(drawn, 90, axis=-1)))
        covered += low <= true <= high
    assert covered >= 50


def test_the_bootstrap_of_a_long_run_takes_little_memory() -> None:
    """A night at a camera's pace must not run out of memory; numpy reports to tracemalloc what it takes."""
    samples = np.random.default_rng(4).gamma(2.0, 1.0, 400_000)
    tracemalloc.start()
    try:
        low, high = bootstrap(samples, lambda drawn: np.asarray(drawn.mean(axis=-1)))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert low <= samples.mean() <= high
    assert most < 20 * samples.nbytes


@given(st.text())
def test_any_text_names_a_file_and_an_engine(text: str) -> None:
    path, engine = split(text)
    assert text in (path, f"{path}@{engine}")


def test_an_engine_can_be_named_behind_the_file() -> None:
    assert split("model.efiqa@openvino") == ("model.efiqa", "openvino")
    assert split("eve@home.efiqa") == ("eve@home.efiqa", "auto")
