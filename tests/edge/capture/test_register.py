"""What may fire in a visit, what is missing, and what the operator says of it: rules, on frames made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from edge import EdgeError, InputError, Visit, Wanted
from edge.assessment import Assessment, Timings, Verdict
from edge.camera.protocol import Frame
from edge.capture.eye_vote import EyeOfNow
from edge.capture.graded import Graded
from edge.capture.register import Register
from edge.capture.trigger import AGAIN_S, Fired
from edge.capture.visit import BOTH_EYES, Captured, wanted_of
from edge.criteria.criterion import read_criterion
from edge.field.find import Crop
from edge.findings.eye import Eye

GRID = 64
_AXIS = (np.arange(GRID) + 0.5) * 2 / GRID - 1
X, Y = np.meshgrid(_AXIS, _AXIS)
NHS = read_criterion("nhs-desp")
PLACES: dict[tuple[Eye, str], tuple[float, float]] = {  # of macula and disc, in field radii
    ("right", "macula"): (0.0, 0.7),
    ("left", "macula"): (0.0, -0.7),
    ("right", "disc"): (-0.7, 0.0),
    ("left", "disc"): (0.7, 0.0),
}


def spot(x: float) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp((np.hypot(X - x, Y) - 0.18) / 0.02)), np.float32)


def frame(t: float, eye: Eye = "right", field: str = "macula", lost: float = 0.05, verdict: Verdict = "good") -> Graded:
    """A photograph of an eye centred on a field."""
    macula, disc = PLACES[eye, field]
    whole, lossy = np.hypot(X, Y) < 1, np.full((GRID, GRID), lost, np.float32)
    regions = {"macula": spot(macula), "disc": spot(disc)}
    found = Assessment(1 - lost, verdict, lossy, whole, Crop(0, 0, 64), Timings(1, 1, 1), regions)  # type: ignore[arg-type]
    return Graded(Frame(np.zeros((64, 64, 3), np.uint8), round(30 * t), 100 + t), found, t, 5.0)


def take(register: Register, graded: Graded, told: Eye | None, number: int = 1, by: str = "auto") -> Captured | None:
    """What the trigger does at a good moment; the button asks nobody."""
    if by == "auto" and not register.allows(graded, number, told, graded.t):
        return None
    return register.enter(Fired((graded,), graded.t, number), by, told)  # type: ignore[arg-type]


def test_what_is_wanted() -> None:
    assert wanted_of(None) == BOTH_EYES == (Wanted("right"), Wanted("left"))
    four = wanted_of(NHS)
    assert [(each.eye, each.field) for each in four] == [
        ("right", "macula"), ("right", "disc"), ("left", "macula"), ("left", "disc"),
    ]  # fmt: skip
    assert wanted_of(NHS, ("left",)) == (Wanted("left", "macula"), Wanted("left", "disc"))
    assert wanted_of(read_criterion("referral")) == BOTH_EYES
    assert Register(NHS, ("left",), None).visit == Visit(wanted=four[2:])
    with pytest.raises(InputError, match="one eye at least"):
        Register(None, (), None)
    with pytest.raises(InputError, match="there is no eye 'up'"):
        Register(None, ("up",), None)  # type: ignore[arg-type]


def test_each_eye_fires_once_however_good_a_later_moment_is() -> None:
    register = Register(None, ("right", "left"), None)
    assert take(register, frame(1.0, lost=0.4, verdict="usable"), "right") is not None
    assert register.visit.missing == (Wanted("left"),)
    for t in (2.0, 5.0, 60.0):
        assert take(register, frame(t, lost=0.0), "right", number=1) is None
        assert take(register, frame(t, lost=0.0), "right", number=7) is None  # it left and came back
    assert take(register, frame(61.0, "left"), "left", number=2) is not None
    assert register.visit.missing == ()
    assert take(register, frame(70.0), None, number=3) is None  # nothing is wanted any more


def test_each_field_of_each_eye_fires_once_where_two_are_asked_for() -> None:
    register = Register(NHS, ("right", "left"), None)
    taken = []
    for t, (eye, field) in enumerate(2 * [*PLACES], 1):
        taken.append(take(register, frame(5.0 * t, eye, field), eye, number=1 if eye == "right" else 2))
    assert [each is not None for each in taken] == [True] * 4 + [False] * 4
    assert {(each.eye, each.field) for each in taken if each is not None} == {*PLACES}
    assert register.visit.missing == ()


def test_a_field_that_no_programme_asks_for_does_not_fire_by_itself() -> None:
    PLACES["right", "between"] = (-0.5, 0.9)
    elsewhere = frame(1.0, "right", "between")
    assert elsewhere.assessment.field_definition.kind == "other"
    register = Register(NHS, ("right", "left"), None)
    assert take(register, elsewhere, "right") is None
    assert take(register, elsewhere, "right", by="hand") is not None
    assert len(register.visit.missing) == 4


def test_what_is_not_adequate_stays_missing_and_only_an_adequate_one_follows_it() -> None:
    register = Register(NHS, ("right", "left"), None)
    first = take(register, frame(1.0, lost=0.6), "right")
    assert first is not None
    assert not first.adequate
    assert Wanted("right", "macula") in register.visit.missing
    assert take(register, frame(9.0, lost=0.55), "right") is None  # better, and not adequate either
    assert take(register, frame(1.0 + AGAIN_S / 2), "right") is None  # too soon
    assert take(register, frame(10.0), "right") is not None
    assert Wanted("right", "macula") not in register.visit.missing
    assert take(register, frame(20.0), "right") is None


def test_a_poor_picture_by_hand_keeps_no_good_one_from_firing() -> None:
    register = Register(None, ("right", "left"), None)
    assert take(register, frame(1.0, lost=0.9, verdict="reject"), "right", by="hand") is not None
    assert take(register, frame(5.0), "right") is not None


def test_by_hand_it_is_always_taken() -> None:
    register = Register(None, ("right", "left"), None)
    numbers = [take(register, frame(float(t)), "right", by="hand") for t in range(1, 4)]
    assert [each and each.number for each in numbers] == [1, 2, 3]
    assert register.has(frame(3.0))
    assert not register.has(frame(4.0))


@pytest.mark.parametrize("told", ["right", None])
def test_an_eye_that_is_not_told_is_a_question_and_does_not_fire_again(told: Eye | None) -> None:
    register = Register(None, ("right", "left"), None)
    shown = take(register, frame(1.0), None)
    assert shown is not None
    assert (shown.eye, shown.question) == (None, True)
    assert register.visit.missing == BOTH_EYES
    assert take(register, frame(5.0), told, number=1) is None  # the same retina
    assert take(register, frame(9.0, "left"), None, number=2) is not None  # another one
    register.correct_eye(1, "right")
    assert register.visit.missing == (Wanted("left"),)


def test_a_contradiction_counts_for_neither_eye_until_it_is_settled() -> None:
    register = Register(None, ("right", "left"), None)
    register.set_eye("left")
    shown = take(register, frame(1.0), "right")
    assert shown is not None
    assert (shown.eye, shown.told, shown.stated, shown.contradiction) == ("left", "right", "left", True)
    assert register.visit.missing == BOTH_EYES
    assert take(register, frame(5.0), "right") is None
    register.set_eye(None)
    assert take(register, frame(9.0), "right") is None  # it is the same picture, whatever it is called
    settled = register.correct_eye(1, "right")
    assert (settled.eye, settled.stated, settled.contradiction, settled.question) == ("right", "right", False, False)
    assert register.visit.missing == (Wanted("left"),)
    assert take(register, frame(15.0, "left"), "left", number=2) is not None


def test_a_stated_eye_is_that_of_what_is_not_told() -> None:
    register = Register(None, ("left",), "left")
    shown = take(register, frame(1.0), None)
    assert shown is not None
    assert (shown.eye, shown.question) == ("left", False)
    register.set_eye(None)
    register.next()
    assert register.visit.stated == "left"  # as every visit begins
    with pytest.raises(InputError, match="right or left"):
        register.set_eye("both")  # type: ignore[arg-type]


def test_what_is_discarded_is_missing_again_and_fires_a_moment_later() -> None:
    register = Register(None, ("right", "left"), None)
    take(register, frame(1.0), "right")
    assert register.discard(1, 1.5).number == 1
    assert register.visit.missing == BOTH_EYES
    assert take(register, frame(1.6), "right") is None  # what was just not wanted
    again = take(register, frame(1.5 + AGAIN_S), "right")
    assert again is not None
    assert again.number == 2
    for number in (1, 3, 0):
        with pytest.raises(EdgeError, match=f"visit 1 has no capture {number}: it was discarded, or never taken"):
            register.discard(number, 9.0)


def test_after_its_end_a_visit_takes_nothing_and_only_questions_are_answered() -> None:
    register = Register(None, ("right", "left"), None)
    take(register, frame(1.0), "right")
    take(register, frame(3.0, "left"), None, number=2)
    assert register.end().state == "ended"
    assert take(register, frame(9.0, "left"), "left", number=3) is None
    for change in (lambda: register.discard(1, 9.0), lambda: register.correct_eye(1, "left")):
        with pytest.raises(EdgeError, match="visit 1 has ended, and capture 1 with it"):
            change()
    assert register.correct_eye(2, "left").eye == "left"
    with pytest.raises(EdgeError, match="has ended"):
        register.correct_eye(2, "right")
    before = register.next()
    assert (before.number, len(before.captures), before.state) == (1, 2, "ended")
    assert register.visit == Visit(2)
    assert take(register, frame(20.0), "right") is not None


def test_the_eye_of_now_stays_that_of_before_while_the_retina_stays() -> None:
    eyes, nobody = EyeOfNow(), np.zeros((8, 8, 3), np.uint8)

    def look(t: float, told: Eye | None, verdict: Verdict = "good") -> Eye | None:
        untold = Assessment(
            0.9, verdict, np.zeros((GRID, GRID), np.float32), np.hypot(X, Y) < 1, None, Timings(1, 1, 1),
        )  # fmt: skip
        return eyes.update(untold if told is None else frame(t, told).assessment, t, nobody)

    assert [look(n / 10, "right") for n in range(3)] == [None, None, "right"]
    unclear = frame(1.0).assessment
    for n in range(3, 60):  # near the disc no frame tells it
        look(n / 10, None)
    assert eyes.of(unclear) == "right"
    assert eyes.of(frame(6.0, "left").assessment) is None  # one frame against what was told
    for n in range(60, 70):
        look(n / 10, None, "no_fundus")
    assert eyes.of(frame(7.0, "left").assessment) == "left"  # the retina was gone


def test_what_is_done_is_said_of_this_eye_and_of_the_visit() -> None:
    register = Register(NHS, ("right", "left"), None)
    assert register.done("right") is None
    take(register, frame(1.0), "right")
    assert register.done("right") is None, "its disc is missing"
    take(register, frame(5.0, field="disc"), "right")
    assert (register.done("right"), register.done("left"), register.done(None)) == ("other_eye", None, None)
    take(register, frame(9.0, "left"), "left", 2)
    take(register, frame(13.0, "left", "disc"), "left", 2)
    assert (register.done("left"), register.done(None)) == ("complete", "complete")
    register.discard(4, 14.0)
    assert (register.done("right"), register.done("left")) == ("other_eye", None)
    register.end()
    assert register.done("right") is None
    only = Register(None, ("right",), None)
    take(only, frame(1.0, "left"), "left", by="hand")
    assert only.done("left") is None, "of that eye nothing is wanted"


def test_what_was_discarded_is_put_back_where_it_was_and_only_once() -> None:
    register = Register(None, ("right", "left"), None)
    take(register, frame(1.0), "right")
    take(register, frame(5.0, "left"), "left", 2)
    before = register.visit
    register.discard(1, 6.0)
    assert register.visit.missing == (Wanted("right"),)
    register.restore(1)
    assert register.visit == before
    assert take(register, frame(20.0), "right", 3) is None, "it is there again"
    for number in (1, 2, 9):
        with pytest.raises(EdgeError, match=f"no discarded capture {number} to bring back"):
            register.restore(number)
    register.discard(2, 21.0)
    register.next()
    with pytest.raises(EdgeError, match="visit 2 has no discarded capture 2"):
        register.restore(2)
