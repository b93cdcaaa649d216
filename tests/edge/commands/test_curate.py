from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from edge.commands import curate
from edge.grading.table.columns import SCHEMA, TABLE_COLUMNS, Row
from edge.grading.table.table import Table

pytest.importorskip("pyarrow")


def row(path: str, score: float, sha256: str) -> Row:
    made: Row = {name: "" if kind == "text" else None for name, kind in TABLE_COLUMNS.items()}
    return made | {"path": path, "score": score, "verdict": "good", "sha256": sha256, "schema": SCHEMA}


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with Table(tmp_path / "t.parquet") as table:
        for path, score, sha256 in (("a.png", 0.9, "1"), ("b.png", 0.8, "1"), ("c.png", 0.2, "2")):
            (tmp_path / path).touch()
            table.add(row(path, score, sha256))
        table.settle()
    return Path("t.parquet")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command as a shell would: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edge-curate", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            curate.main()
        said = capsys.readouterr()
        code = left.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return run


def test_report_writes_a_page_and_tells_of_pictures_that_are_missing(table: Path, run: Any) -> None:
    code, out, err = run("report", table)
    assert (code, out.split(":")[0]) == (0, "report.html")
    assert "could" not in out
    assert "give --root" in " ".join(err.split())  # the files are empty
    code, out, _ = run("report", table, "-o", "r.html", "--no-pictures", "--json")
    told = json.loads(out)
    assert (code, told["photographs"], told["pictures"]) == (0, 3, 0)
    assert told["bytes"] == Path("r.html").stat().st_size


def test_select_prints_writes_links_and_copies(table: Path, run: Any) -> None:
    assert run("select", table, "--keep", "score > 0.5") == (0, "a.png\nb.png\n", "2 of 3 photographs\n")
    assert run("select", table, "--keep", "score > 0.5", "--once", "exact")[:2] == (0, "a.png\n")
    assert run("select", table, "--drop", "score > 0.5", "-o", "kept.txt")[:2] == (0, "1 of 3 photographs\n")
    assert Path("kept.txt").read_text(encoding="utf-8") == "c.png\n"
    assert run("select", table, "--links", "l", "--copies", "c", "--json")[0] == 0
    assert Path("l/a.png").is_symlink()
    assert not Path("c/a.png").is_symlink()
    Path("c.png").unlink()
    code, out, err = run("select", table, "--copies", "d")
    assert (code, out) == (1, "3 of 3 photographs, 1 failed\n")
    assert f"c.png gets no copy (it is not below {Path.cwd()}: see --root)" in err


def test_what_is_wrong_with_many_photographs_is_told_of_the_first(table: Path, run: Any) -> None:
    with Table(Path("many.csv")) as many:
        for number in range(15):
            many.add(row(f"{number}.png", 0.5, ""))
    code, _, err = run("select", "many.csv", "--links", "l", "--root", "elsewhere")
    assert (code, err.count("gets no link"), err.splitlines()[-1]) == (1, 10, "error: 5 more get none either.")


def test_duplicates_are_named(table: Path, run: Any) -> None:
    code, out, _ = run("duplicates", table)
    assert code == 0
    assert [line.split() for line in out.splitlines()[:2]] == [
        ["1", "keep", "0.9000", "a.png"],
        ["1", "exact", "0.8000", "b.png"],
    ]
    assert out.splitlines()[2].startswith("1 groups: 1 photographs are copies")
    assert run("duplicates", table, "-o", "d.csv")[0] == 0
    listed = csv.DictReader(Path("d.csv").read_text(encoding="utf-8").splitlines())
    assert [(each["path"], each["keep"]) for each in listed] == [("a.png", "yes"), ("b.png", "no")]
    *rows, last = map(json.loads, run("duplicates", table, "--json")[1].splitlines())
    assert [each["path"] for each in rows] == ["a.png", "b.png"]
    assert last == {"summary": {"groups": 1, "exact": 1, "near": 0}}


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["report", "t.parquet", "-o", "t.parquet"], 1, "it is an input"),
        (["report", "nowhere.csv"], 1, "nowhere.csv is no file"),
        (["report", "a.png"], 1, "ends with .parquet, .csv or .jsonl"),
        (["select", "t.parquet", "--keep", "score >"], 1, "is no expression"),
        (["select", "t.parquet", "-o", "kept.doc"], 1, "ends with .parquet, .csv or .jsonl"),
        (["duplicates", "t.parquet", "--distance", "16"], 2, "less than or equal to 15"),
    ],
)
def test_what_is_wrong_is_one_sentence(table: Path, run: Any, arguments: list[str], code: int, words: str) -> None:
    ended, _, err = run(*arguments)
    assert ended == code
    assert words in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err
