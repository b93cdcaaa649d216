from __future__ import annotations

from itertools import groupby

import cv2
import numpy as np
import pytest

from edge.field.find import find_field
from edge.phantom.sequence import COARSE, Sequence, SequenceFrame
from edge.phantom.transfer import GRADABLE

FRAMES = 300


@pytest.fixture(scope="module")
def scene() -> Sequence:
    return Sequence(3, FRAMES, 30.0, 480, 360)


@pytest.fixture(scope="module")
def played(scene: Sequence) -> list[SequenceFrame]:
    return [scene.render(index) for index in range(FRAMES)]


def sharpness(frame: SequenceFrame) -> float:
    crop = frame.crop
    centre = frame.image[crop.y + crop.side // 4 :, crop.x + crop.side // 4 :][: crop.side // 2, : crop.side // 2, 1]
    return float(cv2.Laplacian(cv2.GaussianBlur(centre, (0, 0), 1.0), cv2.CV_32F).std())


def test_frames_come_in_any_order_and_are_the_same(scene: Sequence, played: list[SequenceFrame]) -> None:
    again = Sequence(3, FRAMES, 30.0, 480, 360)  # a second one, so that nothing is shared
    for index in (250, 0, 40, 120):
        np.testing.assert_array_equal(again.render(index).image, played[index].image)
    assert (Sequence(4, FRAMES, 30.0, 480, 360).render(60).image != played[60].image).mean() > 0.3


def test_frames_are_numbered_and_of_the_size_asked_for() -> None:
    short = Sequence(3, 12, 30.0, 200, 150)
    first = [short.render(index) for index in range(len(short))]
    assert [frame.index for frame in first] == list(range(12))
    assert all(frame.image.shape == (150, 200, 3) and frame.image.dtype == np.uint8 for frame in first)


def test_ten_seconds_tell_the_whole_story(played: list[SequenceFrame]) -> None:
    """No fundus first, then off-centre, then the four usual causes with sharp stretches of a second between them."""
    runs = [(cause, len(list(group))) for cause, group in groupby(frame.cause for frame in played)]
    causes = [cause for cause, _ in runs]
    assert causes[:2] == ["no_fundus", "off_centre"]
    assert {"blur", "too_dark", "reflex", "edge_shadow"} <= set(causes)
    assert max(length for cause, length in runs if cause == "clear") >= 30
    assert sum(length for cause, length in runs if cause == "clear") > 0.4 * FRAMES


def test_all_seeds_hold_clear_frames_and_every_cause() -> None:
    for seed in range(4):
        scene = Sequence(seed, FRAMES, 30.0, 160, 128)
        causes = {scene.render(index).cause for index in range(0, FRAMES, 3)}
        assert {"no_fundus", "off_centre", "clear", "blur", "too_dark", "reflex", "edge_shadow"} <= causes, seed


def test_truth_follows_the_cause(played: list[SequenceFrame]) -> None:
    for frame in played:
        assert 0 <= frame.truth <= 1
        if frame.cause == "clear":
            assert frame.truth >= GRADABLE
        elif frame.cause == "no_fundus":
            assert frame.truth == 0
        elif frame.cause not in ("off_centre", "too_bright"):
            assert frame.truth < GRADABLE


def test_red_at_its_end_all_over_is_too_bright_though_green_shows_the_vessels() -> None:
    scene = Sequence(10009, FRAMES, 15.0, 480, 360, slow=True)
    frame = scene.render(152)
    assert frame.truth >= GRADABLE
    assert frame.cause == "too_bright"
    assert scene.render(156).cause == "clear"


def test_the_picture_shows_what_the_truth_says(played: list[SequenceFrame]) -> None:
    best = max(played, key=lambda frame: frame.truth)
    by_cause = {
        cause: min((f for f in played if f.cause == cause), key=lambda f: f.truth)
        for cause in ("blur", "too_dark", "reflex", "edge_shadow")
    }
    assert sharpness(by_cause["blur"]) < 0.5 * sharpness(best)
    assert by_cause["too_dark"].image.mean() < 0.3 * best.image.mean()
    assert by_cause["reflex"].image.max() > 200
    assert by_cause["reflex"].image.mean() > best.image.mean()
    assert by_cause["edge_shadow"].image.mean() < 0.85 * best.image.mean()


def test_the_map_is_true_where_the_shadow_lies(played: list[SequenceFrame]) -> None:
    frame = min((f for f in played if f.cause == "edge_shadow"), key=lambda f: f.truth)
    degradation = frame.true_map(frame.crop, 14)
    small = cv2.resize(
        frame.image[frame.crop.y : frame.crop.y + frame.crop.side, frame.crop.x : frame.crop.x + frame.crop.side],
        (14, 14),
        interpolation=cv2.INTER_AREA,
    ).max(axis=2)
    offset = np.hypot(*np.meshgrid(np.linspace(-1, 1, 14), np.linspace(-1, 1, 14)))
    inside = offset < 0.85
    assert degradation.shape == (14, 14)
    assert small[inside & (degradation > 0.8)].max() < small[inside & (degradation < 0.1)].min()


def test_the_mean_of_the_map_is_the_truth(played: list[SequenceFrame]) -> None:
    axis = (np.arange(42) + 0.5) / 21 - 1
    inside = axis[None, :] ** 2 + axis[:, None] ** 2 < 1
    for frame in played[40::20]:
        degradation = frame.true_map(frame.crop, 42)
        assert 1 - degradation[inside].mean() == pytest.approx(frame.truth, abs=0.03)


def test_the_field_finder_finds_the_aperture_of_clear_frames(played: list[SequenceFrame]) -> None:
    for frame in [f for f in played if f.cause == "clear"][::10]:
        found = find_field(frame.image)
        assert found is not None
        assert found.crop.side == pytest.approx(frame.crop.side, rel=0.04)
        assert found.crop.x == pytest.approx(frame.crop.x, abs=0.03 * frame.crop.side)


def test_the_hand_moves_smoothly(scene: Sequence) -> None:
    during = scene.script.approach == 1
    for way in (scene.script.x, scene.script.y):
        steps = np.abs(np.diff(way[during]))
        assert 0 < steps.max() < 0.08  # field radii per frame
    assert scene.script.zoom.min() > 0.9
    assert scene.script.zoom.max() < 1.1


@pytest.mark.parametrize("frames", [1, 2, 30])
def test_short_sequences(frames: int) -> None:
    scene = Sequence(0, frames, 30.0, 160, 128)
    assert len(scene) == frames
    assert [scene.render(index).index for index in range(frames)] == list(range(frames))


@pytest.mark.parametrize(("width", "height"), [(128, 128), (201, 157), (300, 400), (1920, 200)])
def test_odd_sizes(width: int, height: int) -> None:
    scene = Sequence(1, 90, 30.0, width, height)
    frame = scene.render(60)
    assert frame.image.shape == (height, width, 3)
    assert frame.transfer.shape == (height // COARSE, width // COARSE)


@pytest.mark.parametrize(
    ("frames", "fps", "width", "height"), [(0, 30, 960, 720), (9, 0, 960, 720), (9, 30, 127, 720), (9, 30, 960, 64)]
)
def test_wrong_arguments_are_refused(frames: int, fps: float, width: int, height: int) -> None:
    with pytest.raises(ValueError, match="a sequence needs"):
        Sequence(0, frames, fps, width, height)


def test_no_frame_outside_the_sequence(scene: Sequence) -> None:
    for index in (-1, FRAMES):
        with pytest.raises(IndexError, match="299"):
            scene.render(index)
