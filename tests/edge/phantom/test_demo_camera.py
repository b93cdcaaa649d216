from __future__ import annotations

import time
from itertools import pairwise

import numpy as np

from edge.camera.demo import DemoCamera
from edge.phantom.sequence import Sequence

SMALL = {"width": 200, "height": 150}


def test_a_recorded_demo_gives_every_frame_and_ends() -> None:
    camera = DemoCamera(seed=1, frames=5, fps=30.0, live=False, **SMALL)
    frames = []
    while (frame := camera.read()) is not None:
        frames.append(frame)
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    steps = np.diff([frame.timestamp for frame in frames])
    np.testing.assert_allclose(steps, 1 / 30, atol=1e-9)
    assert camera.read() is None
    np.testing.assert_array_equal(frames[3].image, Sequence(1, 5, 30.0, **SMALL).render(3).image)


def test_a_live_demo_keeps_its_pace() -> None:
    camera = DemoCamera(seed=1, frames=4, fps=20.0, **SMALL)
    frames = []
    while (frame := camera.read()) is not None:
        assert time.monotonic() >= frame.timestamp  # never before it is due
        frames.append(frame)
    assert frames[0].index == 0
    assert all(later.index > earlier.index for earlier, later in pairwise(frames))
    due = [frames[0].timestamp + frame.index / 20.0 for frame in frames]
    np.testing.assert_allclose([frame.timestamp for frame in frames], due, rtol=0, atol=1e-6)
    camera.close()


def test_a_late_reader_gets_the_newest_frame() -> None:
    camera = DemoCamera(seed=1, frames=100, fps=20.0, **SMALL)
    first = camera.read()
    time.sleep(0.32)
    late = camera.read()
    assert first is not None
    assert late is not None
    assert late.index >= 6  # frames 1 to 5 were due while the reader slept


def test_a_reader_who_comes_after_the_end_gets_nothing() -> None:
    camera = DemoCamera(seed=1, frames=3, fps=30.0, **SMALL)
    assert camera.read() is not None
    time.sleep(0.15)
    assert camera.read() is None


def test_a_closed_camera_gives_nothing() -> None:
    camera = DemoCamera(frames=3, **SMALL)
    assert camera.live
    assert camera.fps == 30.0
    camera.close()
    camera.close()
    assert camera.read() is None
