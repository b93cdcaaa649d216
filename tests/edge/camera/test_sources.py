"""Videos, folders and devices as cameras."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.camera.address import without_secrets
from edge.camera.open import open_camera
from edge.camera.protocol import Camera, Frame
from edge.errors import EdgeError
from edge.images import read_image


def number_picture(number: int) -> np.ndarray:
    """A picture whose brightness tells its number, also after compression."""
    picture = np.full((48, 64, 3), 20 + 10 * number, np.uint8)
    picture[:8, :8] = 255
    return picture


def write_video(path: Path, frames: int, fps: float = 30.0, code: str = "MJPG") -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), fps, (64, 48))
    assert writer.isOpened()
    for number in range(frames):
        writer.write(number_picture(number))
    writer.release()


def read_all(camera: Camera) -> tuple[list[Frame], list[str]]:
    frames, problems = [], []
    while True:
        try:
            frame = camera.read()
        except EdgeError as problem:
            problems.append(str(problem))
            continue
        if frame is None:
            break
        frames.append(frame)
    camera.close()
    camera.close()
    return frames, problems


def number_of(frame: Frame) -> int:
    return round((float(frame.image[20:, 20:].mean()) - 20) / 10)


def test_a_video_comes_in_order_and_at_its_own_pace(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    write_video(path, 12, fps=25.0)
    camera = open_camera(str(path))
    assert camera.fps == pytest.approx(25.0)
    assert not camera.live
    before = time.monotonic()
    frames, problems = read_all(camera)
    assert problems == []
    assert [frame.index for frame in frames] == list(range(12))
    assert [number_of(frame) for frame in frames] == list(range(12))
    assert before <= frames[0].timestamp <= time.monotonic()
    assert np.diff([frame.timestamp for frame in frames]) == pytest.approx(1 / 25, abs=1e-9)


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_a_frame_that_is_passed_over_keeps_its_place(tmp_path: Path, kind: str) -> None:
    path = tmp_path
    if kind == "video":
        path = tmp_path / "clip.avi"
        write_video(path, 6)
    else:
        for number in range(6):
            cv2.imwrite(str(tmp_path / f"{number}.png"), number_picture(number))
    camera = open_camera(str(path))
    first = camera.read()
    assert camera.skip()
    assert camera.skip()
    third = camera.read()
    assert first is not None
    assert third is not None
    assert (third.index, number_of(third)) == (3, 3)
    assert third.timestamp - first.timestamp == pytest.approx(3 / 30)
    assert camera.skip()
    assert camera.skip()
    assert not camera.skip()
    assert camera.read() is None
    camera.close()


def test_a_reader_may_keep_its_frames(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    write_video(path, 3)
    camera = open_camera(str(path))
    first = camera.read()
    assert first is not None
    copy = first.image.copy()
    read_all(camera)
    assert np.array_equal(first.image, copy)


def test_an_absurd_frame_rate_becomes_thirty(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    write_video(path, 3, fps=1000.0)
    camera = open_camera(str(path))
    assert camera.fps == 30.0
    camera.close()


@pytest.mark.parametrize("share", [0.6, 0.75, 0.9])
def test_a_cut_off_video_gives_its_whole_frames_and_one_sentence(tmp_path: Path, share: float) -> None:
    path = tmp_path / "clip.avi"
    write_video(path, 20)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    frames, problems = read_all(open_camera(str(path)))
    assert [number_of(frame) for frame in frames] == list(range(len(frames)))
    assert 2 <= len(frames) < 20
    # The last picture is as whole as the first: no grey filling from a half-decoded frame.
    assert float(frames[-1].image[-8:, -8:].std()) < 4
    assert len(problems) == 1
    assert "clip.avi ends in the middle" in problems[0]
    assert f"first {len(frames)} frames" in problems[0]


@pytest.mark.parametrize("content", [b"", b"RIFF", bytes(range(256)) * 40])
def test_a_file_that_is_no_video_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(EdgeError, match=r"clip\.mp4 is not a video"):
        open_camera(str(path))


def test_an_mp4_without_its_index_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_video(path, 10, code="mp4v")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(EdgeError, match=r"clip\.mp4 is cut off"):
        open_camera(str(path))


def test_a_video_without_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    write_video(path, 0)
    with pytest.raises(EdgeError, match=r"clip\.avi"):
        open_camera(str(path))


def test_a_folder_comes_sorted_and_skips_a_corrupt_frame(tmp_path: Path) -> None:
    for number in range(11):
        cv2.imwrite(str(tmp_path / f"frame{number}.png"), number_picture(number))
    (tmp_path / "frame4.png").write_bytes(b"\x89PNG not really")
    (tmp_path / "notes.txt").write_text("no image")
    camera = open_camera(str(tmp_path))
    assert camera.fps == 30.0
    assert not camera.live
    frames, problems = read_all(camera)
    assert [number_of(frame) for frame in frames] == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert frames[-1].timestamp - frames[0].timestamp == pytest.approx(10 / 30)
    assert len(problems) == 1
    assert "frame4.png" in problems[0]


def test_a_folder_that_vanishes_ends_in_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(6):
        cv2.imwrite(str(folder / f"{number}.png"), number_picture(number))
    camera = open_camera(str(folder))
    assert camera.read() is not None
    shutil.rmtree(folder)
    frames, problems = read_all(camera)
    assert not frames
    assert problems == [f"{folder} is gone, and 5 of its 6 images with it: bring it back and start again."]


def test_a_photograph_that_vanishes_once_it_is_read_is_a_frame_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "0.jpg"), number_picture(0))

    def read_and_lose(path: Path) -> np.ndarray:
        image = read_image(path)
        path.unlink()
        return image

    monkeypatch.setattr("edge.camera.folder.read_image", read_and_lose)
    frames, problems = read_all(open_camera(str(tmp_path)))
    assert len(frames) == 1
    assert not problems


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="no image"):
        open_camera(str(tmp_path))


def test_a_missing_source_is_named() -> None:
    with pytest.raises(EdgeError, match=r"nowhere\.mp4 does not exist"):
        open_camera("nowhere.mp4")


def test_a_name_that_cannot_be_is_one_sentence() -> None:
    with pytest.raises(EdgeError, match=r"cannot be accessed \(.*\): check the name\.$"):
        open_camera("x" * 300)


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /dev/stdin")
def test_what_is_no_device_below_dev_is_a_file(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.avi", 4)
    with (tmp_path / "clip.avi").open("rb") as file:
        frames, problems = read_all(open_camera(f"/dev/fd/{file.fileno()}"))
    assert [number_of(frame) for frame in frames] == [0, 1, 2, 3]
    assert not problems


@pytest.mark.parametrize(("aspect", "told"), [((8, 1), "8 times"), ((1, 9), "0.1111 times"), ((4, 3), "")])
def test_an_implausible_aspect_ratio_is_reported(
    tmp_path: Path, write_clip: Callable[..., object], aspect: tuple[int, int], told: str
) -> None:
    path, notes = tmp_path / "clip.mkv", list[str]()
    write_clip(path, "libx264", 2, aspect=aspect)
    open_camera(str(path), tell=notes.append).close()
    assert [told in note for note in notes] == [True] * bool(told)


def test_a_folder_may_be_called_as_a_scheme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "udp").mkdir()
    cv2.imwrite("udp/1.png", np.zeros((64, 64, 3), np.uint8))
    assert open_camera("udp").read() is not None


def test_a_recording_in_the_network_is_no_camera() -> None:
    with pytest.raises(EdgeError, match=r"^http://host/clip\.MP4 is a recording"):
        open_camera("http://me:secret@host/clip.MP4?token=x")


def test_a_photograph_is_sent_to_edge_grade(tmp_path: Path) -> None:
    path = tmp_path / "eye.JPG"
    cv2.imwrite(str(path), number_picture(1))
    with pytest.raises(EdgeError, match="edge-grade"):
        open_camera(str(path))


def test_a_camera_that_is_not_there(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(EdgeError, match="no camera answers at /dev/video97"):
        open_camera("97")
    assert capfd.readouterr().err == ""


def test_demo_is_the_synthetic_eye() -> None:
    camera = open_camera("demo")
    frame = camera.read()
    camera.close()
    assert frame is not None
    assert frame.image.dtype == np.uint8
    assert frame.image.shape[2] == 3


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://cam:554/live", "rtsp://cam:554/live"),
        ("rtsp://me:secret@cam:554/live@1", "rtsp://cam:554/live@1"),
        ("rtsp://me:secret!1@cam/live", "rtsp://cam/live"),
        ("rtsp://me:sec/ret@cam/live", "rtsp://cam/live"),
        ("http://cam/live?token=secret!1", "http://cam/live"),
        ("rtsp://cam:554/live@1", "rtsp://cam:554/live@1"),
        (
            "rtspsrc location=rtsp://me:secret@cam/x user-pw='se cret' ! fakesink",
            "rtspsrc location=rtsp://cam/x user-pw=*** ! fakesink",
        ),
    ],
)
def test_what_is_shown_of_a_source_holds_no_secret(source: str, shown: str) -> None:
    assert without_secrets(source) == shown


def test_the_demo_lasts_as_long_as_is_asked() -> None:
    for source, frames in (("demo", 300), ("demo:2", 60), ("demo:60", 1800)):
        camera = open_camera(source)
        seen = 0
        while camera.skip():
            seen += 1
        assert seen == frames
        camera.close()
    for wrong in ("demo:", "demo:0", "demo:x", "demo:99999"):
        with pytest.raises(EdgeError):
            open_camera(wrong)
