from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.curate.load import Snapshot, load_table
from edge.curate.named import name_duplicates
from edge.curate.select import Placing, place_files, select_rows, write_list
from edge.errors import EdgeError
from edge.grading.table.parquet import schema
from edge.grading.table.table import Table, rows_beside

pa = pytest.importorskip("pyarrow")
import pyarrow.parquet as pq

NEAR_A, NEAR_B = "0" * 63 + "1", "0" * 63 + "3"


def paths(table: Any) -> list[str]:
    return list(table.column("path").to_pylist())


def test_a_table_is_read_back_without_what_is_superseded(
    make_table: Callable[..., Path], row: Callable[..., Any]
) -> None:
    path = make_table(row("a", 0.1), row("b", None, error="no"), row("a", 0.3, taken="2021-05-06"), settled=False)
    table = load_table(path, ["path", "score", "taken"])
    assert table.to_pylist() == [
        {"path": "b", "score": None, "taken": ""},
        {"path": "a", "score": 0.3, "taken": "2021-05-06"},
    ]


def test_a_row_that_a_killed_run_began_is_not_read(make_table: Callable[..., Path], row: Callable[..., Any]) -> None:
    path = make_table(row("a"), row("b"), settled=False)
    growing = path if path.exists() else rows_beside(path)
    whole = growing.read_bytes()
    growing.write_bytes(whole[:-9])
    assert paths(load_table(path, ["path"])) == ["a"]


@pytest.mark.parametrize("ends", [False, True])
def test_a_table_is_read_as_it_was_however_a_run_goes_on(
    tmp_path: Path, row: Callable[..., Any], make_table: Callable[..., Path], ends: bool
) -> None:
    path = make_table(row("a", 0.1), row("b", 0.2))
    with Table(path) as growing:
        growing.add(row("a", 0.3))
        with Snapshot(path) as table:
            growing.add(row("c", 0.4))
            if ends:
                growing.settle()
            assert table.load(["path", "score"]).to_pylist() == [
                {"path": "b", "score": 0.2},
                {"path": "a", "score": 0.3},
            ]
            growing.add(row("b", 0.5))
            assert paths(table.load(["path"])) == ["b", "a"]


def test_null_of_another_program_is_no_text_and_another_version_refused(
    tmp_path: Path, row: Callable[..., Any]
) -> None:
    made = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pylist([row("a") | {"eye": None}], schema=schema()), made)
    assert load_table(made, ["eye"]).to_pylist() == [{"eye": ""}]
    pq.write_table(pa.Table.from_pylist([row("a"), row("b", schema=1)], schema=schema()), made)
    with pytest.raises(EdgeError, match="no table of this version"):
        load_table(made, ["path"])
    with pytest.raises(EdgeError, match="no table of this version"):
        Table(made)


def test_an_empty_table_and_none_and_another_kind(
    make_table: Callable[..., Path], row: Callable[..., Any], tmp_path: Path
) -> None:
    path = make_table()
    if path.exists():
        assert paths(load_table(path, ["path"])) == []
    path.unlink(missing_ok=True)
    with pytest.raises(EdgeError, match="is no file"):
        load_table(path, ["path"])
    path.write_bytes(b'{"a": 1}\nb,c\n')
    with pytest.raises(EdgeError, match=r"no table of this version|cannot be read"):
        load_table(path, ["path"])


def test_keep_drop_and_once(make_table: Callable[..., Path], row: Callable[..., Any]) -> None:
    path = make_table(
        row("a", 0.9, eye="left", hash=NEAR_A, sha256="1"),
        row("b", 0.8, eye="right", hash=NEAR_B, sha256="2"),
        row("c", 0.95, eye="left", hash="f" * 64, sha256="1"),
        row("d", None, error="damaged"),
    )
    assert paths(select_rows(path, None).table) == ["a", "b", "c", "d"]
    assert paths(select_rows(path, "eye == 'left'").table) == ["a", "c"]
    assert paths(select_rows(path, None, drop="score > 0.85 or score is None").table) == ["b"]
    assert paths(select_rows(path, None, "exact").table) == ["b", "c", "d"]
    assert paths(select_rows(path, None, "near").table) == ["c", "d"]
    assert select_rows(path, "score > 2", "near").of == 4


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_list_of_rows_is_a_table_again(
    make_table: Callable[..., Path], row: Callable[..., Any], tmp_path: Path, suffix: str
) -> None:
    path = make_table(row("a", 0.9, crop_x=-3), row("b", 0.1))
    out = tmp_path / f"out.{suffix}"
    write_list(select_rows(path, "score > 0.5"), out)
    assert load_table(out, ["path", "crop_x"]).to_pylist() == [{"path": "a", "crop_x": -3}]
    with Table(out) as table:  # and edge-grade goes on with it
        assert table.index.size() == 1


def test_duplicates_are_named_with_the_best_first(make_table: Callable[..., Path], row: Callable[..., Any]) -> None:
    path = make_table(
        row("a", 0.7, hash=NEAR_A, sha256="1"),
        row("b", 0.9, hash=NEAR_B, sha256="2"),
        row("c", 0.8, hash="f" * 64, sha256="3"),
        row("d", 0.7, hash=NEAR_A, sha256="1"),
    )
    named, crowded = name_duplicates(path, 15)
    assert [(each.group, each.kind, each.keep, each.path) for each in named] == [
        (1, "near", True, "b"),
        (1, "exact", False, "a"),
        (1, "exact", False, "d"),
    ]
    assert crowded == 0
    assert [each.path for each in name_duplicates(path, 0)[0]] == ["a", "d"]


@pytest.mark.parametrize("placing", ["link", "copy"])
def test_files_are_placed_once_with_their_folders(tmp_path: Path, placing: Placing) -> None:
    for name in ("x/a.png", "x/y/a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    for _ in range(2):
        told = list(place_files(["x/a.png", "x/y/a.png", "x/gone.png"], tmp_path, tmp_path / "out", placing))
        assert [bool(words) for words in told] == [False, False, True]
    assert (tmp_path / "out" / "y" / "a.png").read_text(encoding="utf-8") == "x/y/a.png"
    assert (tmp_path / "out" / "a.png").is_symlink() == (placing == "link")


@pytest.mark.parametrize("placing", ["link", "copy"])
def test_devices_pipes_and_folders_are_not_placed(tmp_path: Path, placing: Placing) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    paths = ["/dev/zero", str(tmp_path / "pipe.png"), str(tmp_path / "folder.png")]
    assert all("it is no file" in words for words in place_files(paths, Path(), tmp_path / "out", placing))
    assert not list((tmp_path / "out").rglob("*.png"))


def test_another_file_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("mine", encoding="utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_text("other", encoding="utf-8")
    os.utime(tmp_path / "out" / "a.png", ns=(1, 1))
    (told,) = place_files([str(tmp_path / "a.png")], Path(), tmp_path / "out", "copy")
    assert "another file is there" in told
    assert (tmp_path / "out" / "a.png").read_text(encoding="utf-8") == "other"


def test_a_table_that_pandas_has_written_is_read(
    make_table: Callable[..., Path], row: Callable[..., Any], tmp_path: Path
) -> None:
    pandas = pytest.importorskip("pandas")
    path = make_table(row("a", 0.9, width=3), row("b", 0.2, width=4), row("c", None, error="no"))
    written = tmp_path / "own.parquet"
    if path.suffix == ".parquet":
        own = pandas.read_parquet(path)
        own[own["score"] != 0.2].assign(mine=1).to_parquet(written)
        assert paths(select_rows(written, "width is None").table) == ["c"]  # whole numbers had become others
        own.drop(columns="map").to_parquet(written)
        with pytest.raises(EdgeError, match="it lacks map"):
            select_rows(written, None)
        own.assign(schema=1).to_parquet(written)
        with pytest.raises(EdgeError, match="no table of this version"):
            select_rows(written, None)
        own.assign(mine=1).to_parquet(written)
        with pytest.raises(EdgeError, match="it also has mine"):
            Table(written)  # more rows would lose a column
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    if path.suffix == ".csv":
        moved = [f"{number},{line}\r\n" for number, line in zip(["mine", 1, 2, 3], lines, strict=True)]
        path.write_text("".join(moved), encoding="utf-8", newline="")
    assert paths(select_rows(path, "score > 0.5").table) == ["a"]
