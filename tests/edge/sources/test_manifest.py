"""Lists of photographs."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.sources.manifest import Listed, Listing, listed


def as_csv(path: Path, rows: list[list[str]]) -> Path:
    file = io.StringIO()
    csv.writer(file).writerows(rows)
    path.write_text(file.getvalue(), encoding="utf-8-sig", newline="")
    return path


ROWS = [["path", "patient", "label"], ["a/1.png", "7", "x, y"], ["", "8", ""], ["b.zip!/ü.png", "9", 'say "no"']]
WANTED = [
    Listed("a/1.png", (("label", "x, y"), ("patient", "7"))),
    Listed("b.zip!/ü.png", (("label", 'say "no"'), ("patient", "9"))),
]


def test_a_csv_names_photographs_and_carries_only_what_is_asked_for(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "l.csv", ROWS)
    assert list(listed(path, Listing(carry=("label", "patient")))) == WANTED
    assert list(listed(path, Listing())) == [Listed("a/1.png"), Listed("b.zip!/ü.png")]
    assert [row.path for row in listed(path, Listing("label"))] == ["x, y", 'say "no"']


def test_so_does_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "l.parquet"
    patients = [int(row[1]) for row in ROWS[1:]]  # numbers come as texts
    columns = {"path": [row[0] or None for row in ROWS[1:]], "patient": patients, "label": [r[2] for r in ROWS[1:]]}
    pq.write_table(pa.table(columns), path)
    assert list(listed(path, Listing(carry=("label", "patient")))) == WANTED
    with pytest.raises(EdgeError, match=r"has no column 'image' \(it has path, patient, label\): give --column"):
        list(listed(path, Listing("image")))
    path.write_bytes(b"PAR1" + bytes(50))
    with pytest.raises(EdgeError, match="cannot be read as Parquet"):
        list(listed(path, Listing()))


def test_a_list_that_lacks_the_column_or_is_no_csv_is_told_of(tmp_path: Path) -> None:
    path = as_csv(tmp_path / "l.csv", [["image", "patient"], ["a.png", "7"]])
    with pytest.raises(EdgeError, match=r"l.csv has no column 'path' \(it has image, patient\): give --column"):
        list(listed(path, Listing()))
    with pytest.raises(EdgeError, match="has no column 'eye'"):
        list(listed(path, Listing("image", ("eye",))))
    path.write_bytes(b"")
    with pytest.raises(EdgeError, match="it has nothing"):
        list(listed(path, Listing()))
    with pytest.raises(EdgeError, match="No such file"):
        list(listed(tmp_path / "none.csv", Listing()))


def test_rows_before_the_damage_are_given(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_bytes(b"path,x\na.png,1\nb.png\n")
    rows = listed(path, Listing())
    assert next(rows) == Listed("a.png")
    with pytest.raises(EdgeError, match="line 3 has 1 cells, not 2"):
        next(rows)
    path.write_bytes(b"path\na.png\n\xff\xfe.png\n")
    with pytest.raises(EdgeError, match="no CSV in UTF-8"):
        list(listed(path, Listing()))


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2)))
def test_every_text_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    path = as_csv(tmp_path_factory.getbasetemp() / "back.csv", [["path", "x"], *rows])
    found = list(listed(path, Listing(carry=("x",))))
    assert found == [Listed(name, (("x", more),)) for name, more in rows if name]


@given(st.binary(max_size=200))
def test_any_bytes_are_rows_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    for name in ("any.csv", "any.parquet"):
        path = tmp_path_factory.getbasetemp() / name
        path.write_bytes(b"path,x\n" + data)
        with contextlib.suppress(EdgeError):
            assert all(row.path for row in listed(path, Listing()))
