"""A disk that is really full: a file system of a few MiB, mounted for one process."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[4]
PROGRAM = """
import importlib.util, json, pathlib, shutil, sys, time
spec = importlib.util.spec_from_file_location("helpers", sys.argv[2])
helpers = importlib.util.module_from_spec(spec); spec.loader.exec_module(helpers)
from edge.capture.session.session import Session
from edge.errors import EdgeError
from edge.model import QualityModel

disk = pathlib.Path(sys.argv[1])
ballast = disk / "ballast"
ballast.write_bytes(b"x" * (3 << 20))
said, told, saved, refused = [], [], [], 0
with Session(
    disk / "out", QualityModel.load(threads=1), "source", 30.0, video=True, wait=False, report=said.append,
    tell=told.append, on_saved=lambda picture, graded: saved.append(picture.name),
) as session:
    for number in range(0, 60):
        session.keep(helpers.graded(number), helpers.graded(number))
        try: session.capture([helpers.graded(number)])
        except EdgeError: refused += 1
        time.sleep(0.01)
    deadline = time.monotonic() + 300  # a writer that was late meets the full disk only now
    while not said and time.monotonic() < deadline: time.sleep(0.05)
    before, free = len(saved), shutil.disk_usage(disk).free
    kept = {path.name: path.stat().st_size for path in (disk / "out").iterdir()}
    ballast.unlink()
shutil.copytree(disk / "out", sys.argv[3])
print(json.dumps([said, told, saved, refused, before, free, kept]))
"""


GIVES_WAY = """
import importlib.util, json, pathlib, sys, time
spec = importlib.util.spec_from_file_location("helpers", sys.argv[2])
helpers = importlib.util.module_from_spec(spec); spec.loader.exec_module(helpers)
from edge.capture.session.session import Session
from edge.errors import EdgeError
from edge.model import QualityModel

disk, room = pathlib.Path(sys.argv[1]), sys.argv[3] == "room"
said, saved, refused = [], [], 0
with Session(
    disk / "out", QualityModel.load(threads=1), "source", 30.0, video=False, wait=False, report=said.append,
    on_saved=lambda picture, graded: saved.append(picture.name),
) as session:
    session.keep(helpers.graded(0), helpers.graded(0))
    deadline = time.monotonic() + 300
    while session.saved is None and time.monotonic() < deadline: time.sleep(0.05)
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True: ballast.write(b"x" * 4096)
        except OSError: pass
    if not room: (disk / "out" / "frame-000000.json").with_suffix(".png").write_bytes(b"")  # it frees too little
    for number in range(1, 2 if room else 16):
        try: session.capture([helpers.graded(number)])
        except EdgeError: refused += 1
    while not (saved or said) and time.monotonic() < deadline: time.sleep(0.05)
print(json.dumps([said, saved, refused, session.lost, sorted(p.name for p in (disk / "out").iterdir())]))
"""


def on_a_small_disk(tmp_path: Path, program: str, *arguments: object) -> list[Any]:
    """Run a program with a file system of 4 MiB of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("unshare is not installed: NO FULL DISK WAS TRIED")
    mount = f"mount -t tmpfs -o size=4m tmpfs {disk}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let a user mount a file system of his own: NO FULL DISK WAS TRIED")
    helpers = Path(__file__).parents[1] / "test_kill.py"
    inner = f'{mount} && exec "$0" -c "$1" {disk} {helpers} {" ".join(map(str, arguments))}'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", inner, sys.executable, program],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_the_best_frame_gives_way_to_a_capture(tmp_path: Path) -> None:
    said, saved, refused, lost, names = on_a_small_disk(tmp_path, GIVES_WAY, "room")
    assert saved == ["frame-000001.png"]
    assert (refused, lost) == (0, 0)
    assert not any(name.startswith("frame-000000") for name in names)
    assert "frame-000001.json" in names
    assert not any("lost" in sentence for sentence in said)


def test_the_number_of_lost_captures_is_reported(tmp_path: Path) -> None:
    said, saved, refused, lost, names = on_a_small_disk(tmp_path, GIVES_WAY, "none")
    assert refused == 15 - 12
    assert lost == 15 - len(saved)
    assert [sentence for sentence in said if sentence.startswith(f"{lost} captures are lost or incomplete")]
    assert not any(name.startswith(".") for name in names)
    sets = {name.split(".")[0] for name in names if name.startswith("frame-")}
    assert all(f"{stem}.json" in names for stem in sets)  # nothing half done


def test_streaming_goes_on_and_what_was_accepted_is_kept_once_there_is_room(tmp_path: Path) -> None:
    said, told, saved, refused, before, free, kept = on_a_small_disk(tmp_path, PROGRAM, tmp_path / "copy")
    helpers = Path(__file__).parents[1] / "test_kill.py"
    assert any("is full: frames are still graded" in sentence for sentence in said)
    assert "MiB left" in told[0]
    assert 0 < before < 60  # some before it was full
    assert refused > 0  # and some when no more could wait
    assert free < 512 << 10  # of 4 MiB
    assert all(size or name == "session.jsonl" for name, size in kept.items())
    # Twelve waited, and all of them are there now that there is room.
    assert len(saved) == 60 - refused > before
    checks = importlib.util.spec_from_file_location("checks", helpers)
    assert checks is not None
    assert checks.loader is not None
    module = importlib.util.module_from_spec(checks)
    checks.loader.exec_module(module)
    module.check(tmp_path / "copy", saved)  # the same promises as after a kill
    assert [sentence for sentence in said if f"{refused} captures are lost" in sentence]
    assert len((tmp_path / "copy" / "session.jsonl").read_text().splitlines()) == 60
