from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from edge.bundle.bundle import default_model, read_bundle, write_bundle
from edge.criteria.criterion import read_criterion
from edge.grading.graded_file import GradedFile
from edge.grading.inputs import Passed, find_inputs, stream_inputs
from edge.grading.table import fingerprint
from edge.grading.table.columns import FULL, GRID, OUTSIDE
from edge.grading.table.record import small_map
from edge.grading.table.run import Asked, Grading
from edge.grading.table.table import Table
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

pytest.importorskip("pyarrow")
pytest.importorskip("imagehash")
import pyarrow.parquet as pq

from edge.grading.table.fingerprint import perceptual_hash

PLAIN = Asked()


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as model:
        yield model


@pytest.fixture(scope="module")
def eyes() -> list[NDArray[np.uint8]]:
    return [cv2.resize(phantom_frame(seed), (240, 180)).astype(np.uint8) for seed in range(4)]


@pytest.fixture
def archive(tmp_path: Path, eyes: list[NDArray[np.uint8]]) -> Path:
    """Two sites, a copy, a file that is no photograph, and one that is damaged."""
    folder = tmp_path / "archive"
    for number, eye in enumerate(eyes):
        path = folder / ("north" if number < 2 else "south") / "2021" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), eye)
    (folder / "copy.png").write_bytes((folder / "north" / "2021" / "0.png").read_bytes())
    (folder / "notes.txt").touch()
    (folder / "cut.png").write_bytes((folder / "copy.png").read_bytes()[:2000])
    return folder


def grade(
    model: QualityModel, paths: Sequence[Path], path: Path, asked: Asked = PLAIN, recheck: bool = False
) -> tuple[list[tuple[GradedFile, dict[str, object]]], int]:
    """What a run graded, and how many photographs it found graded."""
    with Table(path) as table:
        grading = Grading(model, table, asked, recheck)
        done = [(graded, dict(row)) for graded, row in grading.rows(stream_inputs(paths, Passed()))]
        table.settle()
    return done, grading.kept


def rows_in(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_inputs_one_by_one_are_those_of_a_list(archive: Path) -> None:
    passed = Passed()
    paths = [archive, archive / "copy.png", archive / "nowhere"]
    assert list(stream_inputs(paths, passed)) == find_inputs(paths)
    assert (passed.unread, passed.others) == (0, 1)


def test_a_row_says_what_the_assessment_says(archive: Path, model: QualityModel, tmp_path: Path) -> None:
    done, kept = grade(model, [archive], tmp_path / "t.jsonl", Asked(criterion=read_criterion("referral")))
    assert kept == 0
    assert [str(graded.path) for graded, _ in done] == [row["path"] for row in rows_in(tmp_path / "t.jsonl")]
    for graded, row in done:
        found = graded.assessment
        if found is None:
            assert graded.path.name == "cut.png"
            assert row["score"] is None
            assert "cut off" in str(row["error"])
            assert row["size"] == 2000
            continue
        assert row["score"] == pytest.approx(found.score, abs=1e-6)
        assert (row["verdict"], row["eye"]) == (found.verdict, found.eye or "")
        assert (row["width"], row["height"]) == (240, 180)
        assert row["adequate"] in ("yes", "no")
        assert row["model"] == model.bundle.sha256
    assert Counter(row["site"] for _, row in done) == {"north": 2, "south": 2, "": 2}


def test_nothing_is_graded_twice_and_what_failed_is_tried_again(
    archive: Path, model: QualityModel, tmp_path: Path
) -> None:
    table = tmp_path / "t.jsonl"
    first, _ = grade(model, [archive, archive / "copy.png"], table)
    assert len(first) == 6
    again, kept = grade(model, [archive], table)
    assert ([graded.path.name for graded, _ in again], kept) == (["cut.png"], 5)
    (archive / "cut.png").write_bytes((archive / "copy.png").read_bytes())
    again, kept = grade(model, [archive], table)
    assert [(graded.path.name, graded.error) for graded, _ in again] == [("cut.png", "")]
    assert len(rows_in(table)) == 6


def test_a_changed_file_is_graded_again_and_a_touched_one_is_not(
    archive: Path, model: QualityModel, tmp_path: Path, eyes: list[NDArray[np.uint8]]
) -> None:
    table, touched, changed = tmp_path / "t.jsonl", archive / "copy.png", archive / "south" / "2021" / "2.png"
    (archive / "cut.png").unlink()
    grade(model, [archive], table)
    os.utime(touched, ns=(1, 1))
    cv2.imwrite(str(changed), eyes[0][:, ::-1])
    again, kept = grade(model, [archive], table)
    assert ([graded.path for graded, _ in again], kept) == ([changed], 4)


def test_a_change_that_keeps_size_and_time_is_found_by_recheck(
    archive: Path, model: QualityModel, tmp_path: Path
) -> None:
    table, changed = tmp_path / "t.jsonl", archive / "copy.png"
    (archive / "cut.png").unlink()
    grade(model, [archive], table)
    before, content = changed.stat(), bytearray(changed.read_bytes())
    content[-1] ^= 1  # in the checksum of the end, which no decoder needs
    changed.write_bytes(content)
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert grade(model, [archive], table) == ([], 5)
    again, kept = grade(model, [archive], table, recheck=True)
    assert ([graded.path for graded, _ in again], kept) == ([changed], 4)


def test_a_file_that_is_replaced_while_it_is_hashed_is_graded_again(
    tmp_path: Path, model: QualityModel, eyes: list[NDArray[np.uint8]], monkeypatch: pytest.MonkeyPatch
) -> None:
    photograph, table, hashed = tmp_path / "a.ppm", tmp_path / "t.jsonl", fingerprint._sha256
    cv2.imwrite(str(photograph), eyes[0])

    def replace_before(path: Path) -> str:
        monkeypatch.setattr(fingerprint, "_sha256", hashed)
        cv2.imwrite(str(path), eyes[1])  # as many bytes
        os.utime(path, ns=(1, 1))
        return hashed(path)

    monkeypatch.setattr(fingerprint, "_sha256", replace_before)
    ((_, first),), _ = grade(model, [photograph], table)
    ((_, second),), kept = grade(model, [photograph], table)
    assert (first["size"], kept) == (second["size"], 0)
    assert first["score"] != second["score"]
    assert grade(model, [photograph], table) == ([], 1)


def test_another_model_and_other_settings_grade_again(archive: Path, model: QualityModel, tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    (archive / "cut.png").unlink()
    grade(model, [archive], table)
    bundle = read_bundle(default_model())
    write_bundle(
        tmp_path / "other.efiqa", dataclasses.replace(bundle.manifest, name="other"), bundle.onnx, bundle.golden
    )
    with QualityModel.load(tmp_path / "other.efiqa", threads=1) as other:
        assert len(grade(other, [archive], table)[0]) == 5
    mask = tmp_path / "mask.png"
    cv2.imwrite(str(mask), np.full((180, 240), 255, np.uint8))
    asked = Asked(field=str(mask), criterion=read_criterion("referral"))
    assert len(grade(model, [archive], table, asked)[0]) == 5
    assert grade(model, [archive], table, asked) == ([], 5)
    assert len(rows_in(table)) == 5
    cv2.imwrite(str(mask), np.full((180, 240), 254, np.uint8))
    assert len(grade(model, [archive], table, asked)[0]) == 5


def test_a_small_map_is_the_mean_over_the_field() -> None:
    degradation = np.zeros((32, 32), np.float32)
    degradation[:, 16:] = 1
    degradation[:2, :1] = 1
    field = np.ones((32, 32), bool)
    field[-2:] = False
    made = small_map(degradation, field)
    assert made.shape == (GRID, GRID)
    assert set(made[-1]) == {OUTSIDE}
    assert set(made[:-1, 8:].ravel()) == {FULL}
    assert made[0, 0] == FULL // 2
    assert set(made[1:-1, :8].ravel()) == {0}


def test_saved_again_a_photograph_looks_alike_and_another_eye_does_not() -> None:
    eyes = [phantom_frame(seed) for seed in range(4)]
    looks = [np.unpackbits(np.frombuffer(bytes.fromhex(perceptual_hash(eye)), np.uint8)) for eye in eyes]
    half = cv2.resize(eyes[0], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA).astype(np.uint8)
    jpeg = cv2.imdecode(cv2.imencode(".jpg", half, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_COLOR)
    again = np.unpackbits(np.frombuffer(bytes.fromhex(perceptual_hash(jpeg.astype(np.uint8))), np.uint8))
    assert np.count_nonzero(again != looks[0]) <= 15
    for other in looks[1:]:
        assert np.count_nonzero(looks[0] != other) > 60


def test_camera_and_time_come_from_exif(tmp_path: Path, model: QualityModel, eyes: list[NDArray[np.uint8]]) -> None:
    exif = Image.Exif()
    exif[271], exif[272], exif[306], exif[0x9286] = "NIDEK", "NIDEK AFC-330\n", "2020:01:02 03:04:05", "Jane Doe"
    exif.get_ifd(0x8769)[36867] = "2021:05:06 07:08:09"
    Image.fromarray(eyes[0][:, :, ::-1]).save(tmp_path / "a.jpg", exif=exif)
    ((_, row),), _ = grade(model, [tmp_path / "a.jpg"], tmp_path / "t.jsonl")
    assert (row["camera"], row["taken"], row["site"]) == ("NIDEK AFC-330", "2021-05-06T07:08:09", "")
    assert "Jane" not in (tmp_path / "t.jsonl").read_text(encoding="utf-8")


def _command(*arguments: object) -> list[str]:
    code = "from edge.commands.grade import main; main()"
    return [sys.executable, "-c", code, *map(str, arguments)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_killed_run_goes_on(tmp_path: Path, kind: str, eyes: list[NDArray[np.uint8]]) -> None:
    folder, table = tmp_path / "photos", tmp_path / f"t.{kind}"
    folder.mkdir()
    for number in range(60):
        eye = eyes[number % len(eyes)].copy()
        eye[0, 0] = number
        cv2.imwrite(str(folder / f"{number:02}.png"), eye)
    growing = table if kind == "csv" else table.with_name("t.parquet.rows.jsonl")
    command = _command(folder, "--table", table, "--threads", 1, "--json")
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as run:
        deadline = time.monotonic() + 300
        while not growing.exists() or growing.read_bytes().count(b"\n") < 6:
            assert time.monotonic() < deadline
            assert run.poll() is None
            time.sleep(0.005)
        run.send_signal(signal.SIGKILL)
    lines = growing.read_bytes()
    there = lines[: lines.rfind(b"\n")].count(b"\n") + (kind == "parquet")
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    *rows, last = [json.loads(line) for line in ended.stdout.splitlines()]
    assert 5 <= there < 60
    assert (last["summary"]["kept"], last["summary"]["graded"], len(rows)) == (there, 60 - there, 60 - there)
    assert last["summary"]["table"]["photographs"] == 60
    with Table(table) as whole:
        assert whole.index.size() == 60
        assert not whole.index.has_superseded()


def test_ctrl_c_leaves_a_whole_table(tmp_path: Path, eyes: list[NDArray[np.uint8]]) -> None:
    folder, table = tmp_path / "photos", tmp_path / "t.parquet"
    folder.mkdir()
    for number in range(400):
        eye = eyes[number % len(eyes)].copy()
        eye[0, :2, 0] = number % 256, number // 256
        cv2.imwrite(str(folder / f"{number:03}.png"), eye)
    growing = table.with_name("t.parquet.rows.jsonl")
    with subprocess.Popen(
        _command(folder, "--table", table, "--threads", 1), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as run:
        deadline = time.monotonic() + 300
        while not growing.exists() or growing.read_bytes().count(b"\n") < 6:
            assert time.monotonic() < deadline
            assert run.poll() is None
            time.sleep(0.005)
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        said = run.stderr.read()
    assert run.returncode == 130
    assert not growing.exists()
    assert 5 < pq.read_table(table).num_rows < 400
    kept = f"note: stopped; {table} holds what was graded so far, and the same command goes on"
    assert said.splitlines() == [kept, "interrupted"]
