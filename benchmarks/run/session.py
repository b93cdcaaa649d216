"""A capture session measured from outside, as a program of its own, with its page open as a browser would have it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from edge.errors import EdgeError
from edge.progress import progress

_SETTLES_S = 60.0  # memory still grows by what is loaded before that; a fifth of a shorter session
_PAUSE_S = 0.5
Sample = tuple[float, float, float]


@dataclass(frozen=True)
class Live:
    """Figures of a session.

    Attributes:
        graded, dropped: frames.
        fps: frames graded a second, of the source's own time.
        hint_ms: from a frame taken to its hint: p50, p99, maximum.
        pictures: sent to the page.
        picture_ms: from a frame taken to its picture sent: p50, p99, maximum.
        memory_mib: resident, median after it has settled.
        slope_mib: growth of memory a minute, by least squares; None where the system does not report memory.
        cpu_ms: processor time of all threads for each graded frame, decoding included, after it has settled; None
            where the system does not report it.
    """

    graded: int
    dropped: int
    fps: float
    hint_ms: tuple[float, float, float]
    pictures: int
    picture_ms: tuple[float, float, float]
    memory_mib: float | None
    slope_mib: float | None
    cpu_ms: float | None = None


@dataclass
class Seen:
    """What the page has received so far."""

    pictures: int = 0
    metrics: str = ""


def measure(
    source: str, seconds: float, options: Sequence[str] = (), between: Callable[[], None] = lambda: None
) -> Live:
    """Run a session as a program of its own.

    Args:
        source: as for edge-capture.
        seconds: how long, on the clock of the source.
        options: further ones for edge-capture.
        between: called twice a second while it runs.

    Raises:
        EdgeError: the session failed; the sentence quotes its message.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    seen, ended = Seen(), threading.Event()
    with (
        tempfile.TemporaryDirectory() as folder,
        (Path(folder) / "stdout").open("w+") as stdout,
        (Path(folder) / "stderr").open("w+") as stderr,
    ):
        command = [sys.executable, "-m", "edge.commands.capture", source, "--web", "--port", str(port), "--json"]
        command += [
            "--seconds",
            str(seconds),
            "--out",
            str(Path(folder) / "session"),
            "--strictness",
            "normal",
            *options,
        ]
        session = subprocess.Popen(command, stdout=stdout, stderr=stderr)
        page = threading.Thread(target=lambda: asyncio.run(_look(port, seen, ended)), daemon=True)
        page.start()
        try:
            samples = _watch(session, seconds, between)
        finally:  # do not leave the session running
            session.terminate()
            session.wait()
            ended.set()
        page.join()
        stdout.seek(0)
        stderr.seek(0)
        lines: list[dict[str, float]] = []
        if session.returncode == 0:  # a killed session leaves half a line
            lines = [line for line in map(json.loads, stdout) if "latency_ms" in line]  # the others are events
        if len(lines) < 2:
            raise EdgeError(f"the session failed: {' '.join(stderr.read().split())[-500:]}")
    return _found(lines, seen, samples)


def _watch(session: subprocess.Popen[bytes], seconds: float, between: Callable[[], None]) -> list[Sample]:
    """Wait for the end of a session: seconds, resident memory in MiB, and seconds of processor time."""
    samples: list[Sample] = []
    with progress("session", round(seconds)) as tick:
        began = time.monotonic()
        while session.poll() is None:
            time.sleep(_PAUSE_S)
            between()
            spent = time.monotonic() - began
            tick(round(spent))
            with contextlib.suppress(psutil.Error):
                process = psutil.Process(session.pid)
                with process.oneshot():
                    cpu = process.cpu_times()
                    samples.append((spent, process.memory_info().rss / 2**20, cpu.user + cpu.system))
    return samples


async def _look(port: int, seen: Seen, ended: threading.Event) -> None:
    """Ask for pictures as the page does, the next one when the last has arrived, until the session ends."""
    import aiohttp

    url = f"http://127.0.0.1:{port}"
    looked = False
    async with aiohttp.ClientSession() as client:
        while not ended.is_set():  # a session takes a moment to start
            with contextlib.suppress(aiohttp.ClientError):
                async with client.ws_connect(f"{url}/stream") as stream:
                    looked, asked_at = True, 0.0
                    while not stream.closed:
                        await stream.send_str("overlay")
                        if (await stream.receive()).type is not aiohttp.WSMsgType.BINARY:
                            break
                        seen.pictures += 1
                        if time.monotonic() - asked_at > 1.0:
                            asked_at = time.monotonic()
                            async with client.get(f"{url}/metrics") as answer:
                                seen.metrics = await answer.text()
            if looked:
                return
            await asyncio.sleep(0.25)


def _found(lines: list[dict[str, float]], seen: Seen, samples: list[Sample]) -> Live:
    p50, p99, most = np.percentile([line["latency_ms"] for line in lines], (50, 99, 100)).tolist()
    values = dict(line.rsplit(" ", 1) for line in seen.metrics.splitlines() if not line.startswith("#"))
    age = "efiqa_preview_age_seconds"
    ages = [float(values.get(f'{age}{{quantile="{q}"}}', "nan")) * 1000 for q in ("0.5", "0.99", "1")]
    settled = [each for each in samples if each[0] >= min(_SETTLES_S, samples[-1][0] / 5)] if samples else []
    times, held, cpu = zip(*settled, strict=True) if len(settled) > 2 else ((), (), ())
    fps = (len(lines) - 1) / max(lines[-1]["t"] - lines[0]["t"], 1e-9)
    return Live(
        graded=len(lines),
        dropped=round(lines[-1]["index"] - lines[0]["index"]) + 1 - len(lines),
        fps=fps,
        hint_ms=(p50, p99, most),
        pictures=seen.pictures,
        picture_ms=(ages[0], ages[1], ages[2]),
        memory_mib=float(np.median(held)) if held else None,
        slope_mib=float(np.polyfit(times, held, 1)[0]) * 60 if held else None,
        cpu_ms=float(np.polyfit(times, cpu, 1)[0]) * 1000 / fps if cpu else None,
    )
