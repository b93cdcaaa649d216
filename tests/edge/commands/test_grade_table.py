from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.commands import grade, grade_how
from edge.phantom.retina import phantom_frame

pytest.importorskip("pyarrow")
pytest.importorskip("imagehash")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command as a shell would: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edge-grade", "--threads", "1", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            grade.main()
        said = capsys.readouterr()
        code = left.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return run


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    eye = cv2.resize(phantom_frame(0), (240, 180))
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(folder / name), eye)
    cv2.imwrite(str(folder / "c.png"), eye[:, ::-1])
    (folder / "raw.cr2").touch()
    return folder


def test_what_was_done_is_told_and_done_once(archive: Path, tmp_path: Path, run: Any) -> None:
    code, out, err = run(archive, "--table", tmp_path / "t.parquet", "--criterion", "referral")
    assert code == 0
    first, second, third, fourth = out.splitlines()
    assert first.startswith("3 graded (")
    assert first.endswith("), 0 failed, 0 in the table already, 1 other files passed over")
    assert "of 3 adequate by" in second
    assert third.endswith("t.parquet, 3 photographs")
    assert fourth.startswith("1 are copies of others: edge-curate duplicates")
    assert "note: 1 photograph is passed over, such as" in err
    code, out, _ = run(archive, "--table", tmp_path / "t.parquet", "--criterion", "referral")
    assert code == 0
    assert "0 graded (" in out
    assert "3 in the table already" in out
    assert "adequate" not in out  # of none


def test_why_photographs_are_not_good_is_told_of_those_that_were_graded_now(
    archive: Path, tmp_path: Path, run: Any
) -> None:
    table = tmp_path / "t.csv"
    assert run(archive, "--table", table)[0] == 0
    cv2.imwrite(str(tmp_path / "dark.png"), cv2.resize(phantom_frame(0), (240, 180)) // 12)
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((180, 240, 3), 128, np.uint8))
    _, alone, _ = run(tmp_path / "*.png", "--csv", tmp_path / "grades.csv")
    why = [line for line in alone.splitlines() if line.startswith(("main cause", "  1"))]
    assert why[0] == "main cause of the 2 that are not good, as estimated:"
    assert len(why) == 3
    _, out, _ = run(archive, tmp_path / "*.png", "--table", table)
    assert "3 in the table already" in out
    assert out.splitlines()[1:4] == why


def test_json_has_a_row_of_each_that_was_graded_and_a_summary(archive: Path, tmp_path: Path, run: Any) -> None:
    table = tmp_path / "t.csv"
    assert run(archive / "a.png", "--table", table)[0] == 0
    code, out, _ = run(archive, "--table", table, "--json")
    assert code == 0
    *rows, last = map(json.loads, out.splitlines())
    assert [Path(row["path"]).name for row in rows] == ["b.png", "c.png"]
    assert set(rows[0]) == {"path", "score", "verdict", "error", "cause", "place", "eye"}
    summary = last["summary"]
    assert (summary["graded"], summary["failed"], summary["kept"]) == (2, 0, 1)
    assert summary["table"] == {"path": str(table), "photographs": 3, "copies": 1}
    assert summary["passed_over"] == {"photographs": 1, "others": 0}
    assert sum(summary["verdicts"].values()) == 2


def test_a_path_that_leads_nowhere_is_told_and_is_no_row(archive: Path, tmp_path: Path, run: Any) -> None:
    table = tmp_path / "t.jsonl"
    code, out, err = run(archive / "a.png", tmp_path / "nowhere", "--table", table)
    assert code == 1
    assert "error: " in err
    assert "nowhere is neither a file nor a folder" in err
    assert "1 graded" in out
    assert "1 failed" in out
    assert len(table.read_text(encoding="utf-8").splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--table", "t.csv", "--csv", "g.csv"], "leave out --csv, or --table"),
        (["--table", "t.csv", "--maps", "m", "--details", "d"], "leave out --details and --maps, or --table"),
        (["--recheck"], "give --table too"),
    ],
)
def test_what_does_not_go_together_is_a_wrong_argument(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Any, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(archive, *arguments)
    assert code == 2
    assert words in " ".join(err.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_a_field_that_depends_on_the_order_is_refused(archive: Path, tmp_path: Path, run: Any) -> None:
    code, _, err = run(archive, "--table", tmp_path / "t.csv", "--field", "learn")
    assert code == 1
    assert "depends on their order" in err


def test_what_is_about_rows_needs_a_table(archive: Path, run: Any) -> None:
    for option in (("--identity",), ("--carry", "x"), ("--recheck",)):
        code, _, err = run(archive, *option)
        assert code == 2
        assert "it is about the rows of a table: give --table too" in " ".join(err.replace("│", " ").split())


def test_an_archive_and_a_list_are_graded_and_what_is_wrong_is_told_once(
    archive: Path, tmp_path: Path, run: Any
) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        for path in sorted(archive.iterdir()):
            packed.write(path, path.name)
        packed.writestr("../out.png", b"x")
    (tmp_path / "l.csv").write_text("path,who\na.zip!/a.png,me\n")
    (tmp_path / "wrong.csv").write_text("image\na.png\n")
    places = (tmp_path / "a.zip", tmp_path / "l.csv", tmp_path / "wrong.csv")
    for more in (("--table", tmp_path / "t.csv"), ()):
        code, out, err = run(*places, "--json", *more)
        *rows, last = [json.loads(line) for line in out.splitlines()]
        names = [f"{tmp_path}/a.zip!/{name}" for name in ("a.png", "b.png", "c.png")]
        graded = [row["path"] for row in rows if not row["error"]]
        assert graded == (names if more else [*names, names[0]])  # in a table each once
        said = err if more else err + "".join(row["error"] or "" for row in rows)
        assert said.count("1 member is left out, such as ../out.png") == 1
        assert said.count("has no column 'path' (it has image)") == 1
        assert last["summary"]["failed"] == 2
        assert last["summary"]["passed_over"] == {"photographs": 1, "others": 0}
        assert code == 1


def test_no_output_overwrites_an_archive_or_a_list(archive: Path, tmp_path: Path, run: Any) -> None:
    for name in ("l.csv", "a.zip"):
        (tmp_path / name).write_text(f"path\n{archive}/a.png\n")
        for option in ("--csv", "--details"):
            code, _, err = run(tmp_path / "l.csv", tmp_path / "a.zip", option, tmp_path / name)
            assert (code, "input" in err) == (1, True)
    code, _, err = run(tmp_path / "l.csv", "--table", tmp_path / "l.csv")
    assert (code, "it is an input" in err) == (1, True)
    assert (tmp_path / "l.csv").read_text() == f"path\n{archive}/a.png\n"


def test_many_photographs_are_graded_by_processes_with_the_same_words(
    archive: Path, tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []
    real = grade_how.Workers

    def workers(setup: Any, processes: int) -> Any:
        started.append(processes)
        return real(setup, processes)

    monkeypatch.setattr(grade_how, "Workers", workers)
    few = [run(archive, "--csv", tmp_path / "few.csv"), run(archive, "--table", tmp_path / "few.jsonl")]
    assert started == []
    monkeypatch.setattr(grade_how, "ENOUGH", 3)
    more = ["--threads", 2]
    many = [
        run(archive, *more, "--csv", tmp_path / "many.csv"),
        run(archive, *more, "--table", tmp_path / "many.jsonl"),
    ]
    assert started == [2, 2]
    for suffix in ("csv", "jsonl"):
        assert (tmp_path / f"many.{suffix}").read_text() == (tmp_path / f"few.{suffix}").read_text()
    assert [(code, out.replace("few", "many"), err) for code, out, err in few] == many


def test_a_cluster_needs_a_table_and_an_address(archive: Path, tmp_path: Path, run: Any) -> None:
    code, _, err = run(archive, "--on", "ray")
    assert code == 2
    assert "give --table too" in err
    code, _, err = run(archive, "--table", tmp_path / "t.jsonl", "--on", "head")
    assert code == 1
    assert "head is no cluster" in err or 'pip install "efiqa-edge[ray]"' in err
