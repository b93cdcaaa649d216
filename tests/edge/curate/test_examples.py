"""The examples of docs/edge-curate.md at work, each as a program of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from edge.phantom.retina import phantom_frame

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "docs" / "examples"
pytest.importorskip("pyarrow")
pytest.importorskip("imagehash")


def run(folder: Path, *words: object) -> str:
    own = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [os.environ.get("EFIQA_EXAMPLES_PYTHON", sys.executable) if words[0] != "-m" else sys.executable, *words]
    done = subprocess.run(list(map(str, command)), cwd=folder, env=own, text=True, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    for number in range(3):
        (folder / "north").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / "north" / f"{number}.png"), cv2.resize(phantom_frame(number), (320, 240)))
    (folder / "copy.png").write_bytes((folder / "north" / "0.png").read_bytes())
    (folder / "cut.png").write_bytes((folder / "copy.png").read_bytes()[:3000])
    command = [sys.executable, "-m", "edge.commands.grade", ".", "--table", "t.parquet"]
    own = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, cwd=folder, env=own, capture_output=True, timeout=600).returncode == 1  # one is cut
    return folder


def needs(module: str) -> None:
    """``EFIQA_EXAMPLES_PYTHON`` may name another Python that has it."""
    if "EFIQA_EXAMPLES_PYTHON" not in os.environ and importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed: ITS EXAMPLE IS NOT RUN")


def test_torch(archive: Path) -> None:
    pytest.importorskip("torch")
    said = run(archive, EXAMPLES / "torch_filter.py", "t.parquet", "score > 0.5").splitlines()
    assert said[0] == "3 photographs"  # the copy counts once
    assert said[1].startswith("(240, 320, 3) ")


def test_pandas(archive: Path) -> None:
    needs("pandas")
    said = run(archive, EXAMPLES / "pandas_table.py", "t.parquet")
    assert "north" in said
    assert "of 5" in said
    assert (archive / "chosen.csv").read_text(encoding="utf-8").startswith("path\n")


def test_hugging_face(archive: Path) -> None:
    needs("datasets")
    said = run(archive, EXAMPLES / "hugging_face.py", "t.parquet")
    assert "image" in said
    assert "(320, 240)" in said
    assert (archive / "good" / "dataset_info.json").exists()
