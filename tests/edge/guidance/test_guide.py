"""One hint at a time: the right one for each cause, from physics that no camera owns, and never in a flutter."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edge.assessment import Assessment, Timings, Verdict
from edge.bundle.bundle import Thresholds
from edge.field.find import Crop
from edge.findings.cause import CAUSES, CauseCode
from edge.findings.evidence import explain
from edge.findings.photometry import Photometry, photometry
from edge.frame.exposure import cells_of, green_of
from edge.frame.prepare import prepare
from edge.guidance.guide import Code, Guide, astray, landmarks
from edge.guidance.hint import Hint
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame
from edge.phantom.sequence import Sequence

FPS = 15.0
THRESHOLDS = Thresholds(0.05, 0.8, 0.95)
GRID = 16
SIDE = 320
RED = (35, 60, 170)  # a retina


def light_of(image: NDArray[np.uint8], crop: Crop) -> Photometry:
    """Light of a crop as the network would read it."""
    mean = std = (0.5, 0.5, 0.5)
    tensor = prepare(image, crop, 256, mean, std)
    return photometry(cells_of(tensor, GRID, mean, std), green_of(tensor, mean, std))


def picture(colour: tuple[int, int, int] = RED) -> NDArray[np.uint8]:
    return np.full((SIDE, SIDE, 3), colour, np.uint8)


def assessed(lost: NDArray[np.float32] | float, **places: tuple[float, float]) -> Assessment:
    """A frame all field with this map, and landmarks at these places in field radii."""
    lost_map = np.full((GRID, GRID), lost, np.float32)
    axis = (np.arange(GRID) + 0.5) * (2 / GRID) - 1
    x, y = np.meshgrid(axis, axis)
    regions = {name: (np.hypot(x - at[0], y - at[1]) < 0.25).astype(np.float32) for name, at in places.items()}
    score = float(1 - lost_map.mean())
    crop = Crop(0, 0, SIDE)
    field = np.ones((GRID, GRID), bool)
    verdict: Verdict = "no_fundus" if score < 0.1 else "usable"
    return Assessment(score, verdict, lost_map, field, crop, Timings(1.0, 2.0, 3.0), regions)  # type: ignore[arg-type]


def lit(assessment: Assessment, image: NDArray[np.uint8]) -> Assessment:
    """With the light of this picture."""
    if assessment.crop is None or assessment.photometry is not None:
        return assessment
    return dataclasses.replace(assessment, photometry=light_of(image, assessment.crop))


def because(assessment: Assessment, image: NDArray[np.uint8], cause: CauseCode) -> tuple[Assessment, NDArray[np.uint8]]:
    """With the light of this picture, and degraded by this cause in the middle."""
    made = lit(assessment, image)
    evidence = made.evidence
    assert evidence is not None
    main, shares = ({code: size * (code == cause) for code in CAUSES} for size in (1.0, evidence.lost))
    made.__dict__["evidence"] = dataclasses.replace(
        evidence, main=main, shares=shares, places=dict.fromkeys(CAUSES, (0.0, 0.0))
    )
    return made, image


def told(frames: list[tuple[Assessment, NDArray[np.uint8]]], seconds: float = 1.0) -> Hint:
    """What a guide says after it has seen each frame for so long."""
    guide = Guide(THRESHOLDS)
    shown = [frame for frame in frames for _ in range(round(seconds * FPS))]
    return [guide.update(lit(a, image), image, n / FPS) for n, (a, image) in enumerate(shown)][-1]


CLEAR = assessed(0.02, disc=(-0.4, 0.0), macula=(0.3, 0.0)), picture()


@pytest.mark.parametrize(
    ("colour", "lost", "cause", "code"),
    [
        ((3, 6, 17), 0.6, "too_dark", "too_dark"),
        (RED, 0.4, "blur", "blur"),
        ((40, 58, 165), 0.95, "blur", "blur"),  # all is lost, but it has the colour of the retina of a moment ago
        ((20, 60, 60), 0.95, "blur", "no_fundus"),
        (RED, 0.02, "blur", "hold"),
    ],
)
def test_the_hint_is_the_main_cause_of_a_retina_that_is_not_good(
    colour: tuple[int, int, int], lost: float, cause: CauseCode, code: Code
) -> None:
    assert told([CLEAR, because(assessed(lost), picture(colour), cause)]).code == code


def test_a_white_veil_over_all_is_a_reflex_for_a_while_and_then_no_retina() -> None:
    falling = np.linspace(1, 0.7, SIDE)[:, None, None]
    veiled = because(assessed(0.95), np.asarray(picture((190, 195, 205)) * falling, np.uint8), "reflex")
    assert told([CLEAR, veiled]).code == "reflex"
    assert told([CLEAR, veiled], seconds=5.0).code == "no_fundus"


def test_glare_that_is_there_for_sure_is_told_of_though_little_seems_lost() -> None:
    veiled, image = because(assessed(0.05, disc=(-0.4, 0.0), macula=(0.3, 0.0)), picture(), "reflex")
    seen = veiled.evidence
    assert seen is not None
    veiled.__dict__["evidence"] = dataclasses.replace(seen, present={**seen.present, "reflex": 0.9})
    assert told([CLEAR, (veiled, image)]).code == "reflex"
    assert told([(veiled, image)], seconds=4.0).code == "hold"  # this camera has it in every frame


def test_off_centre_says_whereto_to_aim() -> None:
    away = assessed(0.02, disc=(-0.5, 0.55), macula=(0.3, 0.55)), picture()
    hint = told([away])
    assert hint.code == "off_centre"
    assert hint.clock in (5, 6, 7)


def test_leaving_the_view_that_was_good_is_off_centre_until_it_is_what_the_operator_wants() -> None:
    moved = assessed(0.02, disc=(-0.4, 0.3), macula=(0.3, 0.3)), picture()
    assert told([CLEAR, CLEAR, moved]).code == "off_centre"
    assert told([moved]).code == "hold"
    assert told([CLEAR, CLEAR, moved, moved, moved, moved]).code == "hold"


def test_a_view_that_was_left_is_not_back_while_nothing_can_be_seen_of_disc_and_macula() -> None:
    """The camera moved up: first both are lower, then the rim cuts them, and then they are back."""
    leaving = assessed(0.02, disc=(-0.4, 0.3), macula=(0.3, 0.3)), picture()
    unseen = assessed(0.02), picture()
    guide = Guide(THRESHOLDS)
    shown = [CLEAR] * 30 + [leaving] * 10 + [unseen] * 20 + [CLEAR] * 15
    hints = [guide.update(lit(a, image), image, n / FPS).code for n, (a, image) in enumerate(shown)]
    assert set(hints[38:60]) == {"off_centre"}
    assert hints[-1] == "hold"
    assert told([CLEAR, leaving, unseen, unseen, unseen, unseen]).code == "hold"  # not for ever: it may be another view


def test_what_moves_while_the_disc_stays_is_no_macula() -> None:
    """The dark in the middle of a ring of glare looks like one; the disc is hardly seen behind the glare."""
    glare = assessed(0.3, disc=(-0.4, 0.0), macula=(0.0, -0.4))
    glare.regions["disc"] *= 0.5
    assert told([CLEAR, CLEAR, because(glare, picture(), "reflex")]).code == "reflex"
    moved = assessed(0.02, disc=(-0.8, -0.4), macula=(0.0, -0.4)), picture()
    assert told([CLEAR, CLEAR, moved]).code == "off_centre"


def test_landmarks_that_come_and_go_on_the_way_in_do_not_become_the_view_to_return_to() -> None:
    """The disc is seen at the rim for a moment; then it is where it belongs, and comes and goes."""
    guide = Guide(THRESHOLDS)
    rim, unseen = assessed(0.02, disc=(0.7, -0.2), macula=(0.1, -0.1)), assessed(0.02)
    centred = assessed(0.02, disc=(0.25, 0.0), macula=(-0.35, 0.0))
    shown = [rim] * 4 + [unseen] * 15 + [centred, centred, unseen, centred] * 20
    hints = [guide.update(lit(a, picture()), picture(), n / FPS).code for n, a in enumerate(shown)]
    assert set(hints) == {"hold"}


def test_the_disc_alone_does_not_tell_where_the_middle_is() -> None:
    assert astray({"disc": (0.7, 0.0)}) is None  # a picture about the macula, which was not found
    assert astray({"disc": (0.95, 0.0)}) is not None
    assert astray({"macula": (0.1, 0.1)}) is None
    assert astray({"macula": (0.0, -0.6)}) == (0.0, -0.6)
    assert astray({}) is None
    assert astray({"disc": (-0.5, 0.0), "macula": (0.4, 0.0)}) is None


def test_landmarks_are_found_where_they_are() -> None:
    found = landmarks(assessed(0.0, disc=(-0.5, 0.1), macula=(0.3, 0.0)))
    assert found["disc"] == pytest.approx((-0.5, 0.1), abs=0.08)
    assert found["macula"] == pytest.approx((0.3, 0.0), abs=0.08)
    assert landmarks(assessed(0.0)) == {}


def test_a_view_that_is_usable_and_no_more_is_taken_when_no_better_one_comes() -> None:
    usable = because(assessed(0.17, disc=(-0.4, 0.0), macula=(0.3, 0.0)), picture(), "blur")
    assert told([usable], seconds=1.0).code == "blur"
    assert told([usable], seconds=3.0).code == "hold"
    assert told([CLEAR, CLEAR, CLEAR, usable]).code == "blur"  # it was better a moment ago
    worse = because(assessed(0.22, disc=(-0.4, 0.0)), picture(), "blur")
    assert told([worse], seconds=5.0).code == "blur"  # not even usable


def nothing(image: NDArray[np.uint8]) -> tuple[Assessment, NDArray[np.uint8]]:
    cells = np.ones((GRID, GRID), np.float32)
    return Assessment(0.0, "no_fundus", cells, cells < 0, None, Timings(1.0, 0.0, 0.0)), image


def test_a_light_that_fails_is_not_an_eye_that_left() -> None:
    black = nothing(picture((0, 0, 0)))
    assert told([black]).code == "no_fundus"
    assert told([CLEAR, black]).code == "too_dark"
    assert told([CLEAR, nothing(picture((255, 255, 255)))]).code == "too_bright"
    assert told([CLEAR, black], seconds=5.0).code == "no_fundus"


@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    x=st.integers(-40, 60),
    y=st.integers(-40, 60),
    side=st.integers(1, 90),
    seed=st.integers(0, 9),
)
@settings(max_examples=60, deadline=None)
def test_photometry_of_any_crop_is_finite(height: int, width: int, x: int, y: int, side: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (height, width, 3), np.uint8)
    light = light_of(frame, Crop(x, y, side))
    for cells in (light.blue, light.green, light.red, light.clipped, light.detail, light.grain):
        assert cells.shape == (GRID, GRID)
        assert np.isfinite(cells).all()
    assert light.clipped.max() <= 1
    lost, field = rng.random((GRID, GRID), np.float32), rng.random((GRID, GRID)) < 0.5
    one = Assessment(0.5, "usable", lost, field, Crop(x, y, side), Timings(1.0, 2.0, 3.0))
    if one.field.any():
        evidence = explain(one.map, {}, one.field, light)
        assert 0 <= sum(evidence.shares.values()) <= 1 + 1e-5
        assert all(np.isfinite([*place]).all() for place in evidence.places.values())


def test_photometry_measures_light_where_it_is() -> None:
    image = picture()
    image[:160] = (255, 255, 255)
    light = light_of(image, Crop(0, 0, SIDE))
    np.testing.assert_allclose(light.red[9:], 170, atol=1)
    np.testing.assert_allclose(light.clipped[:7], 1)
    np.testing.assert_allclose(light.clipped[9:], 0)


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


@pytest.mark.parametrize(("clock", "side"), [(3, (0, 1)), (9, (0, -1)), (12, (-1, 0)), (6, (1, 0))])
@pytest.mark.parametrize(("cause", "light"), [("edge_shadow", 0.02), ("reflex", None)])
def test_the_place_of_a_shadow_and_of_a_reflex(
    model: QualityModel, clock: int, side: tuple[int, int], cause: CauseCode, light: float | None
) -> None:
    clear = phantom_frame(14)
    found = model.assess(clear)
    assert found.crop is not None
    rows, columns = np.mgrid[: clear.shape[0], : clear.shape[1]]
    half = found.crop.side / 2
    down, across = (rows - found.crop.y - half) / half, (columns - found.crop.x - half) / half
    if light is not None:
        there = (down * side[0] + across * side[1] > 0.35)[:, :, None]
        frame = np.where(there & (clear.max(axis=2, keepdims=True) > 8), clear * light, clear)
    else:
        away = np.hypot(down - 0.55 * side[0], across - 0.55 * side[1])[:, :, None]
        glow = np.exp(-((away / 0.35) ** 4)) * (np.hypot(down, across) < 1)[:, :, None]
        frame = clear + glow * (np.array([205, 230, 245]) - clear)
    shown = np.asarray(frame, np.uint8)
    hint = told([(found, clear), (model.assess(shown), shown)])
    assert (hint.code, hint.clock) == (cause, clock)


@pytest.mark.parametrize("cause", ["blur", "too_dark", "too_bright", "reflex", "edge_shadow", "off_centre"])
def test_the_shipped_model_and_its_guide_name_every_cause(model: QualityModel, cause: Code) -> None:
    """Two seconds of a good view, then the worst of an episode, on a synthetic eye."""
    scene = Sequence(20051, 300, FPS, 480, 360, slow=True)
    worst = int(np.argmax(scene.script.episodes[cause]))
    quiet = sum(scene.script.episodes.values()) + (scene.script.approach < 1) + np.hypot(scene.script.x, scene.script.y)
    clear = int(np.argmin(quiet))
    guide = Guide(model.manifest.thresholds)
    hints = []
    for n, frame in enumerate([scene.render(clear)] * 30 + [scene.render(worst)] * 12):
        hints.append(guide.update(model.assess(frame.image), frame.image, n / FPS))
    assert hints[29].code == "hold"
    assert hints[-1].code == cause
