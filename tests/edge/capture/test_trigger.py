"""When the shutter falls: only on a good picture in a still hand, and on the best of the moment."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edge.assessment import Assessment, Timings
from edge.bundle.bundle import Thresholds
from edge.camera.protocol import Frame
from edge.capture.graded import Graded
from edge.capture.trigger import RING_S, TRIGGER_PROFILES, Trigger
from edge.field.find import Crop
from edge.guidance.absence import NEXT_EYE_S
from edge.guidance.hint import Code, Hint
from edge.phantom.retina import phantom_frame

FPS = 30
THRESHOLDS = Thresholds(0.05, 0.8, 0.9)
EYE = phantom_frame(4)
CROP = Crop(0, 0, min(EYE.shape[:2]))


def graded(index: int, score: float = 0.95, shift: int = 0, hint: Code | None = "hold", gone: bool = False) -> Graded:
    """A frame of a synthetic eye, moved to the right by so many pixels."""
    image = np.roll(EYE, shift, axis=1)
    cells = np.ones((4, 4), bool)
    verdict = "no_fundus" if gone else "good"
    assessment = Assessment(
        score, verdict, np.zeros((4, 4), np.float32), cells, None if gone else CROP, Timings(1.0, 2.0, 3.0)
    )
    t = index / FPS
    return Graded(Frame(image, index, t), assessment, t, 5.0, Hint(hint) if hint is not None else None)


def fired_at(trigger: Trigger, frames: list[Graded]) -> list[int]:
    return [frame.frame.index for frame in frames if trigger.update(frame) is not None]


@pytest.mark.parametrize("strictness", TRIGGER_PROFILES)
def test_fires_once_when_good_and_still_for_long_enough(strictness: str) -> None:
    trigger = Trigger(strictness, THRESHOLDS)  # type: ignore[arg-type]
    (at,) = fired_at(trigger, [graded(i) for i in range(90)])
    hold = TRIGGER_PROFILES[strictness].hold_s  # type: ignore[index]
    # The first frame has none before it, so nothing is known of the hand.
    assert at == pytest.approx(1 + hold * FPS, abs=1)


def test_does_not_fire_while_the_hand_moves() -> None:
    moving = [graded(i, shift=12 * i) for i in range(30)]  # half a field in a second
    assert fired_at(Trigger("strict", THRESHOLDS), moving) == []
    assert fired_at(Trigger("easy", THRESHOLDS), [graded(i, shift=2 * (i % 2)) for i in range(30)]) != []


@pytest.mark.parametrize(("strictness", "score", "fires"), [("easy", 0.81, True), ("normal", 0.79, False),
                                                           ("normal", 0.81, True), ("strict", 0.86, False),
                                                           ("strict", 0.91, True)])  # fmt: skip
def test_strictness_is_a_score(strictness: str, score: float, fires: bool) -> None:
    trigger = Trigger(strictness, THRESHOLDS)  # type: ignore[arg-type]
    assert bool(fired_at(trigger, [graded(i, score) for i in range(40)])) is fires


def test_waits_for_the_hint_except_when_easy() -> None:
    blurred = [graded(i, hint="blur") for i in range(40)]
    assert fired_at(Trigger("normal", THRESHOLDS), blurred) == []
    assert fired_at(Trigger("easy", THRESHOLDS), blurred) != []
    assert fired_at(Trigger("easy", THRESHOLDS), [graded(i, hint="off_centre") for i in range(40)]) == []
    assert fired_at(Trigger("normal", THRESHOLDS), [graded(i, hint=None) for i in range(40)]) != []


def test_keeps_the_best_of_the_moment_and_the_runners_up() -> None:
    scores = {5: 0.981, 7: 0.995, 9: 0.97}
    trigger = Trigger("normal", THRESHOLDS, keep=3)
    fired = [f for i in range(20) if (f := trigger.update(graded(i, scores.get(i, 0.95))))]
    assert [g.frame.index for g in fired[0].frames] == [7, 5, 9]


def test_a_better_moment_of_the_same_eye_fires_again_and_an_equal_one_does_not() -> None:
    trigger = Trigger("easy", THRESHOLDS)
    frames = [graded(i, 0.85) for i in range(120)] + [graded(i, 0.95) for i in range(120, 240)]
    fired = [f for frame in frames if (f := trigger.update(frame))]
    assert [f.eye for f in fired] == [1, 1]
    assert fired[1].frames[0].assessment.score == 0.95


def test_moments_that_get_better_and_better_are_not_captured_more_often_than_every_two_seconds() -> None:
    frames = [graded(i, 0.85 + 0.001 * i) for i in range(140)]
    shots = fired_at(Trigger("easy", THRESHOLDS), frames)
    assert len(shots) >= 2
    assert min(later - earlier for earlier, later in itertools.pairwise(shots)) >= 2 * FPS


def test_the_next_eye_is_the_one_after_the_retina_was_gone() -> None:
    trigger = Trigger("normal", THRESHOLDS)
    blink, away = round(0.3 * FPS), round(NEXT_EYE_S * FPS) + 2
    plan = [False] * 60 + [True] * blink + [False] * 60 + [True] * away + [False] * 60
    frames = [graded(i, 0.0 if gone else 0.95, hint="no_fundus" if gone else "hold", gone=gone)
              for i, gone in enumerate(plan)]  # fmt: skip
    fired = [f for frame in frames if (f := trigger.update(frame))]
    assert [f.eye for f in fired] == [1, 2]


def test_a_manual_trigger_takes_the_best_of_the_last_moments() -> None:
    trigger = Trigger("strict", THRESHOLDS)
    assert trigger.manual() is None
    for i in range(60):
        trigger.update(graded(i, 0.5 + (0.2 if i in (5, 50) else 0), hint="blur"))
    fired = trigger.manual()
    assert fired is not None
    assert fired.frames[0].frame.index == 50
    assert all(fired.t - g.t <= RING_S for g in fired.frames)


def test_a_gap_between_frames_is_no_stillness() -> None:
    assert fired_at(Trigger("easy", THRESHOLDS), [graded(i * 20) for i in range(10)]) == []


def test_keep_must_be_positive() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Trigger("easy", THRESHOLDS, keep=0)


def test_another_strictness_forgets_nothing() -> None:
    """The second eye stays the second, and what was captured is not captured again."""
    trigger = Trigger("strict", THRESHOLDS)
    assert len(fired_at(trigger, [graded(i) for i in range(40)])) == 1
    gone = int(NEXT_EYE_S * FPS) + 3
    assert fired_at(trigger, [graded(40 + i, hint="no_fundus", gone=True) for i in range(gone)]) == []
    fired = [done for i in range(40) if (done := trigger.update(graded(40 + gone + i))) is not None]
    assert [done.eye for done in fired] == [2]
    trigger.set_strictness("easy")
    later = [done for i in range(100) if (done := trigger.update(graded(80 + gone + i))) is not None]
    assert later == []  # nothing better than what it has
