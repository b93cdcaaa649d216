"""The overlay video: the times of its frames, what is left of it when it ends early, and a browser that plays it."""

from __future__ import annotations

import base64
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

av = pytest.importorskip("av")

from edge.assessment import Assessment, Timings
from edge.camera.protocol import Frame
from edge.capture.graded import Graded
from edge.capture.session.overlay_video import OverlayVideo

ROOT = Path(__file__).parents[4]


def graded(index: int, t: float, size: tuple[int, int] = (128, 96), grey: int = 0) -> Graded:
    """A frame of one grey without a retina, which takes no time to draw."""
    image = np.full((size[1], size[0], 3), grey, np.uint8)
    nothing = np.zeros((4, 4), bool)
    assessment = Assessment(0.0, "no_fundus", np.ones((4, 4), np.float32), nothing, None, Timings(1.0, 2.0, 3.0))
    return Graded(Frame(image, index, 100.0 + t), assessment, t, 5.0)


def fail(error: Exception) -> None:
    raise AssertionError from error


def make(path: Path, frames: list[Graded], fps: float = 10.0) -> None:
    film = OverlayVideo(path, fps, fail)
    for each in frames:
        film.add(each, wait=True)
    film.close()


def times(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.time for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    "moments",
    [
        [0.0, 0.1, 60.0, 60.1, 60.2, 60.5],  # a camera that was away for a minute
        [index / 25 for index in range(41)],  # one that is faster than it says
        [0.0, 0.1004, 0.1996, 0.3333, 3600.0, 3600.001],
        [0.0],
    ],
)
def test_each_frame_has_its_own_time_on_the_clock_of_the_session(tmp_path: Path, moments: list[float]) -> None:
    path = tmp_path / "film.webm"
    make(path, [graded(index, t) for index, t in enumerate(moments)])
    assert times(path) == pytest.approx(moments, abs=0.0006)
    assert [each.name for each in tmp_path.iterdir()] == ["film.webm"]
    with av.open(str(path)) as container:
        assert container.duration / 1e6 == pytest.approx(moments[-1] + 0.1, abs=0.002)


def test_frames_of_the_same_time_are_one(tmp_path: Path) -> None:
    make(tmp_path / "film.webm", [graded(index, index / 5000) for index in range(11)], fps=5000.0)
    assert times(tmp_path / "film.webm") == pytest.approx([0.0, 0.001, 0.002], abs=1e-6)


@pytest.mark.parametrize(
    ("first", "film"),
    [((64, 48), (194, 190)), ((1280, 960), (1280, 1058)), ((1920, 1080), (960, 606)), ((1, 1), (194, 142)),
     ((33, 1501), (150, 1280)), ((3001, 33), (1000, 64))],  # with the caption below the frame
)  # fmt: skip
def test_any_shape_fits_and_may_change(tmp_path: Path, first: tuple[int, int], film: tuple[int, int]) -> None:
    path = tmp_path / "film.webm"
    sizes = [first, (200, 300), (7, 5), (1921, 1081)]
    make(path, [graded(index, index / 10, size, 128) for index, size in enumerate(sizes)])
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("vp8", *film)
        assert sum(1 for _ in container.decode(stream)) == 4


def test_a_discarded_video_leaves_nothing(tmp_path: Path) -> None:
    film = OverlayVideo(tmp_path / "film.webm", 10.0, fail)
    film.add(graded(0, 0.0))
    until = time.monotonic() + 300
    while not list(tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.01)
    assert list(tmp_path.iterdir())
    assert film.discard()
    for _ in range(20):  # on a full disk it is asked for every second, and must never wait
        assert not film.discard()
    assert list(tmp_path.iterdir()) == []
    film.add(graded(1, 1.0), wait=True)
    film.close()
    assert list(tmp_path.iterdir()) == []


def test_a_video_that_cannot_be_written_is_reported_once(tmp_path: Path) -> None:
    said: list[Exception] = []
    film = OverlayVideo(tmp_path / "nowhere" / "film.webm", 10.0, said.append)
    for index in range(100):
        film.add(graded(index, index / 10), wait=True)
    film.close()
    assert len(said) == 1
    assert isinstance(said[0], OSError)
    assert said[0].strerror == "No such file or directory"


PROGRAM = """
import importlib.util, pathlib, sys, time
spec = importlib.util.spec_from_file_location("helpers", sys.argv[1])
helpers = importlib.util.module_from_spec(spec); spec.loader.exec_module(helpers)
film = helpers.OverlayVideo(pathlib.Path(sys.argv[2]), 30.0, helpers.fail)
for index in range(300): film.add(helpers.graded(index, index / 30), wait=True)
print("drawn", flush=True)
time.sleep(600)
"""


def test_after_a_kill_it_plays_up_to_its_last_seconds(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, __file__, str(tmp_path / "film.webm")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == b"drawn\n"
        running.send_signal(signal.SIGKILL)
    (left,) = tmp_path.iterdir()
    played = times(left)
    assert played == pytest.approx([index / 30 for index in range(len(played))], abs=0.001)
    assert played[-1] > 7  # of ten seconds, less what waited and the last second


def test_a_browser_plays_it(tmp_path: Path, open_chromium: Callable[..., Any]) -> None:
    path = tmp_path / "film.webm"
    make(path, [graded(index, index / 30, (320, 240), 8 * (index % 30)) for index in range(60)], fps=30.0)
    browser = open_chromium(400, 400)
    data = base64.b64encode(path.read_bytes()).decode()
    browser.get("about:blank")
    seen = browser.execute_async_script(
        """const done = arguments[arguments.length - 1];
        const video = Object.assign(document.createElement("video"), {muted: true});
        video.onerror = () => done({error: video.error.message});
        let first = null;
        const look = (now, frame) => {
            first = first ?? frame.mediaTime;
            if (frame.mediaTime > first + 0.5)
                done({duration: video.duration, width: video.videoWidth, height: video.videoHeight});
            else video.requestVideoFrameCallback(look);
        };
        video.requestVideoFrameCallback(look);
        document.body.append(video);
        video.src = "data:video/webm;base64," + arguments[0];
        video.play();""",
        data,
    )
    assert "error" not in seen, seen
    assert seen["duration"] == pytest.approx(2.0, abs=0.1)
    assert (seen["width"], seen["height"]) == (320, 382)
