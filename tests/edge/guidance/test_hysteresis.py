"""Where a hint points: to where its cause is now, without flicker."""

from __future__ import annotations

import itertools
import math

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.guidance.hint import OF_A_FRAME, Code, Hint
from edge.guidance.hysteresis import Hysteresis


def at(hour: float) -> tuple[float, float]:
    return 0.5 * math.sin(hour * math.pi / 6), -0.5 * math.cos(hour * math.pi / 6)


def hints(*told: tuple[Code, float | None, float]) -> list[Hint]:
    """The hints of every frame at 30 fps; for each cause its hour and how long it lasts, in seconds."""
    calm, made, t = Hysteresis(), [], 0.0
    for code, hour, seconds in told:
        for _ in range(round(seconds * 30)):
            made.append(calm.show(code, None if hour is None else at(hour), t))
            t += 1 / 30
    return made


def test_shadow_that_comes_back_elsewhere_is_not_pulled_to_where_it_was() -> None:
    made = hints(("edge_shadow", 3, 1.0), ("hold", None, 2.0), ("edge_shadow", 10, 1.0))
    assert {hint.clock for hint in made[:30]} == {3}
    assert {hint.clock for hint in made[60:] if hint.code == "edge_shadow"} == {10}


def test_direction_follows_a_cause_that_moves_but_does_not_tremble() -> None:
    made = hints(("off_centre", 3, 1.0), ("off_centre", 9, 2.0))
    assert made[-1].clock == 9
    changes = sum(before != after for before, after in itertools.pairwise(made))
    assert changes <= 2 * len(made) / 30
    trembling = [("edge_shadow", 10 + 0.6 * (index % 2), 0.1) for index in range(30)]
    assert len(set(hints(*trembling))) == 1  # type: ignore[arg-type]


@given(
    codes=st.lists(st.sampled_from(OF_A_FRAME), min_size=20, max_size=120),
    fps=st.sampled_from([5.0, 15.0, 30.0, 60.0]),
    places=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_no_more_than_two_changes_a_second_whatever_is_seen(codes: list[Code], fps: float, places: bool) -> None:
    calm, at, last = Hysteresis(), [], None
    for n, code in enumerate(codes):
        hint = calm.show(code, (0.5, 0.5) if places else None, n / fps)
        if last is not None and (hint.code, hint.clock) != last:
            at.append(n / fps)
        last = hint.code, hint.clock
    assert all(later - earlier >= 0.5 - 1e-6 for earlier, later in itertools.pairwise(at))
