"""The decoder process: decodes one file after the other, with limits on time and memory.

A request is a line of JSON on stdin: ``path`` (the bytes of the name as latin-1), ``bits``, ``least``. An answer on
stdout is four bytes, the length of the JSON behind them: ``{"refused": words}``, or ``{"height": H, "width": W,
"reaches": N, "eye": E, "full": F, "origin": {...}, "identity": {...}, "here": B}`` (see ``Stored`` and ``Origin``); its
H * W * 3 bytes BGR lie in ``edge.images.area`` where B is true, and else follow. Before that comes ``{"large": true}``
where the picture is large, which waits for another line.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import mmap
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from edge.images.area import VARIABLE, mapped
from edge.images.limits import LARGE_PIXELS, LAST_SECONDS, MOST_MEMORY, RefusedError


def main() -> None:
    """Answer requests until stdin ends, which it does when the other process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)  # so that no library prints into the answers
    try:
        # Here, so that a missing library is one sentence.
        decode = importlib.import_module("edge.images.decode")
    except ImportError as error:
        words = f"cannot be read ({' '.join(str(error).split())}): install efiqa-edge again"
        _say(answers, {"refused": words, "usable": False})
        return
    area = os.environ.get(VARIABLE)
    pixels_go = mapped(int(area), write=True) if area else None
    _limit_memory()
    _say(answers, {"ready": True})
    while line := requests.readline():
        request = json.loads(line)
        _alarm(LAST_SECONDS)
        try:
            with decode.opened(request["path"].encode("latin-1"), request["bits"], request["least"]) as (pixels, load):
                if pixels > LARGE_PIXELS:
                    _say(answers, {"large": True})
                    _alarm(0)
                    if not requests.readline():
                        return
                    _alarm(LAST_SECONDS)
                _send(answers, load(), pixels_go)
        except RefusedError as error:
            _say(answers, {"refused": str(error)})
        except MemoryError:
            _say(answers, {"refused": "takes too much memory to decode: save it smaller or as PNG", "usable": False})
            return  # the remaining memory may be fragmented
        _alarm(0)


def _send(answers: BinaryIO, decoded: Any, area: mmap.mmap | None) -> None:
    (width, height), strips = decoded.size, decoded.strips()
    # Errors are raised before the answer begins.
    here = area is not None and height * width * 3 <= len(area)
    first = _filled(area, strips) if area is not None and here else next(strips)
    stored = decoded.stored
    about = {"reaches": stored.reaches, "eye": stored.eye, "origin": decoded.origin.to_dict()}
    about |= {"identity": decoded.identity, "full": decoded.full}
    _say(answers, {"height": height, "width": width, **about, "here": here})
    for strip in itertools.chain([first], strips):
        _write(answers, strip)


def _filled(area: mmap.mmap, strips: Iterator[memoryview | bytes]) -> bytes:
    """All of a picture into the memory that is shared; nothing is left to send."""
    done = 0
    for strip in strips:
        data = memoryview(strip).cast("B")
        area[done : done + len(data)] = data
        done += len(data)
    return b""


def _say(answers: BinaryIO, answer: dict[str, object]) -> None:
    body = json.dumps(answer).encode()
    _write(answers, len(body).to_bytes(4, "big") + body)


def _write(answers: BinaryIO, data: bytes | memoryview) -> None:
    left = memoryview(data).cast("B")
    while left:
        left = left[answers.write(left) :]


def _alarm(seconds: float) -> None:
    """Have the kernel end this process after a time: the other may have died, and decoders cannot be interrupted."""
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit_memory() -> None:
    """Limit the address space to what is in use now plus what a decoder may take, and write no core dumps."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # another system, or one that is stricter already
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123
            taken = int(file.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
