"""The processes that decode: they end when they should, and nothing that they do ends us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.errors import EdgeError
from edge.images import ImageReader, decoder_process, read_image, reader

ROOT = Path(__file__).parents[3]


@pytest.fixture
def one() -> Iterator[ImageReader]:
    with ImageReader() as opened:
        yield opened


def pids(opened: ImageReader) -> list[int]:
    return [decoder._process.pid for decoder in opened._idle]


def program_that(monkeypatch: pytest.MonkeyPatch, does: str) -> None:
    """From now on a decoder is started that is ready, waits for a file, and then does something else."""
    code = (
        "import sys, os, time, json, signal\n"
        "def say(answer):\n"
        "    body = json.dumps(answer).encode()\n"
        "    os.write(1, len(body).to_bytes(4, 'big') + body)\n"
        "say({'ready': True})\n"
        "sys.stdin.buffer.readline()\n"
    )
    monkeypatch.setattr(decoder_process, "_PROGRAM", code + does)


def test_a_decoder_is_used_again(one: ImageReader, files: Any, seeds: dict[str, bytes]) -> None:
    path = files.save("eye.png", seeds["png"])
    one.read(path)
    first = pids(one)
    with pytest.raises(EdgeError):
        one.read(files.save("bad.png", seeds["png"][:100]))
    one.read(path)
    assert pids(one) == first
    assert len(first) == 1


def test_a_crash_is_one_sentence_and_the_next_file_is_read(
    one: ImageReader, files: Any, seeds: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = files.save("eye.png", seeds["png"])
    with monkeypatch.context() as patch:
        program_that(patch, "os.kill(os.getpid(), signal.SIGSEGV)")
        with pytest.raises(EdgeError, match=r"eye\.png cannot be decoded: the decoder crashed"):
            one.read(path)
    assert one.read(path).shape == (120, 160, 3)


@pytest.mark.parametrize("said", ["b'\\0\\0\\0\\4nope'", "b'\\xff\\xff\\xff\\xff' + bytes(70000)", "b'\\0\\0'"])
def test_an_answer_that_makes_no_sense(
    one: ImageReader, files: Any, seeds: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    program_that(monkeypatch, f"os.write(1, {said})")
    with pytest.raises(EdgeError, match="crashed"):
        one.read(files.save("eye.png", seeds["png"]))


def test_a_decoder_that_takes_too_long_is_ended(
    one: ImageReader, files: Any, seeds: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    program_that(monkeypatch, "time.sleep(600)")
    monkeypatch.setattr(decoder_process, "SECONDS", 0.3)
    with pytest.raises(EdgeError, match="takes more than 8 seconds"):
        one.read(files.save("eye.png", seeds["png"]))
    assert pids(one) == []


def test_a_decoder_that_was_killed_meanwhile_is_replaced(one: ImageReader, files: Any, seeds: dict[str, bytes]) -> None:
    path = files.save("eye.png", seeds["png"])
    one.read(path)
    os.kill(pids(one)[0], signal.SIGKILL)
    os.waitid(os.P_PID, pids(one)[0], os.WEXITED | os.WNOWAIT)  # it has ended, and the reader is yet to see it
    assert one.read(path).shape == (120, 160, 3)


def test_memory_that_runs_out_in_the_decoder(
    one: ImageReader, files: Any, seeds: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = decoder_process._PROGRAM.replace(
        "from edge.images.worker import main",
        "from edge.images import limits; limits.MOST_MEMORY = 64 << 20; from edge.images.worker import main",
    )
    assert code != decoder_process._PROGRAM
    monkeypatch.setattr(decoder_process, "_PROGRAM", code)
    from PIL import Image

    large = files.save("large.bmp", Image.new("RGB", (6000, 4900)))
    with pytest.raises(EdgeError, match="too much memory"):
        one.read(large)
    assert one.read(files.save("eye.png", seeds["png"])).shape == (120, 160, 3)


def test_many_threads_read_what_one_does(files: Any, seeds: dict[str, bytes]) -> None:
    paths = [files.save(name, data) for name, data in seeds.items()] * 3
    with ThreadPoolExecutor(6) as pool:
        together = list(pool.map(read_image, paths))
    for path, frame in zip(paths, together, strict=True):
        np.testing.assert_array_equal(frame, read_image(path))


def test_closing_ends_what_is_being_read(files: Any, seeds: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    program_that(monkeypatch, "time.sleep(600)")
    opened, path = ImageReader(), files.save("eye.png", seeds["png"])
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(opened.read, path)
        while not opened._busy:
            time.sleep(0.01)
        opened.close()
        with pytest.raises(EdgeError):
            reading.result(60)
    with pytest.raises(EdgeError, match="reading has been stopped"):
        opened.read(path)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:  # it is gone, or goes while it is looked at
        return False


def test_a_decoder_ends_with_the_process_that_started_it(files: Any, seeds: dict[str, bytes]) -> None:
    program = (
        "import sys, time; from edge.images import reader\n"
        "reader.read_image(sys.argv[1])\n"
        "print(reader._shared._idle[0]._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    path = files.save("eye.png", seeds["png"])
    run = subprocess.Popen([sys.executable, "-c", program, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    decoder = int(run.stdout.readline())
    os.kill(decoder, signal.SIGINT)  # is not for it
    time.sleep(0.1)
    os.kill(decoder, 0)
    run.kill()
    run.communicate()
    until = time.monotonic() + 60
    while is_running(decoder):
        assert time.monotonic() < until, "the decoder goes on without its parent"
        time.sleep(0.01)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_has_decoders_of_its_own(files: Any, seeds: dict[str, bytes]) -> None:
    program = (
        "import os, sys; from edge.images import read_image\n"
        "first = read_image(sys.argv[1])\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(0 if (read_image(sys.argv[1]) == first).all() else 3)\n"
        "again = read_image(sys.argv[1])\n"
        "_, status = os.waitpid(child, 0)\n"
        "sys.exit(status >> 8 or int((again != first).any()))\n"
    )
    path = files.save("eye.png", seeds["png"])
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_modules_of_the_current_folder_are_not_loaded(files: Any, seeds: dict[str, bytes]) -> None:
    for name in ("PIL", "numpy", "json", "simplejpeg"):
        files.save(f"{name}.py", b"import sys; sys.exit(9)")
    path = files.save("eye.png", seeds["png"])
    program = (
        f"import sys; sys.path[:] = [each for each in sys.path if each] + [{str(ROOT)!r}]\n"
        f"from edge.images import read_image; read_image({str(path)!r})"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=files.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_names_of_any_bytes(files: Any, seeds: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("eye [1].png", "\N{EYE}.png", os.fsdecode(b"\xff\xfe.png"), "new\nline.png"):
        assert read_image(files.save(name, seeds["png"])).shape == (120, 160, 3), name
    monkeypatch.chdir(files.folder)
    assert read_image("eye [1].png").shape == (120, 160, 3)


def test_bits_are_one_of_four(files: Any, seeds: dict[str, bytes]) -> None:
    with pytest.raises(ValueError, match="bits is 9"):
        read_image(files.save("eye.png", seeds["png"]), 9)


def test_large_pictures_take_turns(files: Any, one: ImageReader, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    class Counted:
        held, most = 0, 0
        lock = threading.Lock()

        def __enter__(self) -> None:
            self.lock.acquire()
            self.held += 1
            self.most = max(self.most, self.held)

        def __exit__(self, *_: object) -> None:
            self.held -= 1
            self.lock.release()

    counted = Counted()
    monkeypatch.setattr(reader, "_large", counted)
    path = files.save("large.bmp", Image.new("RGB", (6000, 5100), (1, 2, 3)))
    with ThreadPoolExecutor(3) as pool:
        frames = list(pool.map(one.read, [path] * 3))
    assert counted.most == 1
    assert all((frame == (3, 2, 1)).all() for frame in frames)
