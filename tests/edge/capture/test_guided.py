"""GuidedSession: what a maker's program gets for its frames, and what it is told when it gives wrong ones."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import edge.capture.guided
from edge import EdgeError, EngineError, GuidedSession, InputError, QualityModel, Step, Visit, assess_batch
from edge.camera.given import PIXEL_FORMATS, PixelFormat, picture_of
from edge.camera.protocol import Frame
from edge.capture import channel_watch
from edge.capture.eye_vote import FEWEST, KEPT
from edge.capture.graded import Graded
from edge.capture.trigger import Trigger
from edge.engines.protocol import Engine
from edge.guidance.guide import Guide
from edge.guidance.hint import OF_A_VISIT, Hint
from edge.images.raw import bgr_of
from edge.phantom.retina import make_retina, phantom_frame
from edge.phantom.sequence import Sequence

Picture = NDArray[np.uint8]
FPS = 15
SIZE = (480, 360)


def small(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


EYE = small(phantom_frame(5))
SHOWN = make_retina(5, 64).laterality
OTHER = "right" if SHOWN == "left" else "left"
BLACK = np.zeros_like(EYE)


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


class Counting:
    """The real engine, counted; it breaks where it is told to."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.calls, self.broken = engine, 0, False
        self.name, self.describe, self.close = engine.name, engine.describe, engine.close

    def infer(self, tensor: np.ndarray) -> np.ndarray:
        self.calls += 1
        if self.broken:
            raise RuntimeError("an illegal memory access was encountered")
        return self._engine.infer(tensor)


def steps(session: GuidedSession, pictures: list[Picture], since: float = 0.0) -> list[Step]:
    return [session.update(picture, since + n / FPS) for n, picture in enumerate(pictures)]


def swapped(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[:, :, ::-1])


def yuyv(picture: Picture) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_YUY2))


def nv12(picture: Picture) -> Picture:
    """OpenCV makes I420: the chroma of NV12 is the same, U and V in turns."""
    planes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    height, width = picture.shape[:2]
    chroma = planes[height:].reshape(2, -1)
    return np.vstack([planes[:height], np.stack([chroma[0], chroma[1]], axis=1).reshape(height // 2, width)])


GIVEN: dict[PixelFormat, Callable[[Picture], Picture]] = {
    "bgr": lambda picture: picture,
    "rgb": swapped,
    "grey": lambda picture: np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8),
    "yuyv": yuyv,
    "nv12": nv12,
}


# --- what a step holds


@pytest.mark.parametrize(("seed", "strictness"), [(20060, "normal"), (20061, "easy"), (20062, "strict")])
def test_captures_and_hints_are_those_of_guide_and_trigger_by_hand(
    model: QualityModel, seed: int, strictness: Any
) -> None:
    scene = Sequence(seed, 75, 15.0, slow=True, width=SIZE[0], height=SIZE[1])
    pictures = [scene.render(index).image for index in range(len(scene))]
    thresholds = model.manifest.thresholds
    guide, trigger, expected = Guide(thresholds), Trigger(strictness, thresholds), []
    for number, picture in enumerate(pictures):
        assessment, t = model.assess(picture), number / FPS
        hint = guide.update(assessment, picture, t)
        fired = trigger.update(Graded(Frame(picture, number, t), assessment, t, 0.0, hint))
        kept = None if fired is None else ([each.frame.index for each in fired.frames], fired.t, fired.eye)
        expected.append((assessment.score, assessment.verdict, hint, kept))
    found = []
    for step in steps(GuidedSession(model, strictness), pictures):
        shot = step.capture
        kept = None if shot is None else ([each.frame.index for each in shot.frames], shot.t, shot.eye_number)
        hint = Hint("hold") if step.hint.code in OF_A_VISIT else step.hint
        found.append((step.assessment.score, step.assessment.verdict, hint, kept))
    assert found == expected
    assert any(kept for *_, kept in expected) or strictness == "strict"


def test_a_still_eye_is_captured_and_entered_in_the_visit(model: QualityModel) -> None:
    with GuidedSession(model) as session:
        found = steps(session, [EYE] * 2 * FPS)
        (entered,) = session.visit.captures
        assert (entered.number, entered.eye, entered.field, entered.question) == (1, SHOWN, "macula", False)
    (shot,) = [step.capture for step in found if step.capture is not None]
    assert (shot.number, shot.eye, shot.field, shot.by, len(shot.frames)) == (1, SHOWN, "macula", "auto", 3)
    assert found[0].visit == Visit()
    assert found[-1].visit == session.visit
    assert found[-1].eye == SHOWN
    said = [step.hint.code for step in found]
    fired = found.index(next(step for step in found if step.capture is shot))
    assert "other_eye" not in said[:fired], "before it is there"
    assert set(said[fired:]) == {"other_eye"}, "and no more that the hand should be still"
    assert found[-1].graded.hint == found[-1].hint
    np.testing.assert_array_equal(shot.frames[0].image, EYE)


def test_a_picture_may_be_overwritten_once_it_was_given(model: QualityModel) -> None:
    buffer, session = EYE.copy(), GuidedSession(model)
    for n in range(2 * FPS):
        buffer[:] = EYE
        step = session.update(buffer, n / FPS)
        buffer[:] = 0
        if step.capture is not None:
            assert all((kept.image == EYE).all() for kept in step.capture.frames)
    assert session.visit.captures


@pytest.mark.parametrize("pixels", PIXEL_FORMATS)
def test_every_format_is_converted_once_and_guides(model: QualityModel, pixels: PixelFormat) -> None:
    session = GuidedSession(model, None, pixels=pixels)
    step = session.update(GIVEN[pixels](EYE), 0.0)
    assert step.image.shape == EYE.shape
    wanted = np.repeat(GIVEN["grey"](EYE)[:, :, None], 3, axis=2) if pixels == "grey" else EYE
    assert np.abs(step.image.astype(int) - wanted).mean() < (2 if pixels in ("yuyv", "nv12") else 1e-9)
    assert step.assessment.verdict == "good" or pixels == "grey"
    view = np.asfortranarray(GIVEN[pixels](EYE))  # as a part of a larger buffer: not contiguous
    np.testing.assert_array_equal(session.update(view, 0.1).image, step.image)


def test_the_size_may_change(model: QualityModel) -> None:
    session = GuidedSession(model)
    for n, picture in enumerate([EYE, phantom_frame(5), EYE[:200], EYE]):
        assert session.update(picture, n / FPS).image.shape == picture.shape


def test_the_eye_is_that_of_the_moment_and_not_of_one_frame(model: QualityModel) -> None:
    session, mirrored = GuidedSession(model), np.ascontiguousarray(EYE[:, ::-1])
    told = [step.eye for step in steps(session, [EYE] * FPS + [mirrored] + [EYE] * 2)]
    assert told == [None] * (FEWEST - 1) + [SHOWN] * (FPS - FEWEST + 4)
    later = [step.eye for step in steps(session, [mirrored] * KEPT, since=2.0)]
    assert later[-1] == OTHER
    assert SHOWN not in later[later.index(OTHER) :]
    gone = [step.eye for step in steps(session, [BLACK] * FPS, since=4.0)]
    assert gone[0] == OTHER
    assert gone[-1] is None


def test_by_hand_the_frame_at_hand_is_kept_where_nothing_is_automatic(model: QualityModel) -> None:
    session = GuidedSession(model, None)
    assert all(step.capture is None for step in steps(session, [EYE] * 12))
    session.capture_now()
    shot = session.update(EYE, 1.0).capture
    assert shot is not None
    assert ([kept.frame.index for kept in shot.frames], shot.by, shot.t) == ([12], "hand", 1.0)
    assert session.update(EYE, 1.1).capture is None


def test_the_next_visit_knows_nothing_of_the_last(model: QualityModel) -> None:
    session = GuidedSession(model)
    steps(session, [EYE] * FPS)
    session.capture_now()
    ended = session.next_visit()
    assert (ended.number, len(ended.captures)) == (1, 1)
    assert session.visit == Visit(2)
    assert session.update(EYE, 2.0).capture is None  # what was asked for was of the last patient
    session.capture_now()
    step = session.update(EYE, 2.1)
    assert step.capture is not None
    assert {kept.frame.index for kept in step.capture.frames} == {FPS, FPS + 1}  # none of the last patient's
    assert step.eye is None
    assert (step.visit.number, len(step.visit.captures), step.capture.eye_number) == (2, 1, 1)
    session.next_visit()
    assert not any(step.capture for step in steps(session, [EYE] * FPS, since=3.0))  # nobody has left yet
    steps(session, [np.zeros_like(EYE)] * FPS, since=4.0)
    assert any(step.capture for step in steps(session, [EYE] * FPS, since=5.0))  # an eye alike, of another
    steps(session, [np.zeros_like(EYE)] * FPS, since=6.0)
    session.next_visit()
    assert any(step.capture for step in steps(session, [EYE] * FPS, since=7.0))  # nobody was there


def test_another_strictness_holds_for_the_next_visit_too(model: QualityModel) -> None:
    session = GuidedSession(model, "strict")
    session.set_strictness("easy")
    session.next_visit()
    blurred = np.asarray(cv2.GaussianBlur(EYE, (0, 0), 2.8), np.uint8)
    score, usable = model.assess(blurred).score, model.manifest.thresholds
    assert usable.usable <= score < usable.good
    assert any(step.capture for step in steps(session, [blurred] * FPS))


def test_buttons_are_pressed_while_frames_come(model: QualityModel) -> None:
    session, done = GuidedSession(model), threading.Event()

    def press() -> None:
        while not done.is_set():
            session.next_visit()
            session.capture_now()
            session.set_strictness("easy")

    other = threading.Thread(target=press)
    other.start()
    try:
        numbers = [step.visit.number for step in steps(session, [EYE] * FPS)]
    finally:
        done.set()
        other.join(60)
    assert numbers == sorted(numbers)
    assert session.visit.number > numbers[0]


# --- what is given wrong

WRONG: list[tuple[PixelFormat, Any, str]] = [
    ("bgr", None, r"^a frame is uint8 with shape \(H, W, 3\), not NoneType\.$"),
    ("bgr", np.zeros((64, 64), np.uint8), r"\(H, W, 3\), as bgr was stated, not uint8 with shape \(64, 64\)"),
    ("rgb", np.zeros((64, 64, 4), np.uint8), "as rgb was stated"),
    ("rgb", np.zeros((64, 64, 3), np.float32), "not float32 with shape"),
    ("bgr", np.zeros((0, 64, 3), np.uint8), r"not uint8 with shape \(0, 64, 3\)"),
    ("grey", np.zeros((64, 64, 1), np.uint8), r"\(H, W\), as grey was stated"),
    ("yuyv", np.zeros((64, 63, 2), np.uint8), "a yuyv frame has an even width, not 63"),
    ("nv12", np.zeros((96, 63), np.uint8), "a nv12 frame has an even width, not 63"),
    ("nv12", np.zeros((100, 64), np.uint8), "multiple of three, not 100"),
    ("grey", np.broadcast_to(np.uint8(0), (40_000, 40_000)), "megapixels"),
]


@pytest.mark.parametrize(("pixels", "image", "words"), WRONG)
def test_what_is_no_frame_of_the_stated_format_is_one_sentence(
    model: QualityModel, pixels: PixelFormat, image: Any, words: str
) -> None:
    session = GuidedSession(model, pixels=pixels)
    with pytest.raises(EdgeError, match=words) as caught:
        session.update(image, 0.0)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    assert session.update(GIVEN[pixels](EYE), 0.0).graded.frame.index == 1  # the session goes on


@pytest.mark.parametrize("t", [math.nan, math.inf, -math.inf, 1.7e12, 10**400, np.float32("nan")])
def test_a_time_is_finite_and_in_seconds(model: QualityModel, t: Any) -> None:
    with pytest.raises(InputError, match=r"^the time of a frame is finite and in seconds"):
        GuidedSession(model).update(EYE, t)


def test_a_time_is_a_number_and_does_not_go_back(model: QualityModel) -> None:
    session = GuidedSession(model)
    session.update(EYE, 5.0)
    with pytest.raises(InputError, match="a number of seconds, not str"):
        session.update(EYE, "6")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"does not go back, as from 5\.0 s to 4\.9 s"):
        session.update(EYE, 4.9)
    session.next_visit()
    with pytest.raises(InputError, match="does not go back"):
        session.update(EYE, 4.9)
    assert session.update(EYE, np.float64(5.0)).graded.t == 5.0


def test_what_is_stated_wrong_is_one_sentence(model: QualityModel) -> None:
    with pytest.raises(InputError, match="there is no pixel format 'NV12': it is one of bgr, rgb, grey, yuyv, nv12"):
        GuidedSession(model, pixels="NV12")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="there is no strictness 'lax': it is one of easy, normal, strict"):
        GuidedSession(model, "lax")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one frame, not 0"):
        GuidedSession(model, keep=0)
    with pytest.raises(InputError, match="there is no strictness"):
        GuidedSession(model, None).set_strictness("lax")  # type: ignore[arg-type]


def test_a_closed_session_says_so_and_leaves_the_model_open(model: QualityModel) -> None:
    with GuidedSession(model) as session:
        steps(session, [EYE] * FPS)
    session.close()
    assert session.visit.captures
    for use in (lambda: session.update(EYE, 9.0), session.next_visit):
        with pytest.raises(EdgeError, match="this session was closed"):
            use()
    assert model.assess(EYE).verdict == "good"


def test_a_closed_model_says_so(model: QualityModel) -> None:
    other = QualityModel(model.bundle, Counting(model.engine))
    session = GuidedSession(other)
    other._closed = True  # its engine is the other tests' too
    with pytest.raises(EdgeError, match=r"^this model was closed"):
        session.update(EYE, 0.0)


@pytest.mark.parametrize("step", ["edge.model.score_of", "edge.guidance.guide.Guide.update"])
def test_a_frame_that_trips_our_own_code_is_an_error_of_that_frame_alone(
    model: QualityModel, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    session = GuidedSession(model)
    steps(session, [EYE] * 2)

    def trips(*_: Any, **__: Any) -> Any:
        raise IndexError("index 7 is out of bounds\nsecond line")

    with monkeypatch.context() as patch:
        patch.setattr(step, trips)
        with pytest.raises(
            EdgeError, match=r"^frame 2, at 0\.500 s, could not be graded \(IndexError: index 7"
        ) as caught:
            session.update(EYE, 0.5)
    assert not isinstance(caught.value, EngineError | InputError)
    assert "\n" not in str(caught.value)
    assert session.update(EYE, 0.6).graded.frame.index == 3


def test_an_engine_that_fails_is_the_engines_error(model: QualityModel) -> None:
    engine = Counting(model.engine)
    session = GuidedSession(QualityModel(model.bundle, engine))
    session.update(EYE, 0.0)
    engine.broken = True
    with pytest.raises(EngineError, match="illegal memory access"):
        session.update(EYE, 0.1)
    with pytest.raises(EngineError), session:
        pass


@settings(max_examples=150)
@given(st.data())
def test_any_bytes_of_any_format_are_a_step_or_one_sentence(model: QualityModel, data: st.DataObject) -> None:
    pixels = data.draw(st.sampled_from(PIXEL_FORMATS))
    shape = data.draw(st.lists(st.integers(0, 70), min_size=1, max_size=4))
    if data.draw(st.booleans()):  # as the format asks for
        shape = (shape * 2)[:2] + {"bgr": [3], "rgb": [3], "yuyv": [2]}.get(pixels, [])
    if pixels in ("yuyv", "nv12") and data.draw(st.booleans()):
        shape[1:2] = [2 * side for side in shape[1:2]]
        shape[0] *= 3
    kind = data.draw(st.sampled_from([np.uint8, np.uint8, np.uint8, np.float32, np.int8]))
    noise = np.random.default_rng(data.draw(st.integers(0, 9))).integers(0, 256, shape).astype(kind)
    flat = data.draw(st.sampled_from([None, 0, 127]))
    image = noise if flat is None else np.full_like(noise, flat)
    session = GuidedSession(model, "easy", pixels=pixels)
    for t in (0.0, data.draw(st.floats())):
        said = "."
        try:
            np.testing.assert_array_equal(session.update(image, t).image, bgr_of(picture_of(image, pixels)))
        except EdgeError as error:
            said = str(error)
        assert said.endswith(".")
        assert "\n" not in said
        assert "should have graded" not in said  # a bug of ours


# --- red and blue in the wrong places


@pytest.mark.parametrize("seed", [2, 3, 5, 9])
@pytest.mark.parametrize("pixels", ["bgr", "rgb", "nv12"])
def test_exchanged_channels_of_a_retina_are_said_once(
    model: QualityModel, seed: int, pixels: PixelFormat, caplog: pytest.LogCaptureFixture
) -> None:
    eye = small(phantom_frame(seed))
    for picture, times in ((eye, 0), (swapped(eye), 1)):
        caplog.clear()
        session = GuidedSession(model, pixels=pixels)
        steps(session, [GIVEN[pixels](picture)] * 2 * FPS)
        assert len(session.warnings) == times
        said = [record for record in caplog.records if record.name == edge.capture.guided.__name__]
        assert [record.levelno for record in said] == [logging.WARNING] * times
    assert "red and blue are exchanged" in session.warnings[0]


def test_a_listener_is_told_instead_of_the_log(model: QualityModel, caplog: pytest.LogCaptureFixture) -> None:
    said: list[str] = []
    session = GuidedSession(model, warn=said.append)
    steps(session, [swapped(EYE)] * 2 * FPS)
    assert said == list(session.warnings)
    assert len(said) == 1
    assert not caplog.records


def inferences(model: QualityModel, pictures: list[Picture], pixels: PixelFormat = "bgr") -> tuple[int, GuidedSession]:
    """How many a session takes beyond one for each frame."""
    engine = Counting(model.engine)
    session = GuidedSession(QualityModel(model.bundle, engine), pixels=pixels)
    steps(session, pictures)
    return engine.calls - len(pictures), session


def test_the_channels_of_a_retina_cost_nothing_and_those_of_a_wall_little(model: QualityModel) -> None:
    assert inferences(model, [EYE] * 3 * FPS)[0] == 0
    blue = np.full_like(EYE, 20)
    cv2.circle(blue, (240, 180), 160, (200, 90, 60), -1)
    spent, session = inferences(model, [blue] * 10 * FPS)
    assert 1 <= spent <= channel_watch.MOST
    assert session.warnings == ()


def test_a_grey_camera_is_never_asked_for_its_colours(model: QualityModel) -> None:
    grey = GIVEN["grey"](EYE)
    for pixels, picture in (("grey", grey), ("bgr", np.repeat(grey[:, :, None], 3, axis=2))):
        spent, session = inferences(model, [picture] * 2 * FPS, pixels)  # type: ignore[arg-type]
        assert (spent, session.warnings) == (0, ())


# --- archives


def test_a_batch_is_what_one_by_one_gives_and_errors_stop_nothing(model: QualityModel) -> None:
    images: list[Any] = [EYE, None, BLACK, EYE[:, :, 0], small(phantom_frame(9))]
    found = list(assess_batch(model, iter(images)))
    assert [type(each).__name__ for each in found] == ["Assessment", "InputError"] * 2 + ["Assessment"]
    for image, each in zip(images, found, strict=True):
        if isinstance(each, EdgeError):
            assert "a frame is uint8" in str(each)
            continue
        alone = model.assess(image)
        assert (each.score, each.verdict) == (alone.score, alone.verdict)
        np.testing.assert_array_equal(each.map, alone.map)


def test_a_batch_ends_with_the_engine(model: QualityModel) -> None:
    engine = Counting(model.engine)
    batch = assess_batch(QualityModel(model.bundle, engine), [EYE] * 3)
    next(batch)
    engine.broken = True
    with pytest.raises(EngineError):
        next(batch)
