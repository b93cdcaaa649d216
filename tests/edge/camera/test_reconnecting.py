"""Cameras that stall, break, hang, change and come back."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from edge.camera import connection as connection_module
from edge.camera import patience as patience_module
from edge.camera import reconnecting as steady_module
from edge.camera.patience import Patience
from edge.camera.protocol import Camera, Frame
from edge.camera.reconnecting import ReconnectingCamera
from edge.errors import EdgeError

STALL_S = 1.0  # where a stall is to be noticed; elsewhere a busy machine must not look like one


class Wired:
    """A camera at 200 frames per second that misbehaves at one of its frames."""

    live, fps, format, missed = True, 200.0, "64x48", 0

    def __init__(self, at: int, what: str, hang: threading.Event | None = None) -> None:
        self._at, self._what, self._hang = at, what, hang or threading.Event()
        self.given = 0
        self.closed = False

    def read(self) -> Frame | None:
        time.sleep(0.005)
        number, self.given = self.given, self.given + 1
        image = np.zeros((48, 64, 3), np.uint8)
        if number >= self._at:
            if self._what == "ends":
                return None
            if self._what == "hangs":
                self._hang.wait(60)
                return None
            if self._what == "raises":
                raise RuntimeError("VIDIOC_DQBUF: No such device\nsecond line")
            if self._what == "unplugged":
                raise EdgeError("the camera gives no frames any more.")
            if self._what == "garbage":
                image = image[:, :, 0] if number % 2 else np.zeros((0, 0, 3), np.uint8)
            if self._what == "grows":
                image = np.zeros((96, 128, 3), np.uint8)
        return Frame(image, number, time.monotonic())

    def skip(self) -> bool:
        return self.read() is not None

    def close(self) -> None:
        self.closed = True


class Plug:
    """What opens the camera: one after the other of those given, the last one again and again; None is refused."""

    def __init__(self, *cameras: Callable[[], Camera] | None) -> None:
        self.opened: list[float] = []
        self.made: list[Camera] = []
        self._cameras = cameras

    def __call__(self) -> Camera:
        make = self._cameras[min(len(self.opened), len(self._cameras) - 1)]
        self.opened.append(time.monotonic())
        if make is None:
            raise EdgeError("the camera is not plugged in.")
        self.made.append(make())
        return self.made[-1]


def wait_until(happened: Callable[[], bool]) -> None:
    until = time.monotonic() + 300
    while not happened() and time.monotonic() < until:
        time.sleep(0.005)
    assert happened()


def connections() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "connection"}


def steady(
    plug: Plug, said: list[str], stop: threading.Event | None = None, stall_s: float = 60.0
) -> ReconnectingCamera:
    return ReconnectingCamera("camera 0", plug, said.append, stop or threading.Event(), stall_s=stall_s)


def good() -> Wired:
    return Wired(10**9, "")


def test_frames_go_through_as_they_are() -> None:
    said: list[str] = []
    plug = Plug(good)
    camera = steady(plug, said)
    frames = [camera.read() for _ in range(20)]
    camera.close()
    indices = [frame.index for frame in frames if frame is not None]
    assert len(indices) == 20
    assert indices == sorted(set(indices))
    assert (camera.live, camera.fps, camera.format, camera.lost, said) == (True, 200.0, "64x48", 0, [])
    assert camera.missed == indices[-1] + 1 - 20
    assert plug.made[0].closed  # type: ignore[attr-defined]


def test_a_slow_reader_gets_the_newest() -> None:
    plug = Plug(good)
    camera = steady(plug, [])
    assert camera.read() is not None
    (wired,) = plug.made
    assert isinstance(wired, Wired)
    given = wired.given
    wait_until(lambda: wired.given > given + 20)
    given = wired.given
    frame = camera.read()
    assert frame is not None
    assert frame.index >= given - 2  # the one that is being handed over may be newer
    assert camera.missed == frame.index - 1 > 5
    camera.close()


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("ends", "has ended"),
        ("hangs", "gives no frames"),
        ("raises", r"failed \(VIDIOC_DQBUF: No such device\)"),
        ("unplugged", "gives no frames any more"),
        ("garbage", "gives no frames"),
    ],
)
def test_a_lost_camera_is_reported_and_comes_back(what: str, words: str) -> None:
    said: list[str] = []
    hang = threading.Event()
    plug = Plug(lambda: Wired(6, what, hang), None, None, good)

    def tell(sentence: str) -> None:
        said.append(sentence)
        hang.set()

    camera = ReconnectingCamera("camera 0", plug, tell, threading.Event(), stall_s=STALL_S)
    frames: list[Frame] = []
    while len(said) < 2 or len(frames) < 10:
        frame = camera.read()
        assert frame is not None
        frames.append(frame)
    camera.close()
    assert len(said) == 2
    assert re.fullmatch(f"camera 0 {words}: check its cable; trying to reach it again.", said[0])
    assert said[1].startswith("camera 0 is back after ")
    assert camera.lost == 1
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    assert all(frame.image.shape == (48, 64, 3) for frame in frames)
    assert len(plug.opened) == 4


def test_a_camera_may_change_its_size() -> None:
    said: list[str] = []
    camera = steady(Plug(lambda: Wired(5, "grows")), said)
    shapes = {frame.image.shape for frame in (camera.read() for _ in range(12)) if frame is not None}
    camera.close()
    assert shapes == {(48, 64, 3), (96, 128, 3)}
    assert said == []


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady_module, "_LONGEST_PAUSE_S", 0.0)


@pytest.mark.usefixtures("no_pauses")
def test_a_hundred_reconnections_leave_nothing_behind_and_are_reported_once() -> None:
    said: list[str] = []
    before = connections()  # of earlier tests
    plug = Plug(lambda: Wired(2, "unplugged"))
    camera = steady(plug, said)
    indices = []
    while camera.lost < 100:
        frame = camera.read()
        assert frame is not None
        indices.append(frame.index)
    camera.close()
    assert indices == sorted(set(indices))
    assert len(said) == 3
    assert said[0] == "camera 0 gives no frames any more: check its cable; trying to reach it again."
    assert said[1].startswith("camera 0 is back after ")
    assert said[2].startswith("camera 0 comes and goes (it gives no frames any more): check its cable and its power;")
    wait_until(lambda: len(connections() - before) <= 1)
    assert all(made.closed for made in plug.made)  # type: ignore[attr-defined]


@pytest.mark.usefixtures("no_pauses")
def test_a_camera_that_has_held_is_steady_again_and_its_next_loss_is_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steady_module, "_LASTED_S", 2.0)  # a short one may halt for a moment
    said: list[str] = []
    short, long = (lambda: Wired(2, "unplugged")), (lambda: Wired(600, "unplugged"))
    plug = Plug(short, short, short, long, good)
    camera = steady(plug, said)
    while len(said) < 6:
        assert camera.read() is not None
    camera.close()
    expected = ("again.", "back", "comes and goes", "steady again", "again.", "back")
    assert all(words in sentence for words, sentence in zip(expected, said, strict=True)), said
    assert "it was lost 3 times in " in said[3]


def test_stop_ends_the_wait_for_a_camera_that_stays_away() -> None:
    stop = threading.Event()
    said: list[str] = []
    plug = Plug(lambda: Wired(3, "unplugged"), None)
    camera = steady(plug, said, stop)
    read: list[Frame | None] = []
    reader = threading.Thread(target=lambda: read.extend(iter(camera.read, None)), daemon=True)
    reader.start()
    wait_until(lambda: len(plug.opened) > 2)  # it tries again and again
    assert reader.is_alive()
    stop.set()
    reader.join(60)
    assert not reader.is_alive()
    assert 1 <= len(read) <= 3
    camera.close()
    assert len(said) == 1


@pytest.mark.parametrize("comes", [False, True], ids=["stays away", "gives one frame each time"])
def test_each_try_to_reach_a_camera_waits_longer(comes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    stop = threading.Event()

    def wait(camera: ReconnectingCamera, seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 10:
            stop.set()

    monkeypatch.setattr(ReconnectingCamera, "_wait", wait)
    camera = steady(Plug(lambda: Wired(1, "unplugged"), *([] if comes else [None])), [], stop)
    frames = list(iter(camera.read, None))
    camera.close()
    assert waits == [0.0, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    assert len(frames) == (10 if comes else 1)


def test_closed_at_the_last_moment_it_is_not_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    plug = Plug(lambda: Wired(2, "unplugged"))
    camera = steady(plug, [], stall_s=0.05)
    monkeypatch.setattr(ReconnectingCamera, "_wait", lambda camera, seconds: camera.close())
    assert len(list(iter(camera.read, None))) <= 2
    assert len(plug.opened) == 1


class Slow(Wired):
    """One that gives a frame now and then; the first ones at once, as out of a buffer."""

    def __init__(self, seconds: float, frames: int, hang: threading.Event) -> None:
        super().__init__(frames, "hangs", hang)
        self._seconds = seconds

    def read(self) -> Frame | None:
        if self.given >= 3:
            time.sleep(self._seconds)
        return super().read()


def test_a_slow_camera_is_not_lost_and_noticed_by_its_own_pace_when_it_is() -> None:
    said: list[str] = []
    hang = threading.Event()
    camera = steady(Plug(lambda: Slow(0.8, 9, hang)), said, stall_s=0.5)
    last = -1
    while last < 8:
        frame = camera.read()
        assert frame is not None
        last = frame.index
    assert said == []
    reader = threading.Thread(target=camera.read, daemon=True)
    reader.start()
    wait_until(lambda: camera.lost == 1)
    assert "gives no frames" in said[0]
    camera.close()
    hang.set()
    reader.join(60)
    assert not reader.is_alive()


def test_a_machine_that_halts_loses_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it stands still, and the thread that waits for the camera is the first to go on."""
    halts, looks = [0.0], [0]

    def now() -> float:
        looks[0] += 1
        return time.monotonic() + halts[0]

    class Halted(Wired):
        def read(self) -> Frame | None:
            if self.given == 3:
                for halt in (0.0, 1000.0):  # once the next frame is waited for
                    halts[0], seen = halt, looks[0]
                    wait_until(lambda seen=seen: looks[0] > seen + 6)
            return super().read()

    monkeypatch.setattr(connection_module, "time", SimpleNamespace(monotonic=now))
    said: list[str] = []
    camera = steady(Plug(lambda: Halted(10**9, "")), said)
    while (frame := camera.read()) is not None and frame.index < 5 and not said:
        pass
    camera.close()
    assert (camera.lost, said) == (0, [])


def test_patience_follows_the_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(patience_module, "time", SimpleNamespace(monotonic=lambda: now[0]))

    def after(*steps: float) -> float:
        patience = Patience()
        patience.came()
        for step in steps:
            now[0] += step
            patience.came()
        return patience.seconds

    assert after() == after(0.0, 0.0, 2.0) == 5.0  # nothing is known yet
    assert after(*[1 / 30] * 300) == 1.0
    assert after(*[1.0] * 8) == 3.0
    assert after(0.0, 0.0, *[2.0] * 4) == 6.0
    assert after(*[4.9] * 4) == 10.0  # nobody waits longer for a device that may have been unplugged
    assert after(*[2.0] * 4, *[1 / 30] * 700) == 1.0  # what was slow once
    assert float(Patience()) == 5.0


@pytest.mark.parametrize("away", ["refused", "hanging"])
def test_closed_it_is_not_opened_any_more(away: str) -> None:
    """Also where the thread that reads it still waits for its return, or hangs in opening it."""
    hang, said = threading.Event(), []
    before = connections()  # of earlier tests

    def hanging() -> Camera:
        assert hang.wait(60)
        return good()

    plug = Plug(lambda: Wired(2, "unplugged"), None if away == "refused" else hanging)
    camera = steady(plug, said, stall_s=0.05)
    reader = threading.Thread(target=lambda: list(iter(camera.read, None)), daemon=True)
    reader.start()
    wait_until(lambda: len(plug.opened) > (3 if away == "refused" else 1))
    camera.close()
    reader.join(60)
    assert not reader.is_alive()
    opened = len(plug.opened)
    hang.set()
    wait_until(lambda: connections() <= before)
    assert len(plug.opened) <= opened + (away == "refused")  # a try that had begun
    assert all(made.closed for made in plug.made)  # type: ignore[attr-defined]
    camera.close()
    assert camera.read() is None


def test_a_camera_that_was_never_there_is_no_loss() -> None:
    with pytest.raises(EdgeError, match="not plugged in"):
        steady(Plug(None), [])


def test_one_that_hangs_in_its_driver_is_not_opened_twice() -> None:
    hang, said = threading.Event(), []
    plug = Plug(lambda: Wired(3, "hangs", hang), good)
    camera = steady(plug, said, stall_s=STALL_S)
    frames: list[Frame] = []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set() and (frame := camera.read()) is not None:
            frames.append(frame)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    wait_until(lambda: camera.lost == 1)
    time.sleep(0.3)  # while it hangs, nothing opens it again
    assert len(plug.opened) == 1
    hang.set()
    wait_until(lambda: any(frame.index > 3 for frame in frames))
    assert len(plug.opened) == 2
    stop.set()
    reader.join(60)
    camera.close()
