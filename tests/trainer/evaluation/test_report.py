from __future__ import annotations

import copy
import itertools
import json
from pathlib import Path
from typing import Any

import cv2
import pytest

pytest.importorskip("torch")

from edge.errors import EdgeError
from trainer.evaluation.report import BEGIN, END, markdown, put_into, write_report


def rows(text: str) -> dict[str, list[list[str]]]:
    """Heading of each table -> its rows without the two of the head."""
    tables: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        if line.startswith("**"):
            name = line
        elif line.startswith("|"):
            tables.setdefault(name, []).append([cell.strip() for cell in line.strip("|").split("|")])
    return {name: some[2:] for name, some in tables.items()}


def test_there_is_a_row_for_every_scorer_and_every_map(evaluated: dict[str, Any]) -> None:
    tables = rows(markdown(evaluated))
    scorers = evaluated["labels"]["graded"]
    (graded,) = [some for name, some in tables.items() if name.startswith("**graded, good against reject** (8 to 8;")]
    assert [row[0] for row in graded] == list(scorers)
    for row in graded:
        assert len(row) == 6
        assert row[1].startswith(f"{scorers[row[0]][0]['auroc']['value']:.4f} (")
    for name, ways in evaluated["maps"].items():
        (masks,) = [some for head, some in tables.items() if head.startswith(f"**Maps against exact masks, {name}**")]
        assert [row[0] for row in masks] == list(ways)
        assert masks[0][1].startswith(f"{ways[masks[0][0]]['overall']['auroc']:.3f} / ")
        swept = [some for head, some in tables.items() if head.startswith(f"**Score as severity grows, {name}**")]
        assert [row[0] for some in swept for row in some] == (list(ways) if name != "sequences" else [])
    (fidelity,) = next(some for head, some in tables.items() if head.startswith("**Float student"))
    assert fidelity[1] == f"{evaluated['fidelity']['map_mae']:.4f}"
    (segmenter,) = next(some for head, some in tables.items() if head.startswith("**Segmenter**"))
    assert segmenter[:2] == ["set", "2"]
    assert sum(head.startswith("**Prior** on 2") for head in tables) == 1


def test_all_rows_of_a_table_are_as_long_as_its_head(evaluated: dict[str, Any]) -> None:
    lines = markdown(evaluated).splitlines()
    for above, line in itertools.pairwise(lines):
        if above.startswith("|") and line.startswith("|"):
            assert above.count("|") == line.count("|")
        elif line.startswith("|"):
            assert not above, "a table needs an empty line above it"


def test_what_was_not_measured_has_no_table(evaluated: dict[str, Any]) -> None:
    bare = {**copy.deepcopy(evaluated), "vessels": {}, "prior": {}}
    text = markdown(bare)
    assert "Segmenter" not in text
    assert "**Prior**" not in text


def test_the_files_hold_what_was_measured(evaluated: dict[str, Any], tmp_path: Path) -> None:
    write_report(evaluated, tmp_path / "evaluation")
    text = (tmp_path / "evaluation/evaluation.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert json.loads(text) == json.loads(json.dumps(evaluated))
    assert (tmp_path / "evaluation/evaluation.md").read_text() == markdown(evaluated)


def test_a_page_gets_new_tables_and_keeps_the_rest(evaluated: dict[str, Any], tiny_run: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Figures\n\nbefore\n{BEGIN}\nold\n{END}\nafter: 95 %\n", encoding="utf-8")
    for _ in range(2):  # the second time it finds what it wrote itself
        put_into(page, evaluated, tiny_run.run / "evaluation")
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# Figures\n\nbefore\n{BEGIN}\n")
        assert text.endswith(f"{END}\nafter: 95 %\n")
        assert markdown(evaluated) in text
        assert "old" not in text
        assert (text.count(BEGIN), text.count(END)) == (1, 1)
    picture = cv2.imread(str(tmp_path / "pictures" / "maps.jpg"))
    assert picture.shape[1] == 8 * 256  # the frame, its truth, four adapters, all together and the student


@pytest.mark.parametrize("text", ["", "no marks", f"{BEGIN}\nno end", f"{END}\n{BEGIN}\nthe wrong way round"])
def test_a_page_without_the_marks_is_said_and_left_as_it_is(
    text: str, evaluated: dict[str, Any], tiny_run: Any, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    with pytest.raises(EdgeError, match=r"page\.md has no place for the tables: put the lines"):
        put_into(page, evaluated, tiny_run.run / "evaluation")
    assert page.read_text(encoding="utf-8") == text


def test_a_page_that_cannot_be_read_is_said(evaluated: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "latin.md").write_bytes(b"caf\xe9")
    for name in ("missing.md", "latin.md"):
        with pytest.raises(EdgeError, match=rf"{name} cannot be read \(.*: name a Markdown page\."):
            put_into(tmp_path / name, evaluated, tmp_path)
