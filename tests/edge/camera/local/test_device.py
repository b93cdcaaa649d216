"""A USB camera as V4L2 shows one: the real OpenCV and the real ioctls against a driver that is preloaded.

No camera is needed, and none is touched; what a real driver does beyond this is not tested here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[3]
VIDEO = "/dev/video97"
HEAD = """
import json, os, sys, threading, time
from pathlib import Path
from edge.camera.local.device import DeviceCamera, read_wish
from edge.camera.local.v4l2 import list_cameras
from edge.camera.open import open_camera
from edge.errors import EdgeError
plug, video = Path(os.environ["FAKE_PLUG"]), os.environ["FAKE_VIDEO"]
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if sys.platform != "linux" or shutil.which("cc") is None:
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("driver") / "fake_v4l2.so"
    command = ["cc", "-shared", "-fPIC", "-O2", str(HERE / "fake_v4l2.c"), "-o", str(library), "-ldl"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if "videodev2.h" in built.stderr:
        pytest.skip("the kernel's headers are not installed")
    assert built.returncode == 0, built.stderr
    return library


def environment(driver: Path, plug: Path, jpegs: Path | None = None) -> dict[str, str]:
    plug.write_text("")
    return {
        **os.environ,
        **({} if jpegs is None else {"FAKE_JPEGS": str(jpegs)}),
        "LD_PRELOAD": str(driver),
        "FAKE_VIDEO": VIDEO,
        "FAKE_PLUG": str(plug),
        "PYTHONPATH": str(ROOT),
    }


def play(driver: Path, plug: Path, scene: str, jpegs: Path | None = None) -> Any:
    """What a scene prints as JSON; nothing may be said beside it."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + scene],
        env=environment(driver, plug, jpegs), capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


def test_frames_come_with_the_drivers_time(driver: Path, tmp_path: Path) -> None:
    said = play(
        driver,
        tmp_path / "plug",
        """
camera = DeviceCamera(video)
camera.read()
frames = []
for _ in range(6):
    frame = camera.read()
    frames.append((frame.index, frame.image.shape, float(frame.image.mean()), frame.timestamp, time.monotonic()))
camera.close()
print(json.dumps([camera.format, camera.fps, frames]))
""",
    )
    kind, fps, frames = said
    assert (kind, fps) == ("640x480 YUYV, 30 fps", 30.0)
    assert [frame[0] for frame in frames] == [1, 2, 3, 4, 5, 6]
    assert {tuple(frame[1]) for frame in frames} == {(480, 640, 3)}
    means = [frame[2] for frame in frames]
    assert means == sorted(set(means))  # a new picture each time, the older before the newer
    # The driver's own time, of when it filled the buffer: in order, and never ahead of when it is read.
    assert all(taken <= now for *_, taken, now in frames)
    assert [taken for *_, taken, _ in frames] == sorted({taken for *_, taken, _ in frames})


def test_a_mode_is_asked_for_and_one_that_is_not_there_refused(driver: Path, tmp_path: Path) -> None:
    said = play(
        driver,
        tmp_path / "plug",
        """
camera = DeviceCamera(video, read_wish("1280x720@30/YUYV"))
shape = camera.read().image.shape
camera.close()
try:
    DeviceCamera(video, read_wish("1920x1080"))
except EdgeError as error:
    print(json.dumps([camera.format, shape, str(error)]))
""",
    )
    assert said[:2] == ["1280x720 YUYV, 30 fps", [720, 1280, 3]]
    assert "gives 1280x720 YUYV, 30 fps instead" in said[2]


def test_cameras_are_listed_with_their_modes(driver: Path, tmp_path: Path) -> None:
    node = tmp_path / "sysfs" / "video97"
    node.mkdir(parents=True)
    (node / "name").write_text("Fake fundus camera\n")
    said = play(
        driver,
        tmp_path / "plug",
        f"""
(found,) = list_cameras(Path({str(tmp_path / "sysfs")!r}))
print(json.dumps([found.source, found.node.name, [str(mode) for mode in found.modes], found.trouble]))
""",
    )
    assert said == ["97", "Fake fundus camera", ["640x480@30/YUYV", "1280x720@30/YUYV"], ""]


def test_a_camera_is_unplugged_comes_back_stalls_and_comes_back(driver: Path, tmp_path: Path) -> None:
    said = play(
        driver,
        tmp_path / "plug",
        """
stop, told = threading.Event(), []
camera = open_camera("97", tell=told.append, stop=stop)
def wait_for(number):
    until = time.monotonic() + 300
    while len(told) < number and time.monotonic() < until: time.sleep(0.01)
def hand():
    wait_for_frames(5)
    plug.unlink(); wait_for(1)
    plug.write_text(""); wait_for(2); wait_for_frames(5)
    plug.write_text("stall"); wait_for(3)
    plug.write_text(""); wait_for_frames(5)
    stop.set()
indices = []
def wait_for_frames(number):
    until, wanted = time.monotonic() + 60, len(indices) + number
    while len(indices) < wanted and time.monotonic() < until: time.sleep(0.01)
threading.Thread(target=hand).start()
for frame in iter(camera.read, None): indices.append(frame.index)
camera.close()
print(json.dumps([told, indices, camera.lost]))
""",
    )
    told, indices, lost = said
    assert lost == 2
    assert "is back" in told[1]
    assert "comes and goes (it gives no frames" in told[2]
    assert len(told) == 3
    assert indices == sorted(set(indices))
    assert len(indices) >= 15


def jpegs_in(folder: Path, damaged: set[int], frames: int = 6) -> Path:
    folder.mkdir()
    for number in range(frames):
        noise = np.random.default_rng(number).integers(0, 255, (60, 80, 3), np.uint8)
        data = cv2.imencode(".jpg", cv2.resize(noise, (640, 480)) // 8 + 40 * number)[1].tobytes()
        (folder / str(number)).write_bytes(data[: len(data) // 2] if number in damaged else data)
    return folder


def test_half_a_jpeg_of_a_camera_is_never_given(driver: Path, tmp_path: Path) -> None:
    said = play(
        driver,
        tmp_path / "plug",
        """
camera = DeviceCamera(video)
frames = [camera.read() for _ in range(8)]
camera.close()
lower = [[frame.index, list(frame.image.shape), float(frame.image[400:].mean())] for frame in frames]
lossy = [[frame.lossy.method, frame.lossy.ratio > 10] for frame in frames]
print(json.dumps([camera.format, camera.missed, camera.damaged, lower, lossy]))
""",
        jpegs_in(tmp_path / "jpegs", {2, 4}),
    )
    kind, missed, damaged, frames, lossy = said
    assert lossy == [["ISO_10918_1", True]] * 8
    assert kind == "640x480 MJPG, 30 fps"
    assert missed == damaged == frames[-1][0] + 1 - 8 > 0
    assert all(frame[1] == [480, 640, 3] for frame in frames)
    # The lower part of each is of its own moment: neither grey, nor of the frame before.
    numbers = [round((frame[2] - 16) / 40) for frame in frames]
    assert set(numbers) == {0, 1, 3, 5}
    assert len({(number - frame[0]) % 6 for number, frame in zip(numbers, frames, strict=True)}) == 1


def test_a_session_reports_once_how_many_frames_were_damaged(driver: Path, tmp_path: Path) -> None:
    said = play(
        driver,
        tmp_path / "plug",
        """
told = []
camera = open_camera("97", tell=told.append)
while camera.damaged < 2: camera.read()
camera.close(); camera.close()
print(json.dumps([told, camera.damaged, camera.missed]))
""",
        jpegs_in(tmp_path / "jpegs", {3}),
    )
    told, damaged, missed = said
    assert told == [f"camera 97 gave {damaged} damaged frames, which were left out: check its cable."]
    assert missed >= 2


def test_a_camera_whose_jpegs_are_all_damaged_is_reopened(driver: Path, tmp_path: Path) -> None:
    said = play(
        driver,
        tmp_path / "plug",
        """
camera = DeviceCamera(video)
try:
    camera.read()
except EdgeError as error:
    print(json.dumps([str(error), camera.read() is None, camera.damaged]))
""",
        jpegs_in(tmp_path / "jpegs", set(range(6))),
    )
    assert "gives no frames any more" in said[0]
    assert said[1] is True
    assert said[2] > 1


def test_a_camera_that_another_program_holds(driver: Path, tmp_path: Path) -> None:
    said = play(
        driver,
        tmp_path / "plug",
        """
camera = DeviceCamera(video)
try:
    DeviceCamera(video)
except EdgeError as error:
    print(json.dumps(str(error)))
camera.close()
""",
    )
    assert said.startswith(f"no camera answers at {VIDEO}: plug it in, close other programs that use it")


def test_a_session_survives_its_cable(driver: Path, tmp_path: Path) -> None:
    """The whole command: frames, cable out, cable in, frames, Ctrl-C; everything kept, exit 0."""
    plug, out = tmp_path / "plug", tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "edge.commands.capture", "97", "--json", "--out", str(out), "--no-video"],
        env=environment(driver, plug), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None

    def read_until(what: str) -> list[dict[str, Any]]:
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(json.loads(line))
            if what in line:
                return lines
        raise AssertionError(process.stderr.read() if process.stderr else "")

    read_until('"index": 5')
    plug.unlink()
    read_until("trying to reach it again")
    plug.write_text("")
    read_until("is back after")
    read_until('"verdict"')
    process.send_signal(2)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors
    lines = (out / "session.jsonl").read_text().splitlines()
    indices = [json.loads(line)["index"] for line in lines]
    assert indices == sorted(set(indices))
