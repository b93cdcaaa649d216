"""FFmpeg's one log, while one thread listens and another works."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

av = pytest.importorskip("av")

from edge.camera.recording.ffmpeg_log import ffmpeg_messages

# A film is written while a recording is read, as often as it takes for the two to meet.
PROGRAM = """
import sys, threading, av, numpy as np
from edge.camera.recording.ffmpeg_log import ffmpeg_messages

def film(path):
    with av.open(path, "w", format="webm", container_options={"cluster_time_limit": "1", "flush_packets": "1"}) as made:
        stream = made.add_stream("libvpx", rate=1000, options={"deadline": "realtime", "cpu-used": "8"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="bgr24")
        for index in range(1500):
            picture.pts = index * 40
            for packet in stream.encode(picture):
                made.mux(packet)
        made.mux(stream.encode(None))

writing = threading.Thread(target=film, args=(sys.argv[1],))
writing.start()
while writing.is_alive():
    with ffmpeg_messages(av, av.logging.DEBUG):
        pass
"""


def test_a_video_written_beside_a_recording_logs_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "film.webm")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr[:500]) == (0, "", "")
    assert (tmp_path / "film.webm").stat().st_size > 1000


def test_the_longest_listener_gets_all_messages(tmp_path: Path) -> None:
    inside, done = threading.Event(), threading.Event()

    def listen() -> None:
        with ffmpeg_messages(av, av.logging.ERROR):
            inside.set()
            done.wait(60)

    other = threading.Thread(target=listen)
    with ffmpeg_messages(av, av.logging.DEBUG):
        other.start()
        assert inside.wait(60)
        assert av.logging.get_level() == av.logging.DEBUG
    assert av.logging.get_level() == av.logging.ERROR
    done.set()
    other.join(60)
    assert av.logging.get_level() == av.logging.PANIC
