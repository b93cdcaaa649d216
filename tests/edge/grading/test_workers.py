from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.errors import EdgeError, EngineError
from edge.grading.batch import grade_inputs
from edge.grading.grader import Grader, Told
from edge.grading.inputs import Input, Passed, find_inputs, stream_inputs
from edge.grading.table.made import Asked
from edge.grading.table.run import Grading
from edge.grading.table.table import Table
from edge.grading.workers import Setup, Workers
from edge.images import ImageReader
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

pytest.importorskip("pyarrow")
pytest.importorskip("imagehash")


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as model:
        yield model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 photographs that all differ, one that is none, and three in an archive."""
    folder = tmp_path_factory.mktemp("eyes")
    for number in range(24):
        eye = cv2.resize(phantom_frame(number % 4), (240, 180))
        eye[0, 0] = number
        cv2.imwrite(str(folder / f"{number:02}.png"), eye)
    (folder / "bad.png").write_bytes(b"nothing")
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        for number in range(3):
            archive.write(folder / f"{number:02}.png", f"site/{number}.png")
    return folder


def rows_in(table: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in table.read_text(encoding="utf-8").splitlines()]


def test_a_table_by_processes_is_that_of_one(folder: Path, model: QualityModel, tmp_path: Path) -> None:
    paths: list[Path | str] = [folder, str(folder / "more.zip")]
    with Table(tmp_path / "one.jsonl") as table:
        list(Grading(model, table).rows(stream_inputs(paths, Passed())))
    with Workers(Setup(None, asked=Asked()), 2) as workers, Table(tmp_path / "two.jsonl") as table:
        found = list(Grading(workers, table).rows(stream_inputs(paths, Passed())))
    assert rows_in(tmp_path / "two.jsonl") == rows_in(tmp_path / "one.jsonl")
    assert len(found) == 28
    assert all(graded.assessment is None and graded.frame is None for graded, _ in found)


def test_a_process_that_ends_costs_no_photograph(folder: Path, model: QualityModel) -> None:
    inputs = find_inputs([folder])
    wanted = [each.file.cells() for each in grade_inputs(Grader(model), inputs)]
    with Workers(Setup(None), 2) as workers:
        found: list[tuple[str, ...]] = []
        for each in workers.files(inputs):
            if not found:
                for child in psutil.Process().children(recursive=True):
                    if "forkserver" in " ".join(child.cmdline()) and child.parent() != psutil.Process():
                        child.kill()
            found.append(each.file.cells())
    assert found == wanted


def test_a_run_that_is_stopped_ends_at_once_and_leaves_no_process(folder: Path) -> None:
    with Workers(Setup(None), 2) as workers:
        graded = workers.files(find_inputs([folder]))
        next(graded)
        mine = [each for each in psutil.Process().children(recursive=True) if each.parent() != psutil.Process()]
        graded.close()
        with pytest.raises(EngineError, match="grading was stopped"):
            list(workers.files(find_inputs([folder])))
    gone, alive = psutil.wait_procs(mine, timeout=60)
    assert alive == []
    assert gone


def test_processes_end_with_the_one_that_is_killed(folder: Path) -> None:
    program = (
        "import sys; from edge.grading.workers import Setup, Workers; from edge.grading.inputs import find_inputs\n"
        "for each in Workers(Setup(None), 2).files(find_inputs([sys.argv[1]])):\n"
        "    print(each.file.shown, flush=True)\n"
        "    sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline()
        started = psutil.Process(run.pid).children(recursive=True)
        run.kill()
    assert psutil.wait_procs(started, timeout=60)[1] == []


def test_a_model_that_cannot_be_used_is_told_of_at_once(tmp_path: Path) -> None:
    (tmp_path / "no.efiqa").write_bytes(b"nothing")
    with pytest.raises(EdgeError, match=r"no\.efiqa"):
        Workers(Setup(tmp_path / "no.efiqa"), 2)
    with pytest.raises(EdgeError, match="openvin"):
        Workers(Setup(None, engine="openvin"), 2)


def test_what_every_process_warns_of_is_told_once() -> None:
    told: list[str] = []
    tell = Told(told.append)
    for words in (
        "3 frames were refused (about circle:1,2,3).",
        "3 frames were refused (about circle:4,5,6).",
        "Other.",
    ):
        tell(words)
    assert told == ["3 frames were refused (about circle:1,2,3).", "Other."]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photograph of 12 megapixels with grain, which is turned on its side."""
    eye = cv2.resize(phantom_frame(3), (4032, 3024), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    grain = np.random.default_rng(0).normal(0, 3, (3024, 4032, 1)).astype(np.float32)
    path = tmp_path_factory.mktemp("large") / "eye.jpg"
    cv2.imwrite(str(path), np.clip(eye + grain * (eye.max(axis=2, keepdims=True) > 12), 0, 255).astype(np.uint8))
    return path


def test_a_large_photograph_is_decoded_smaller_and_scores_the_same(large: Path, model: QualityModel) -> None:
    sizes: list[NDArray[np.uint8]] = []
    real = model.assess

    def assess(frame: NDArray[np.uint8]) -> Any:
        sizes.append(frame)
        return real(frame)

    model.assess = assess  # type: ignore[method-assign]
    (small,) = grade_inputs(Grader(model), [Input(large)])
    (kept,) = grade_inputs(Grader(model, frames=True), [Input(large)])
    del model.assess
    assert [frame.shape for frame in sizes] == [(1512, 2016, 3)] * 2
    with ImageReader() as reader:
        whole = real(reader.picture(large).frame)
    found = small.file.assessment
    assert found is not None
    assert found.crop is not None
    assert whole.crop is not None
    assert found.score == pytest.approx(whole.score, abs=0.002)
    assert found.verdict == whole.verdict
    assert found.crop.side == pytest.approx(whole.crop.side, rel=0.01)
    assert small.file.size == (4032, 3024)
    assert small.file.frame is None
    assert kept.file.frame is not None
    assert kept.file.frame.shape == (3024, 4032, 3)
    assert kept.file.cells() == small.file.cells()


def test_all_pixels_are_looked_at_where_a_verdict_could_turn(
    large: Path, model: QualityModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []
    real = ImageReader.picture

    def picture(self: ImageReader, path: Path, bits: Any = None, name: str = "", least: int | None = None) -> Any:
        asked.append(least)
        return real(self, path, bits, name, least)

    monkeypatch.setattr(ImageReader, "picture", picture)
    monkeypatch.setattr("edge.grading.grader.MOVES", 1.0)
    (found,) = grade_inputs(Grader(model), [Input(large)])
    assert asked == [1408, None]
    with ImageReader() as reader:
        assert found.file.assessment is not None
        assert found.file.assessment.score == model.assess(real(reader, large).frame).score


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_smaller_picture_is_upright_and_knows_its_size(large: Path, tmp_path: Path, orientation: int) -> None:
    image = Image.open(large)
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.jpg", exif=exif, quality=90)
    with ImageReader() as reader:
        half = reader.picture(tmp_path / "turned.jpg", least=1400)
        whole = reader.picture(tmp_path / "turned.jpg", least=1600)
        eighth = reader.picture(tmp_path / "turned.jpg", least=100)
    size = (4032, 3024) if orientation == 1 else (3024, 4032)
    assert (half.size, half.scale, half.frame.shape[1::-1]) == (size, 2, (size[0] // 2, size[1] // 2))
    assert (whole.size, whole.scale, whole.full) == (size, 1, None)
    assert (eighth.size, eighth.scale) == (size, 8)
    small = cv2.resize(whole.frame, half.frame.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - half.frame).mean() < 3


def test_a_cut_photograph_is_refused_at_any_size(large: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.jpg").write_bytes(large.read_bytes()[:-20_000])
    with ImageReader() as reader, pytest.raises(EdgeError, match="cut off"):
        reader.picture(tmp_path / "cut.jpg", least=700)
