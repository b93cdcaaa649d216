"""The list of clear photographs: which half, which marks, and what is wrong with a list. No torch."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from edge.errors import EdgeError
from trainer.evaluation.sets import CLEAR_LIST, find_labelled, half_of, read_list

NAMES = [f"{camera}/images/{number}.jpg" for camera in ("one", "two") for number in range(20)]


def write(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    """The list, and an empty file for each photograph that it names."""
    for name, *_ in rows:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    table = folder / "list.csv"
    with table.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "mark1", "mark2"), *rows])
    return table


def test_the_halves_share_no_photograph_and_leave_none_out(tmp_path: Path) -> None:
    table = write(tmp_path, [(name, "clear", "clear") for name in NAMES])
    halves = [read_list(table, tmp_path, half) for half in ("chooses", "reports")]
    names = [{path for each in half for path in each.paths} for half in halves]
    assert [each.name for each in halves[0]] == ["one", "two"]
    assert not names[0] & names[1]
    assert names[0] | names[1] == {tmp_path / name for name in NAMES}
    assert all(half_of(path.relative_to(tmp_path).as_posix()) == "chooses" for path in names[0])


def test_the_half_of_a_name_never_changes() -> None:
    """Whoever changes the hash moves photographs that have chosen thresholds among those that report."""
    assert half_of("aria/images/503.jpg") == "reports"
    with CLEAR_LIST.open(newline="", encoding="utf-8") as file:
        halves = Counter(half_of(row["path"]) for row in csv.DictReader(file))
    assert halves == {"chooses": 264, "reports": 238}


def test_only_what_both_readers_say_counts(tmp_path: Path) -> None:
    said = [("clear", "clear"), ("clear", "between"), ("between", "between"), ("useless", "useless")]
    rows = [(name, *said[number % 4]) for number, name in enumerate(NAMES)]
    table = write(tmp_path, rows)
    found = [each for half in ("chooses", "reports") for each in read_list(table, tmp_path, half)]
    assert Counter(quality for each in found for quality in each.qualities) == {"good": 10, "usable": 10, "reject": 10}
    for each in found:
        for path, quality in zip(each.paths, each.qualities, strict=True):
            marks = said[NAMES.index(path.relative_to(tmp_path).as_posix()) % 4]
            assert marks[0] == marks[1] == {"good": "clear", "usable": "between", "reject": "useless"}[quality]


def test_photographs_that_are_not_there_are_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = write(tmp_path, [(name, "clear", "clear") for name in NAMES])
    gone = [name for name in NAMES if half_of(name) == "chooses" and name.startswith("two")]
    for name in gone:
        (tmp_path / name).unlink()
    caplog.set_level("INFO")
    assert [each.name for each in read_list(table, tmp_path, "chooses")] == ["one"]
    assert f"left out: {len(gone)} photographs that list.csv names" in caplog.text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,quality\na.jpg,good\n", "its first line must be path,mark1,mark2"),
        ("path,mark1,mark2\n", "with lines below it"),
        ("path,mark1,mark2\na.jpg,clear,perfect\n", "line 2: it needs a path and two marks of clear, between, useless"),
        ("path,mark1,mark2\na.jpg,clear\n", "line 2"),
        ('path,mark1,mark2\n"a.jpg,clear,clear\n', "cannot be read as a list"),
        ("path,mark1,mark2\na.jpg,clear,\xff\n", "cannot be read as a list"),
    ],
)
def test_a_list_that_is_none_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    table = tmp_path / "list.csv"
    table.write_bytes(text.encode("latin-1"))
    with pytest.raises(EdgeError, match=said):
        read_list(table, tmp_path, "chooses")
    with pytest.raises(EdgeError, match="cannot be read as a list"):
        read_list(tmp_path / "lost.csv", tmp_path, "chooses")


def test_labels_are_read_without_torch() -> None:
    code = "import sys, trainer.evaluation.sets, calibration.site.commands; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_photograph_that_a_list_names_twice_is_said(tmp_path: Path) -> None:
    """The readers disagree in one line and agree in the other: neither may be taken alone."""
    (tmp_path / "list.csv").write_text("path,mark1,mark2\na/1.png,clear,useless\na/1.png,clear,clear\n")
    with pytest.raises(EdgeError, match=r"list\.csv names a/1\.png twice: keep the line that holds\.$"):
        read_list(tmp_path / "list.csv", tmp_path, "chooses")


def test_empty_folders_of_labels_are_no_set(photographs: Path, tmp_path: Path) -> None:
    """Beside others that measure: whoever made them has not sorted anything yet."""
    data = Path(shutil.copytree(photographs, tmp_path / "data"))
    for name in ("good", "bad"):
        (data / "later" / name).mkdir(parents=True)
    assert [each.name for each in find_labelled(data)] == ["graded"]
    assert len(find_labelled(data)[0].paths) == 16
