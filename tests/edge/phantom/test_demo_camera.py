from __future__ import annotations

import numpy as np
import pytest

from edge.camera.demo import DemoCamera
from edge.phantom.sequence import Sequence

SMALL = {"width": 200, "height": 150}


def test_a_recorded_demo_gives_every_frame_and_ends() -> None:
    camera = DemoCamera(seed=1, frames=5, fps=30.0, **SMALL)
    frames = []
    while (frame := camera.read()) is not None:
        frames.append(frame)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    steps = np.diff([frame.timestamp for frame in frames])
    np.testing.assert_allclose(steps, 1 / 30, atol=1e-9)
    assert camera.read() is None
    np.testing.assert_array_equal(frames[3].image, Sequence(1, 5, 30.0, **SMALL).render(3).image)


def test_a_frame_that_is_passed_over_keeps_its_place() -> None:
    camera = DemoCamera(seed=1, frames=4, fps=20.0, **SMALL)
    first = camera.read()
    assert camera.skip()
    later = camera.read()
    assert first is not None
    assert later is not None
    assert later.index == 2
    assert later.timestamp - first.timestamp == pytest.approx(2 / 20)
    assert camera.skip()
    assert not camera.skip()
    assert camera.read() is None


def test_a_closed_camera_gives_nothing() -> None:
    camera = DemoCamera(frames=3, **SMALL)
    assert not camera.live
    assert camera.fps == 30.0
    camera.close()
    camera.close()
    assert camera.read() is None
    assert not camera.skip()
