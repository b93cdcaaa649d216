"""Files of every kind, changed at random for ``EFIQA_FUZZ_SECONDS`` (60): a frame or one sentence, and in time."""

from __future__ import annotations

import os
import random
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge.errors import EdgeError
from edge.images import MOST_PIXELS, ImageReader

SECONDS = float(os.environ.get("EFIQA_FUZZ_SECONDS", "60"))
LONGEST = 10.0  # seconds a file may take, all in all
MOST_MIB = 1536
_EDGES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def changed(data: bytes, chance: random.Random) -> bytes:
    """One to a dozen changes: bits, numbers that parsers stumble over, pieces gone, doubled, or from elsewhere."""
    new = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 12))):
        # Half of them in the header, where sizes and offsets are.
        at = int(len(new) * chance.random() ** chance.choice((1, 6)))
        size = min(chance.choice((1, 2, 4, 16, 64, 1024)), len(new) - at)
        match chance.randrange(7):
            case 0 if new[at : at + 1]:
                new[at] ^= 1 << chance.randrange(8)
            case 1:
                new[at : at + size] = chance.randbytes(size)
            case 2 if size:
                del new[at : at + size]
            case 3:
                new[at:at] = new[at : at + size] * chance.choice((1, 1, 200))
            case 4:
                number = struct.pack(chance.choice("<>") + "I", chance.choice(_EDGES))
                new[at : at + 4] = number[: len(new[at : at + 4])]
            case 5:
                number = struct.pack(chance.choice("<>") + "H", chance.choice(_EDGES) & 0xFFFF)
                new[at : at + 2] = number[: len(new[at : at + 2])]
            case 6 if chance.random() < 0.3:
                del new[at:]
    return bytes(new) or b"\0"


@pytest.mark.slow
def test_changed_files_of_every_kind(
    tmp_path: Path,
    seeds: dict[str, bytes],
    request: pytest.FixtureRequest,
    mib_of: Callable[[int], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        seeds = seeds | request.getfixturevalue("dicom_seeds")
    except pytest.skip.Exception as skipped:
        print(skipped)
    number = int(os.environ.get("EFIQA_FUZZ_SEED", time.time_ns() % 1_000_000))
    chance, said, slowest, peak = random.Random(number), Counter[str](), 0.0, [0]
    path, ended = tmp_path / "file", threading.Event()

    def watch() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], mib_of(os.getpid()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    until = time.monotonic() + SECONDS
    try:
        with ImageReader() as reader:
            while time.monotonic() < until:
                kind = chance.choice(sorted(seeds))
                data = changed(seeds[kind], chance)
                path.write_bytes(data)
                began = time.monotonic()
                sentence, frame = "", np.zeros((1, 1, 3), np.uint8)
                try:
                    frame = reader.read(path)
                    said["read"] += 1
                except EdgeError as error:
                    sentence = str(error)
                    said["refused"] += 1
                    said["crashed"] += "crashed" in sentence
                    said["took too long"] += "takes more than" in sentence
                finally:
                    slowest = max(slowest, time.monotonic() - began)
                assert not sentence or (sentence.startswith(f"{path} ") and sentence.endswith(".")), (kind, sentence)
                assert "\n" not in sentence, (kind, sentence)
                assert frame.dtype == np.uint8, kind
                assert frame.shape[2:] == (3,), kind
                assert 0 < frame.shape[0] * frame.shape[1] <= MOST_PIXELS, kind
                assert slowest < LONGEST, f"{kind} took {slowest:.1f} s"
    except BaseException:
        (tmp_path / "failed").write_bytes(data)
        raise
    finally:
        ended.set()
        watcher.join()
        with capsys.disabled():
            print(f"\nseed {number}: {dict(said)}, slowest {slowest:.2f} s, peak {peak[0]} MiB with this process")
    assert peak[0] < MOST_MIB
