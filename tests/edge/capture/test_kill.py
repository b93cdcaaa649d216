"""kill -9 at random moments of saving: what is there is whole, nothing promised is missing, the next start is clean."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.assessment import Assessment, Timings
from edge.camera.protocol import Frame
from edge.capture.graded import Graded
from edge.field.find import Crop

try:
    import pydicom
except ImportError:  # an extra
    pydicom = None  # type: ignore[assignment]

ROOT = Path(__file__).parents[3]
SIDE = 200
# Imports and the model once; then a process of its own for each trial, killed within a tenth of a second of its first
# promise, and every second time not before a write is seen half done: stopped, looked at, and let on if there is none.
# A promise is what the session tells its caller, here through a pipe.
PROGRAM = """
import importlib.util, json, os, pathlib, random, signal, sys, time
spec = importlib.util.spec_from_file_location("helpers", sys.argv[2])
helpers = importlib.util.module_from_spec(spec); spec.loader.exec_module(helpers)
from edge.capture.session.overlay_video import load_av
from edge.capture.archive.study import begin_study
from edge.capture.session.leftovers import repair
from edge.capture.session.session import Session
from edge.errors import EdgeError
from edge.model import QualityModel

load_av()
study = begin_study() if helpers.pydicom is not None else None
model, moments = QualityModel.load(threads=1), random.Random(int(sys.argv[4]))
for trial in range(int(sys.argv[3])):
    folder = pathlib.Path(sys.argv[1]) / str(trial)
    promised, told = os.pipe()
    child = os.fork()
    if not child:
        def saved(picture, graded): os.write(told, f"{picture.name}\\n".encode())
        with Session(
            folder, model, "source", 30.0, video=True, wait=False, report=print, on_saved=saved, study=study
        ) as session:
            number = 0
            while True:
                session.keep(helpers.graded(number), helpers.graded(number))
                try: session.capture([helpers.graded(number), helpers.graded(number + 1)], by="auto")
                except EdgeError: time.sleep(0.005)
                else: number += 2
    os.close(told)
    first = os.read(promised, 1)
    time.sleep(moments.uniform(0, 0.1))
    wait_for_half_a_write = trial % 2
    while wait_for_half_a_write:
        os.kill(child, signal.SIGSTOP)
        os.waitpid(child, os.WUNTRACED)
        if any(folder.glob(".*.tmp")): break
        os.kill(child, signal.SIGCONT)
        time.sleep(moments.uniform(0, 0.002))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    data = first
    while more := os.read(promised, 65536): data += more
    os.close(promised)
    torn = any(folder.glob(".*.tmp"))
    told = repair(folder)
    said = {"promised": data.decode().split(), "torn": torn, "told": told, "again": repair(folder)}
    print(json.dumps(said), flush=True)
"""


def graded(index: int) -> Graded:
    """A picture of noise, which tells its index and compresses badly."""
    image = np.random.default_rng(index).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    degradation = np.full((8, 8), 0.1, np.float32)
    assessment = Assessment(0.9, "good", degradation, np.ones((8, 8), bool), Crop(0, 0, SIDE), Timings(1.0, 2.0, 3.0))
    return Graded(Frame(image, index, 100.0 + index / 30), assessment, index / 30, 5.0)


def check(folder: Path, promised: list[str]) -> None:
    present = {path.name for path in folder.iterdir()}
    for picture in promised:
        stem = picture.removesuffix(".png")
        assert {f"{stem}.png", f"{stem}.map.png", f"{stem}.overlay.jpg", f"{stem}.json"} <= present, "promised"
    for name in present:
        path = folder / name
        stem = name.split(".")[0]
        if name == "session.jsonl":
            assert all("index" in json.loads(line) for line in path.read_text().splitlines())
        elif name == "session.webm":
            assert cv2.VideoCapture(str(path)).read()[0], "a film that has its name can be played"
        elif name.endswith(".json"):
            assert json.loads(path.read_text())["frame"]["index"] == int(stem.split("-")[1])
            assert {f"{stem}.png", f"{stem}.map.png", f"{stem}.overlay.jpg"} <= present, "a sidecar promises its set"
        elif name.endswith(".dcm"):
            image = pydicom.dcmread(path)
            assert len(image.PixelData) == image.Rows * image.Columns * 3
            assert f"{stem}.json" in present
        elif name == f"{stem}.png":
            assert np.array_equal(cv2.imread(str(path)), graded(int(stem.split("-")[1])).frame.image)
        else:
            assert cv2.imread(str(path)) is not None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    ("trials", "seed"), [(20, 1), pytest.param(200, 2, marks=pytest.mark.slow)], ids=["20 kills", "200 kills"]
)
def test_a_kill_leaves_whole_files_and_keeps_every_promise(tmp_path: Path, trials: int, seed: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), __file__, str(trials), str(seed)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == trials
    for trial, said in enumerate(told):
        assert said["promised"]
        check(tmp_path / str(trial), said["promised"])
        if trial % 2:
            assert said["torn"], "a kill in the middle of a write leaves what was written"
            assert "removed" in said["told"]
        assert "killed" in said["told"]
        assert said["again"] == ""
