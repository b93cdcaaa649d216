"""Half a frame is never given: it is left out and counted, and what comes behind it is read all the same."""

from __future__ import annotations

import contextlib
import http.server
import random
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("av")

from edge.camera.address import without_secrets
from edge.camera.local.jpeg import whole_jpeg
from edge.camera.open import open_camera
from edge.camera.protocol import Camera, Frame
from edge.camera.recording.container import is_cut_off
from edge.camera.recording.network import NetworkCamera
from edge.camera.recording.video import VideoCamera
from edge.errors import EdgeError

Writer = Callable[..., list[np.ndarray]]


def read_all(camera: Camera) -> tuple[list[Frame], list[str]]:
    frames, notes = [], []
    while True:
        try:
            frame = camera.read()
        except EdgeError as note:
            notes.append(str(note))
            continue
        if frame is None:
            break
        frames.append(frame)
    return frames, notes


def is_whole(frame: Frame, whole: list[np.ndarray]) -> bool:
    """Whether it is one of these pictures; where frames were lost before it, not that of its own number."""
    nearest = sorted(range(len(whole)), key=lambda number: abs(number - frame.index))
    return any(int(cv2.absdiff(frame.image, whole[number]).max()) <= 40 for number in nearest)


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def hole(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + data[middle + len(data) // 5 :]


def zeros(data: bytes) -> bytes:
    middle, length = len(data) // 2, len(data) // 5
    return data[:middle] + bytes(length) + data[middle + length :]


def no_end(data: bytes) -> bytes:
    return data[: len(data) * 4 // 5]


HURTS = [cut, hole, zeros, no_end]


@pytest.mark.parametrize("hurt", HURTS, ids=lambda hurt: hurt.__name__)
@pytest.mark.parametrize("suffix", ["avi", "mov", "mkv"])
def test_a_damaged_jpeg_in_a_recording(
    tmp_path: Path, write_clip: Writer, suffix: str, hurt: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / f"clip.{suffix}"
    whole = write_clip(path, "mjpeg", 20, lambda number, data: hurt(data) if number in (0, 7, 8, 19) else data)
    camera = VideoCamera(path)
    frames, notes = read_all(camera)
    assert [frame.index for frame in frames] == [n for n in range(20) if n not in (0, 7, 8, 19)]
    assert all(is_whole(frame, whole) for frame in frames)
    assert camera.missed == 4
    assert len(notes) == 1
    assert "clip." + suffix + " is damaged: 4 of its 20 frames were left out" in notes[0]
    # They are due at their places in the recording, as if nothing were missing.
    assert frames[-1].timestamp - frames[0].timestamp == pytest.approx((18 - 1) / 30)


@pytest.mark.parametrize(
    ("codec", "hurt"),
    # What the format has no means to notice is not asked for: zeros in HEVC, a lost frame of MPEG-4.
    [("libx264", cut), ("libx264", zeros), ("libx264", None), ("libx265", cut), ("libx265", None), ("mpeg4", cut),
     ("mpeg4", zeros)],
    ids=lambda each: each if isinstance(each, str) else getattr(each, "__name__", "lost"),
)  # fmt: skip
def test_what_is_predicted_from_a_damaged_frame_is_left_out_too(
    tmp_path: Path, write_clip: Writer, codec: str, hurt: Callable[[bytes], bytes] | None
) -> None:
    path = tmp_path / "clip.mkv"
    whole = write_clip(
        path, codec, 75, lambda number, data: data if number != 20 else None if hurt is None else hurt(data)
    )
    camera = VideoCamera(path)
    frames, notes = read_all(camera)
    assert all(is_whole(frame, whole) for frame in frames)
    assert is_whole(frames[0], whole[:1])
    assert is_whole(frames[-1], whole[-1:])  # it went on to its end
    assert 40 <= len(frames) < 75
    assert camera.missed >= 1
    assert len(notes) == 1
    assert f"{camera.missed} of its" in notes[0]


def test_packets_that_the_network_lost(tmp_path: Path, write_clip: Writer) -> None:
    path = tmp_path / "clip.ts"
    whole = write_clip(path, "libx264", 120)
    data, dice = path.read_bytes(), random.Random(0)
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    kept = [packet for number, packet in enumerate(packets) if number < 20 or dice.random() > 0.01]
    assert len(kept) < len(packets)
    path.write_bytes(b"".join(kept))
    camera = VideoCamera(path)
    frames, _ = read_all(camera)
    assert all(is_whole(frame, whole) for frame in frames)
    assert 0 < len(frames) < 120
    assert camera.missed > 0


def test_a_recording_without_damage_loses_nothing(tmp_path: Path, write_clip: Writer) -> None:
    for codec in ("libx264", "libx265", "mpeg4", "mjpeg"):
        path = tmp_path / f"{codec}.mkv"
        whole = write_clip(path, codec, 40)
        camera = VideoCamera(path)
        frames, notes = read_all(camera)
        assert notes == []
        assert camera.missed == 0
        assert len(frames) == len(whole) == 40
        assert all(cv2.absdiff(frame.image, whole[frame.index]).max() <= 40 for frame in frames)


def test_a_recording_of_which_nothing_is_whole_is_refused(tmp_path: Path, write_clip: Writer) -> None:
    path = tmp_path / "clip.avi"
    write_clip(path, "mjpeg", 5, lambda number, data: cut(data))
    with pytest.raises(EdgeError, match=r"clip\.avi is not a video with pictures that can be decoded"):
        VideoCamera(path)


def test_frames_passed_over_do_not_hide_the_damage(tmp_path: Path, write_clip: Writer) -> None:
    path = tmp_path / "clip.avi"
    write_clip(path, "mjpeg", 6, lambda number, data: cut(data) if number == 1 else data)
    camera = VideoCamera(path)
    first, third = camera.read(), camera.read()
    assert first is not None
    assert third is not None
    assert (first.index, third.index) == (0, 2)
    assert all(camera.skip() for _ in range(3))
    with pytest.raises(EdgeError, match="1 of its 6 frames"):
        camera.skip()
    assert not camera.skip()
    assert camera.read() is None


def test_without_pyav_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clip.avi").write_bytes(b"RIFF")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(EdgeError, match=r"read by PyAV, .* pip install av\.$"):
        open_camera(str(tmp_path / "clip.avi"))


# --- one bad place in a recording is not its end


def say_size(path: Path, number: int, size: int) -> None:
    """Make the index of an MP4 or MOV say that one of its packets has another size."""
    data = bytearray(path.read_bytes())
    at = data.index(b"stsz") + 16 + 4 * number
    data[at : at + 4] = size.to_bytes(4, "big")
    path.write_bytes(data)


def count(path: Path, whole: list[np.ndarray] | None = None) -> tuple[int, int, list[str]]:
    """Frames returned and left out, and the reports; every returned frame is intact as far as that is known."""
    camera = VideoCamera(path)
    frames, notes = read_all(camera)
    assert [frame.index for frame in frames] == sorted({frame.index for frame in frames})
    assert whole is None or all(is_whole(frame, whole) for frame in frames)
    assert not camera.missed or re.search(f"{camera.missed} of (them|its [0-9]+ frames) were left out", notes[0])
    camera.close()
    return len(frames), camera.missed, notes


@pytest.mark.parametrize("size", [0, 1, 5_000_000, 0x7FFFFFFF], ids=["empty", "tiny", "beyond the end", "absurd"])
@pytest.mark.parametrize(("codec", "suffix"), [("mpeg4", "mp4"), ("libx264", "mp4"), ("mjpeg", "mov")])
def test_all_that_an_index_promises_is_given_or_counted(
    tmp_path: Path, write_clip: Writer, codec: str, suffix: str, size: int
) -> None:
    path = tmp_path / f"clip.{suffix}"
    whole = write_clip(path, codec, 60)
    say_size(path, 26, size)
    given, missed, notes = count(path, whole)
    assert given >= 20
    assert missed > 0
    assert abs(given + missed - 60) <= 2
    assert len(notes) == 1


def write_with_sound(path: Path, frames: int = 90) -> None:
    """Sound between the pictures, as every phone writes it, so that a wrong size spoils no other packet."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w") as container:
        pictures, sound = container.add_stream("libx264", rate=30), container.add_stream("aac", rate=48000)
        pictures.width, pictures.height, pictures.pix_fmt, pictures.options = 320, 240, "yuv420p", {"g": "15"}
        for number in range(frames):
            image = np.random.default_rng(number).integers(0, 255, (30, 40, 3), np.uint8)
            shown = av.VideoFrame.from_ndarray(cv2.resize(image, (320, 240)), format="bgr24")
            heard = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.float32), format="fltp", layout="mono")
            heard.sample_rate, heard.pts = 48000, number * 1600
            for stream, frame in ((pictures, shown), (sound, heard)):
                container.mux(stream.encode(frame))
        for stream in (pictures, sound):
            container.mux(stream.encode(None))


def test_behind_a_packet_that_seems_to_end_the_file_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_with_sound(path)
    assert count(path) == (90, 0, [])
    say_size(path, 26, 5_000_000)
    given, missed, notes = count(path)
    assert given + missed == 90
    assert 0 < missed <= 16  # up to the next key frame
    assert len(notes) == 1


def spoilt_files(data: bytes, tries: int) -> Iterator[bytes]:
    """A file with a hole, zeros or noise somewhere behind its header."""
    dice = random.Random(0)
    for _ in range(tries):
        hurt, length = bytearray(data), dice.choice([8, 64, 1000, 4000])
        at = dice.randrange(len(data) // 20, len(data) * 19 // 20)
        how = dice.choice(["hole", "zeros", "noise"])
        hurt[at : at + length] = b"" if how == "hole" else bytes(length) if how == "zeros" else dice.randbytes(length)
        yield bytes(hurt)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("libx264", "mkv"), ("mjpeg", "mkv"), ("libvpx", "webm"), ("mjpeg", "avi"), ("mpeg4", "avi"), ("mjpeg", "mjpeg"),
     ("libx264", "ts")],
)  # fmt: skip
def test_damage_anywhere_is_skipped_and_reported(tmp_path: Path, write_clip: Writer, codec: str, suffix: str) -> None:
    path = tmp_path / f"clip.{suffix}"
    write_clip(path, codec, 60)
    counted = suffix not in ("mjpeg", "ts")  # nothing tells how many frames these hold
    for hurt in spoilt_files(path.read_bytes(), 15):
        path.write_bytes(hurt)
        given, missed, notes = count(path)
        assert given >= 30
        assert len(notes) == (missed > 0 or is_cut_off(path))
        assert not counted or is_cut_off(path) or abs(given + missed - 60) <= 2


def test_files_of_several_sizes_put_together_are_read_on(tmp_path: Path, write_clip: Writer) -> None:
    """Their times start again, and the seam is damage: the frames after it are intact all the same."""
    path = tmp_path / "clip.ts"
    parts = b""
    for size in ((320, 240), (640, 480), (160, 480)):
        write_clip(path, "libx264", 40, size=size)
        parts += path.read_bytes()
    path.write_bytes(parts)
    frames, notes = read_all(VideoCamera(path))
    assert {frame.image.shape[:2] for frame in frames} == {(240, 320), (480, 640), (480, 160)}
    assert len(frames) >= 3 * 40 - 2 * 16
    assert len(notes) == 1


def test_packets_in_the_wrong_order_are_all_read(tmp_path: Path, write_clip: Writer) -> None:
    path = tmp_path / "clip.mkv"
    packets: dict[int, bytes] = {}
    write_clip(path, "mjpeg", 40, lambda number, data: packets.setdefault(number, data))
    write_clip(path, "mjpeg", 40, lambda number, data: packets[{20: 21, 21: 20}.get(number, number)])
    assert count(path) == (40, 0, [])


def test_a_recording_that_fails_again_and_again_ends(
    tmp_path: Path, write_clip: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one on a disk that has become unreadable, or a playlist whose next part is no video."""
    av = pytest.importorskip("av")
    path = tmp_path / "clip.mkv"
    write_clip(path, "mjpeg", 20)
    camera = VideoCamera(path)
    stream = camera._stream._packets
    demux, asked = stream._container.demux, [0]

    class Failing:
        """A container of which nothing more can be read behind its tenth packet."""

        def __getattr__(self, name: str) -> object:
            return getattr(container, name)

        def demux(self, *which: object) -> Iterator[object]:
            asked[0] += 1
            if asked[0] > 10:
                raise av.error.OSError(5, "Input/output error")
            return demux(*which)

    container = stream._container
    stream._container = Failing()  # type: ignore[assignment]
    frames, notes = read_all(camera)
    assert 10 <= len(frames) <= 12
    assert len(notes) == 1
    assert "nothing can be read after its first" in notes[0]
    assert "Input/output error" in notes[0]
    assert asked[0] < 3000


# --- JPEG over HTTP, one part a frame


def jpeg(number: int) -> bytes:
    image = np.random.default_rng(number).integers(0, 255, (48, 64, 3), np.uint8)
    return cv2.imencode(".jpg", cv2.resize(image, (256, 192)))[1].tobytes()


@contextlib.contextmanager
def serving(parts: list[bytes]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            with contextlib.suppress(OSError):
                for part in parts:
                    head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(part)}\r\n\r\n"
                    self.wfile.write(head.encode() + part + b"\r\n")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/live?token=secret"
        finally:
            server.shutdown()


def test_a_damaged_jpeg_from_the_network() -> None:
    parts = [jpeg(number) for number in range(30)]
    for number, hurt in ((4, cut), (5, hole), (11, zeros), (20, no_end)):
        parts[number] = hurt(parts[number])
    with serving(parts) as address:
        camera = NetworkCamera(address)
        frames, notes = read_all(camera)
        camera.close()
    assert len(notes) == 1
    assert notes[0].endswith("/live broke off: check network and camera.")
    assert [frame.index for frame in frames] == [n for n in range(30) if n not in (4, 5, 11, 20)]
    assert (camera.missed, camera.damaged) == (4, 4)
    assert "secret" not in without_secrets(address)
    for frame in frames:
        sent = cv2.imdecode(np.frombuffer(parts[frame.index], np.uint8), cv2.IMREAD_COLOR)
        assert np.abs(frame.image.astype(int) - sent).max() <= 8


def test_a_stream_that_is_nothing_but_damage_breaks() -> None:
    parts = [jpeg(0)] + [cut(jpeg(number)) for number in range(200)]
    with serving(parts) as address:
        camera = NetworkCamera(address)
        frames, notes = read_all(camera)
        camera.close()
    assert [frame.index for frame in frames] == [0]
    assert len(notes) == 1


@pytest.mark.parametrize("hurt", HURTS, ids=lambda hurt: hurt.__name__)
def test_a_damaged_jpeg_gives_no_picture(hurt: Callable[[bytes], bytes]) -> None:
    data = jpeg(1)
    whole = whole_jpeg("it", data)
    assert whole is not None
    assert whole.shape == (192, 256, 3)
    assert whole_jpeg("it", data + bytes(100)) is not None  # a buffer may be larger than what is in it
    assert whole_jpeg("it", hurt(data)) is None
    assert whole_jpeg("it", b"") is None


def test_a_jpeg_without_its_tables_is_that_of_a_camera() -> None:
    """UVC cameras leave the Huffman tables out: they are the standard's own."""
    data = jpeg(2)
    bare, at = bytearray(data[:2]), 2
    while data[at + 1] != 0xDA:
        length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        bare += b"" if data[at + 1] == 0xC4 else data[at : at + length]
        at += length
    bare += data[at:]
    assert len(bare) < len(data)
    whole = whole_jpeg("it", bytes(bare))
    assert whole is not None
    assert np.array_equal(whole, whole_jpeg("it", data))
