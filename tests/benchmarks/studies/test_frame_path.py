"""The frame path in both ways, on a small frame."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from benchmarks.studies.frame_path import PIXELS, app
from edge.abi.library import LIBRARY

pytestmark = pytest.mark.skipif(LIBRARY is None, reason="the library is not built: no compiler")


def test_every_step_is_timed_in_every_format() -> None:
    done = CliRunner().invoke(app, ["--width", "321", "--height", "240", "--rounds", "2", "--json"])
    assert done.exit_code == 0, done.output
    steps = json.loads(done.stdout)
    assert [step["name"] for step in steps if step["pixels"] == "BGR"][-2:] == ["all of these", "map over the frame"]
    for pixels in PIXELS:
        of = {step["name"]: step for step in steps if step["pixels"] == pixels}
        single = [of[name] for name in ("field", "frame step and light", "lost to light", "score", "causes")]
        assert all(each["python_ms"] > 0 and each["library_ms"] > 0 for each in single)
        for way in ("python_ms", "library_ms"):
            assert of["all of these"][way] == pytest.approx(sum(each[way] for each in single))


def test_the_table_is_one_for_a_page() -> None:
    done = CliRunner().invoke(app, ["--width", "320", "--height", "240", "--rounds", "1"])
    assert done.exit_code == 0, done.output
    rows = done.stdout.splitlines()
    assert len({row.count("|") for row in rows}) == 1
    assert len(rows) == 2 + 6 * len(PIXELS) + 1
