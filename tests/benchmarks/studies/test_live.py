"""A whole session as its own process, with a reader of its page."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

pytest.importorskip("aiohttp")

from benchmarks.commands.clip import clip
from benchmarks.run import session
from benchmarks.run.session import Seen, _found
from benchmarks.studies import live
from edge.errors import EdgeError


def test_a_session_is_measured_from_outside() -> None:
    done = CliRunner().invoke(live.app, ["demo", "--seconds", "3", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["graded"] > 1
    assert found["fps"] > 0
    assert 0 < found["hint_ms"][0] <= found["hint_ms"][1] <= found["hint_ms"][2]
    assert found["pictures"] >= 1
    assert 0 < found["picture_ms"][0] <= found["picture_ms"][2]
    assert (found["memory_mib"] is not None) == sys.platform.startswith("linux")
    assert found["cpu_ms"] is None or found["cpu_ms"] > 0
    assert found["decoding_ms"] is None


def test_a_session_that_fails_is_reported_with_its_message() -> None:
    error = CliRunner().invoke(live.app, ["nowhere.mp4", "--seconds", "2"]).exception
    assert isinstance(error, EdgeError)
    assert "nowhere.mp4" in str(error)


def test_a_session_that_is_killed_in_the_middle_of_a_line_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    start = subprocess.Popen
    script = "import os, sys; print('{\"latency', end='', flush=True); print('killed', file=sys.stderr, flush=True)"

    def killed(_: list[str], **pipes: Any) -> subprocess.Popen[bytes]:
        return start([sys.executable, "-c", f"{script}; os._exit(9)"], **pipes)

    monkeypatch.setattr(session.subprocess, "Popen", killed)
    with pytest.raises(EdgeError, match="the session failed: killed"):
        session.measure("clip.mp4", 2)


def test_dropped_frames_and_growing_memory_are_seen() -> None:
    lines = [{"index": float(n), "t": n / 30, "latency_ms": 10.0 + (n == 60)} for n in range(0, 90, 2)]
    samples = [
        (second, 300 + 50 * (second < 5) + second / 60, 5 * (second > 5) + 0.3 * second)
        for second in map(float, range(120))
    ]
    found = _found(lines, Seen(), samples)
    assert (found.graded, found.dropped) == (45, 44)
    assert found.fps == pytest.approx(15)
    assert found.hint_ms == pytest.approx((10, 10.56, 11), abs=0.01)
    assert found.slope_mib == pytest.approx(1.0)
    assert found.cpu_ms == pytest.approx(20)  # 0.3 s a second, 15 frames of it


def test_decoding_is_measured_apart(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    clip(path, seconds=1, width=320, height=240, seed=0)
    assert 0 < live.decoding_ms(path) < 1000
