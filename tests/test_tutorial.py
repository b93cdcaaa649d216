"""The tutorial: its commands in order, in one folder, and what stands below each compared with what it prints."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")
pytest.importorskip("sklearn", reason="scikit-learn is not installed: THE TUTORIAL WAS NOT RUN")
pytest.importorskip("aiohttp", reason="aiohttp is not installed: THE TUTORIAL WAS NOT RUN")

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
NEAR = 0.02  # two engines may score so far apart
SHORTER = {"demo:60": "demo:3"}  # a minute for a reader is three seconds for a test


def steps() -> Iterator[tuple[str, str]]:
    """Each command, or program, with what is said to come of it."""
    for kind, given, wanted in re.findall(r"^```(sh|python)\n(.*?)^```\n+(?:```text\n(.*?)^```)?", PAGE, re.M | re.S):
        lines = given.splitlines() if kind == "sh" else [given]
        yield from ((line, "") for line in lines[:-1])
        yield lines[-1], wanted


def program_of(line: str) -> list[str]:
    if "\n" in line:
        return [sys.executable, "-c", line]
    name, *rest = (SHORTER.get(word, word) for word in shlex.split(line))
    if name == "python":
        return [sys.executable, *rest]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    module, entry = scripts[name].split(":")
    free = ["--port", "0"] if "--web" in rest else []
    return [sys.executable, "-c", f"import {module}; {module}.{entry}()", *rest, *free]


def agrees(wanted: str, said: str) -> bool:
    """Whether a line says the same: ``...`` stands for anything up to its end, and scores may be a little apart."""
    for ours, theirs in zip(wanted.split(), said.split(), strict=False):
        if "..." in ours:
            return theirs.startswith(ours.split("...")[0])
        if re.fullmatch(r"\[?\d\.\d+[],]?", ours) and re.fullmatch(r"\[?\d\.\d+[],]?", theirs):
            if abs(float(ours.strip("[],")) - float(theirs.strip("[],"))) > NEAR:
                return False
        elif ours != theirs:
            return False
    return len(wanted.split()) == len(said.split())


def missing(wanted: str, said: str) -> list[str]:
    """The lines that do not come, in this order."""
    coming = iter(said.splitlines())
    lines = [line for line in wanted.splitlines() if line.strip() not in ("", "...")]
    return [line for line in lines if not any(agrees(line, each) for each in coming)]


def test_what_is_compared_can_fail() -> None:
    assert not missing("a 0.759 x\n...\nb ...", "a 0.761 x\nmore\nb c d")
    assert missing("a 0.759 x", "a 0.700 x") == ["a 0.759 x"]
    assert missing("b\na", "a\nb") == ["a"]
    assert missing("6 good", "7 good")
    assert missing("6 good", "6 good more")


def test_every_step_prints_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    own = {**os.environ, "COLUMNS": "100", "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = 0
    for line, wanted in steps():
        run = subprocess.run(program_of(line), cwd=tmp_path, env=own, capture_output=True, text=True, timeout=600)
        assert run.returncode == 0, f"{line}\n{run.stderr}"
        lost = missing(wanted, run.stdout + run.stderr)
        assert not lost, f"{line}\n{run.stdout}{run.stderr}"
        done += bool(wanted)
    assert done == PAGE.count("```text") == 9
    for link in ("session/session.webm", "grades.csv", "maps/14-shadow-7.overlay.png"):
        assert (tmp_path / link).exists(), link
    ours, shown = (
        cv2.imread(str(tmp_path / "maps/14-shadow-7.overlay.png")),
        cv2.imread(str(ROOT / "docs/pictures/how/tutorial.webp")),
    )
    assert ours is not None
    assert shown is not None
    part = cv2.resize(ours[:500, :700], (70, 50), interpolation=cv2.INTER_AREA)
    scale = shown.shape[1] / ours.shape[1]
    there = cv2.resize(shown[: round(500 * scale), : round(700 * scale)], (70, 50), interpolation=cv2.INTER_AREA)
    assert np.abs(part.astype(int) - there).mean() < 12  # the picture on the page is of this photograph
