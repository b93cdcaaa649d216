"""A photograph before a moving camera: itself at the best place, and more retina beyond it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.field.find import Crop, find_field
from edge.frame.prepare import cut
from edge.phantom.photograph import Photograph
from edge.phantom.retina import phantom_frame
from edge.phantom.sequence import Sequence, SequenceFrame

SIDE, WHOLE = 240, 384  # of the photograph, and with what lies beyond it


@pytest.fixture(scope="module")
def photograph() -> Photograph:
    """A synthetic eye, cut off above and below as many cameras do."""
    eye = phantom_frame(3)
    eye[: len(eye) // 7] = eye[-(len(eye) // 7) :] = 0
    field = find_field(eye)
    assert field is not None
    return Photograph(cut(eye, field.crop, 512), field.mask, field.crop, (eye.shape[1], eye.shape[0]))


@pytest.fixture(scope="module")
def played(photograph: Photograph) -> list[SequenceFrame]:
    scene = Sequence(20061, 300, 15.0, 480, 360, slow=True, retina=photograph)
    return [scene.render(index) for index in range(0, 300, 3)]


def middle(picture: NDArray[np.uint8]) -> NDArray[np.int16]:
    margin = (len(picture) - SIDE) // 2
    return picture[margin:-margin, margin:-margin].astype(np.int16)


def test_inside_its_field_the_photograph_is_as_it_was(photograph: Photograph) -> None:
    shown = middle(photograph.continued(SIDE, WHOLE))
    inside = (
        cv2.erode(
            photograph.aperture(SIDE).astype(np.uint8), np.ones((15, 15)), borderType=cv2.BORDER_CONSTANT, borderValue=0
        )
        > 0
    )
    assert inside.mean() > 0.5
    as_it_was = cv2.resize(photograph.picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    assert np.abs(shown - as_it_was)[inside].max() <= 1


def test_beyond_its_field_the_retina_goes_on(photograph: Photograph) -> None:
    """As bright as at the rim and with vessels, where the photograph is black."""
    whole = photograph.continued(SIDE, WHOLE)
    inside = np.pad(photograph.aperture(SIDE), (WHOLE - SIDE) // 2)
    assert photograph.picture[:8].max() < 8
    assert np.percentile(whole[~inside, 1], 0.5) > 0.5 * np.median(whole[inside, 1])
    fine = np.abs(whole[:, :, 1] - cv2.GaussianBlur(whole[:, :, 1].astype(np.float32), (0, 0), 3))
    assert fine[~inside].mean() > 0.5 * fine[inside].mean()


def test_a_disc_at_the_rim_is_not_seen_twice() -> None:
    y, x = np.indices((SIDE, SIDE)) - SIDE / 2
    round_field = np.hypot(x, y) < SIDE / 2
    disc = np.hypot(x - 0.75 * SIDE / 2, y) < 0.07 * SIDE
    picture = np.where(disc, 220, 90).astype(np.uint8) * round_field
    eye = Photograph(np.dstack([picture] * 3), np.uint8(255) * round_field, Crop(0, 0, SIDE), (SIDE, SIDE))
    whole = eye.continued(SIDE, WHOLE)
    assert middle(whole).max() == 220
    again = np.hypot(*np.indices((WHOLE, WHOLE)) - WHOLE / 2 - [[[0]], [[1.2 * SIDE / 2]]]) < 0.07 * SIDE
    assert whole[again].mean() < 90 + 0.4 * (220 - 90)


def test_the_camera_has_the_field_of_the_photograph(photograph: Photograph, played: list[SequenceFrame]) -> None:
    clear = [frame for frame in played if frame.cause == "clear"]
    for frame in clear[::5]:
        found = find_field(frame.image)
        assert found is not None
        assert (found.mask == photograph.field).mean() > 0.97


def test_off_the_middle_the_field_is_where_it_was(played: list[SequenceFrame]) -> None:
    """A black edge of the photograph in view was taken for a cut by the camera, and the middle went with it."""
    away = [frame for frame in played if frame.cause == "off_centre" and frame.truth > 0.6]
    assert len(away) > 5
    for frame in away:
        found = find_field(frame.image)
        assert found is not None
        off = np.subtract((found.crop.x, found.crop.y), (frame.crop.x, frame.crop.y)) + (
            (found.crop.side - frame.crop.side) / 2
        )
        assert np.hypot(*off) < 0.06 * frame.crop.side


def test_what_is_no_photograph_is_refused() -> None:
    square, field = np.zeros((64, 64, 3), np.uint8), np.full((64, 64), 255, np.uint8)
    for picture, mask in ((square[:32], field), (square, field[:32]), (square[:, :, 0], field)):
        with pytest.raises(ValueError, match="must be square"):
            Photograph(picture, mask, Crop(0, 0, 64), (64, 64))
    with pytest.raises(ValueError, match="no retina"):
        Photograph(square, field * 0, Crop(0, 0, 64), (64, 64))
