from __future__ import annotations

import csv
import errno
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.files.table import csv_text
from edge.grading import (
    COLUMNS,
    GradedFile,
    Input,
    find_inputs,
    grade_files,
    picture_of,
    picture_stems,
    readable,
    write_csv,
    write_pictures,
)
from edge.images import ImageReader, Picture
from edge.model import QualityModel

FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as model:
        yield model


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "name", ["=1+1.png", "+1.png", "-1.png", "@A1.png", "\t=1.png", "\uff1d1.png", "a;=1.png", "b\t=1.png"]
)
def test_no_name_is_a_formula_for_a_spreadsheet_and_every_path_leads_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, separator: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).touch()
    row = GradedFile(Path(name), None, None, f"{name} is empty: copy it again.").cells()
    read = list(csv.reader(io.StringIO(csv_text([COLUMNS, row]), newline=""), delimiter=separator))
    assert not [cell for cell in read[1] if cell[:1] and cell[0] in FORMULA]
    if separator == ",":
        assert Path(read[1][0]).samefile(tmp_path / name)


def test_foreign_bytes_in_a_name_are_escaped() -> None:
    assert readable("eye\udcff.png") == "eye\\udcff.png"
    assert readable("augé.png") == "augé.png"


def test_write_csv_leaves_the_old_file_when_it_fails(tmp_path: Path) -> None:
    path = tmp_path / "grades.csv"
    write_csv(path, [("é.png", "0.5000", "good", "")])
    assert path.read_text("utf-8") == ",".join(COLUMNS) + "\né.png,0.5000,good,\n"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(EdgeError, match="cannot be written"):
        write_csv(tmp_path / "nowhere" / "grades.csv", [])


def test_stems_mirror_folders_and_never_meet() -> None:
    paths = [Path(p) for p in ("in/a/x.png", "in/b/x.png", "in/a/x.jpg", "in/a/x.png", "in/a/x-2.png", "in/a.b.png")]
    stems = picture_stems(given_by_name(paths))
    assert [str(stem) for stem in stems] == ["a/x", "b/x", "a/x-2", "a/x-3", "a/x-2-2", "a.b"]
    assert picture_stems(given_by_name([Path("in/a/x.png")])) == [Path("x")]
    assert picture_stems([]) == []


def given_by_name(paths: Sequence[Path]) -> list[Input]:
    return [Input(path, root=path.parent) for path in paths]


@pytest.mark.parametrize(
    ("named", "stems"),
    [
        (["one"], ["a/b/x"]),  # all in one sub-folder, which is kept all the same
        (["one/a"], ["b/x"]),
        (["one/*/*/x.png"], ["a/b/x"]),
        (["one/a/b/x.png"], ["x"]),
        (["one", "two"], ["one/a/b/x", "two/y"]),
        (["one/a/../a", "two/y.png"], ["one/a/b/x", "two/y"]),
        (["one/a/b/x.png", "nowhere"], ["one/a/b/x", "nowhere"]),
    ],
)
def test_sub_folders_of_what_was_given_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: list[str], stems: list[str]
) -> None:
    for name in ("one/a/b/x.png", "two/y.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert [str(stem) for stem in picture_stems(find_inputs([Path(name) for name in named]))] == stems


def test_names_without_room_for_an_ending_are_cut_and_stay_apart(tmp_path: Path) -> None:
    names = ["\u00e9" * 120 + f"{last}.png" for last in "ab"]
    stems = picture_stems(given_by_name([tmp_path / name for name in names]))
    assert len(set(stems)) == 2
    for stem in stems:
        (tmp_path / picture_of(stem, "overlay")).touch()


@given(st.lists(st.sampled_from(["a/x.png", "a/x.jpg", "../x.png", "b/../a/x.png", "x.png", "a/x-2.png", "a/x"])))
def test_stems_are_different_and_stay_below(names: list[str]) -> None:
    stems = picture_stems(given_by_name([Path(name) for name in names]))
    assert len(set(stems)) == len(names)
    assert not any(stem.is_absolute() or ".." in stem.parts for stem in stems)


def test_inputs_keep_their_place_and_their_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    inputs = find_inputs([tmp_path / "nowhere", tmp_path])
    assert [item.path for item in inputs] == [tmp_path / "nowhere", tmp_path / "a.png"]
    assert "neither a file nor a folder" in inputs[0].error
    assert not inputs[1].error
    with pytest.raises(EdgeError, match="neither a file nor a folder"):
        find_inputs([tmp_path / "nowhere"])
    (alone,) = find_inputs([tmp_path / "nowhere"], or_none=True)
    assert "neither a file nor a folder" in alone.error


def test_results_come_in_order_with_errors_among_them(tmp_path: Path, model: QualityModel) -> None:
    inputs = []
    for number in range(12):
        # The first are the largest, so a reader that does not wait its turn would overtake them.
        side = 900 - 70 * number
        frame = np.zeros((side, side, 3), np.uint8)
        cv2.circle(frame, (side // 2, side // 2), side // 2 - 4, (40, 90, 180), -1)
        path = tmp_path / f"{number:02d}.png"
        cv2.imwrite(str(path), frame)
        inputs.append(Input(path))
    inputs[5].path.write_bytes(b"")
    inputs.insert(7, Input(Path("somewhere"), "somewhere is not there."))
    results = list(grade_files(model, inputs))
    assert [result.path for result in results] == [item.path for item in inputs]
    assert [bool(result.error) for result in results] == [i in (5, 7) for i in range(13)]
    assert results[5].cells()[:4] == (str(inputs[5].path), "", "", results[5].error)
    for item, result in zip(inputs, results, strict=True):
        if not result.error:
            assert result.assessment is not None
            again = model.assess(np.asarray(cv2.imread(str(item.path)), dtype=np.uint8))
            assert result.cells()[:4] == (str(item.path), f"{again.score:.4f}", again.verdict, "")


def test_a_file_that_fails_unexpectedly_stops_no_other(
    tmp_path: Path, model: QualityModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(_: object, path: Path, bits: int | None) -> Picture:
        if path.name == "bad.png":
            raise RuntimeError("inner trouble\nmore of it")
        return Picture(np.zeros((64, 64, 3), np.uint8))

    monkeypatch.setattr(ImageReader, "picture", read)
    bad, good = grade_files(model, [Input(tmp_path / "bad.png"), Input(tmp_path / "good.png")])
    assert "bad.png could not be graded (RuntimeError: inner trouble)" in bad.error
    assert "\n" not in bad.error
    assert good.assessment is not None


def test_a_batch_that_is_left_early_reads_no_further(tmp_path: Path, model: QualityModel) -> None:
    inputs = [Input(tmp_path / f"{number}.png") for number in range(1000)]
    results = grade_files(model, inputs)
    assert next(results).error
    results.close()  # returns at once: what waits in the queue is dropped
    assert list(results) == []


def test_pictures_that_cannot_be_written_say_so(tmp_path: Path, model: QualityModel) -> None:
    frame = np.zeros((64, 64, 3), np.uint8)
    assessment = model.assess(frame)
    write_pictures(tmp_path, Path("sub/eye.1"), frame, assessment)
    assert sorted(p.name for p in (tmp_path / "sub").iterdir()) == ["eye.1.map.png", "eye.1.overlay.png"]
    (tmp_path / "file").touch()
    with pytest.raises(EdgeError, match="cannot get its map"):
        write_pictures(tmp_path / "file", Path("eye"), frame, assessment)


def test_pictures_are_there_whole_or_not_at_all(
    tmp_path: Path, model: QualityModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = np.zeros((64, 64, 3), np.uint8)
    assessment = model.assess(frame)
    write_pictures(tmp_path, Path("eye"), frame, assessment)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("edge.files.atomic.os.fsync", full)
        with pytest.raises(EdgeError, match="No space left"):
            write_pictures(tmp_path, Path("eye"), frame, assessment)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    monkeypatch.setattr(cv2, "imencode", lambda *_: (False, np.zeros(0, np.uint8)))
    with pytest.raises(EdgeError, match="makes no PNG"):
        write_pictures(tmp_path, Path("eye"), frame, assessment)
