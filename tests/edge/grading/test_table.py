from __future__ import annotations

import csv
import fcntl
import json
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.grading import COLUMNS
from edge.grading.table.columns import SCHEMA, TABLE_COLUMNS, Row
from edge.grading.table.index import Index
from edge.grading.table.lines import HEADER, LineFormat, line_of, rows_of
from edge.grading.table.table import Table, rows_beside

pytest.importorskip("pyarrow")
import pyarrow.parquet as pq

FORMATS = ("csv", "jsonl", "parquet")


def row(path: str, score: float | None = 0.5, **more: object) -> Row:
    made: Row = {name: "" if kind == "text" else None for name, kind in TABLE_COLUMNS.items()}
    verdict = "" if score is None else "good"
    return made | {"path": path, "score": score, "verdict": verdict, "schema": SCHEMA} | more  # type: ignore[operator]


def kept(path: Path) -> list[Row | None]:
    """All rows of a table that is closed, as another program reads them."""
    if path.suffix == ".parquet":
        return list(pq.read_table(path).to_pylist())
    return list(rows_of(path, "csv" if path.suffix == ".csv" else "jsonl"))


def test_the_table_begins_with_the_columns_of_the_csv() -> None:
    assert tuple(TABLE_COLUMNS)[: len(COLUMNS)] == COLUMNS


@pytest.mark.parametrize("kind", FORMATS)
def test_rows_come_back_as_they_were(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    rows = [
        row('é, "b";c.png', 0.123456, size=3, crop_x=-43, modified=1795951600475288708),
        row("./=1.png", None, error="a, b"),
    ]
    with Table(path) as table:
        for each in rows:
            table.add(each)
        table.settle()
    assert kept(path) == rows
    assert list(tmp_path.iterdir()) == [path]
    with Table(path) as table:
        assert table.index.size() == 2
        found = table.index.find(str(rows[0]["path"]))
        assert found is not None
        assert (found.size, found.modified) == (3, 1795951600475288708)
        table.settle()
    assert kept(path) == rows


@pytest.mark.parametrize("kind", FORMATS)
def test_a_later_row_supersedes_an_earlier_one_of_the_same_photograph(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    for scores in ((("a", 0.1), ("b", 0.2), ("a", 0.3)), (("c", 0.4), ("b", 0.5))):
        with Table(path) as table:
            for name, score in scores:
                table.add(row(name, score))
            table.settle()
    assert [(each["path"], each["score"]) for each in kept(path) if each] == [("a", 0.3), ("c", 0.4), ("b", 0.5)]


@pytest.mark.parametrize("kind", FORMATS)
def test_rows_of_a_run_that_did_not_end_are_there(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    for names in (("a", "b"), ("b", "c")):
        with Table(path) as table:
            for name in names:
                table.add(row(name))  # and no settle, as in a killed run
    with Table(path) as table:
        assert table.index.size() == 3
        table.settle()
    assert sorted(str(each["path"]) for each in kept(path) if each) == ["a", "b", "c"]
    assert not rows_beside(path).exists()


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 1200))
def test_whatever_a_killed_run_left_of_its_last_row_is_cut_off(
    tmp_path_factory: pytest.TempPathFactory, kind: LineFormat, cut: int
) -> None:
    path = tmp_path_factory.mktemp("cut") / f"t.{kind}"
    rows = [row(name, 0.25) for name in ("a,1", 'b"2', "c")]
    whole = (HEADER if kind == "csv" else b"") + b"".join(line_of(each, kind) for each in rows)
    path.write_bytes(whole[: min(cut, len(whole))])
    expected = max(0, whole[: min(cut, len(whole))].count(b"\n") - (kind == "csv"))
    with Table(path) as table:
        assert table.index.size() == expected
        for each in rows:
            if table.index.find(str(each["path"])) is None:
                table.add(each)
        table.settle()
    assert kept(path) == rows


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_damaged_line_is_left_out_and_its_photograph_graded_again(tmp_path: Path, kind: LineFormat) -> None:
    path = tmp_path / f"t.{kind}"
    begin = HEADER if kind == "csv" else b""
    path.write_bytes(begin + line_of(row("a"), kind) + b"\0" * 99 + b"\n" + line_of(row("b"), kind))
    with Table(path) as table:
        assert table.index.size() == 2
        table.add(row("c"))
        table.settle()
    assert [each and each["path"] for each in kept(path)] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("grades.csv", b"path,score,verdict,error\na.png,0.5,good,"),
        ("notes.csv", b"remember the milk"),
        ("notes.jsonl", b'{"name": 1}\n{"na'),
        ("t.jsonl", b'{"path": "a", "schema": 0}\n'),
        ("t.parquet", b"PAR1 and no more"),
    ],
)
def test_what_is_no_table_of_this_version_is_refused_and_left_as_it_is(
    tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EdgeError, match=r"is no table of this version|cannot be read as Parquet"):
        Table(tmp_path / name)
    assert (tmp_path / name).read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_a_name_of_another_kind_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match=r"ends with \.parquet, \.csv or \.jsonl"):
        Table(tmp_path / "t.xlsx")
    with pytest.raises(EdgeError, match="there is no folder"):
        Table(tmp_path / "nowhere" / "t.csv")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_table_in_use_is_refused(tmp_path: Path, kind: str) -> None:
    with Table(tmp_path / f"t.{kind}"), pytest.raises(EdgeError, match="is in use"):
        Table(tmp_path / f"t.{kind}")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_run_that_ends_costs_the_next_one_no_row(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    first = Table(path)
    for score in (0.1, 0.2):
        first.add(row("a", score))
    first.settle()
    with Table(path) as second:
        first.close()
        second.add(row("b"))
        second.settle()
    assert [each and each["path"] for each in kept(path)] == ["a", "b"]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_table_that_is_replaced_while_it_is_opened_is_opened_again(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, lock = tmp_path / f"t.{kind}", fcntl.flock
    first = Table(path)
    for score in (0.1, 0.2):
        first.add(row("a", score))

    def lock_a_little_later(file: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        first.settle()
        first.close()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", lock_a_little_later)
    with Table(path) as second:
        second.add(row("b"))
    with Table(path) as third:
        third.settle()
    assert sorted(str(each["path"]) for each in kept(path) if each) == ["a", "b"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"schema": 2}',
        b'{"path": "x", "schema": 2}',
        line_of(row("x", sha256=[1]), "jsonl").strip(),
        line_of(row("x", size=1 << 70), "jsonl").strip(),
        line_of(row("x", size=True), "jsonl").strip(),
        line_of(row("x", score="1"), "jsonl").strip(),
        line_of(row("x"), "jsonl").strip().replace(b'"x"', rb'"\ud800"'),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_a_line_that_is_no_row_is_left_out(tmp_path: Path, line: bytes, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    growing = path if kind == "jsonl" else rows_beside(path)
    growing.write_bytes(line_of(row("a"), "jsonl") + line + b"\n" + line_of(row("b"), "jsonl"))
    with Table(path) as table:
        assert table.index.size() == 2
        table.settle()
    assert [each and each["path"] for each in kept(path)] == ["a", "b"]


def test_rows_of_a_table_that_others_may_not_read_are_no_more_readable(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    with Table(path) as table:
        table.add(row("a"))
        table.settle()
    path.chmod(0o600)
    with Table(path) as table:
        table.add(row("b"))
        assert rows_beside(path).stat().st_mode & 0o777 == 0o600
        table.settle()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_whole_number_too_large_in_a_csv_is_a_damaged_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(HEADER + line_of(row("a", size=1 << 70), "csv"))
    with Table(tmp_path / "t.csv") as table:
        assert table.index.size() == 0


@pytest.mark.parametrize("kind", FORMATS)
def test_a_disk_that_is_full_at_the_end_loses_no_row(tmp_path: Path, kind: str) -> None:
    path, before = tmp_path / f"t.{kind}", resource.getrlimit(resource.RLIMIT_FSIZE)
    with Table(path) as table:
        for name in "abca":
            table.add(row(name, error="".join(map(str, range(900)))))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            with pytest.raises(EdgeError, match="cannot be finished"):
                table.settle()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.glob(".*"))
    with Table(path) as table:
        table.settle()
    assert [each and each["path"] for each in kept(path)] == ["b", "c", "a"]


def test_a_full_disk_of_temporary_files_ends_a_run_in_one_sentence() -> None:
    index, before = Index(), resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill() -> None:
        for number in range(30_000):
            index.add(row(f"{number:09}" + "x" * 900))

    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(EdgeError, match="set SQLITE_TMPDIR to another folder"):
            fill()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        index.close()


@pytest.mark.parametrize("kind", FORMATS)
def test_a_full_disk_leaves_whole_rows(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"t.{kind}"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    added: list[int] = []

    def fill(table: Table) -> None:
        for number in range(1000):
            table.add(row(f"{number}.png", error="x" * 50))
            added.append(number)

    with Table(path) as table:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, before[1]))  # Python ignores the signal: a write fails
        try:
            with pytest.raises(EdgeError, match="cannot be written"):
                fill(table)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert 5 < len(added) < 1000
    with Table(path) as table:
        assert table.index.size() == len(added)
        table.settle()
    assert len(kept(path)) == len(added)


def test_a_spreadsheet_makes_no_formula_and_pandas_numbers_of_cells(tmp_path: Path) -> None:
    with Table(tmp_path / "t.csv") as table:
        table.add(row("./=1.png", 0.5, error="@a"))
    (read,) = csv.DictReader((tmp_path / "t.csv").open(encoding="utf-8", newline=""))
    assert read["error"] == "./@a"
    assert float(read["score"]) == 0.5
    line = line_of(row("a"), "jsonl")
    assert json.loads(line)["schema"] == SCHEMA
