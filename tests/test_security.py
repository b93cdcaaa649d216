"""The table of SECURITY.md: every test that it names exists, and every threat names one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
THREATS = PAGE[PAGE.index("## Threats") : PAGE.index("## What nothing here holds")]
ROWS = [row for row in THREATS.splitlines() if row.startswith("| ") and not row.startswith(("| threat", "| ---"))]
NAMED = sorted(set(re.findall(r"`(tests/[\w/.]+\.py::\w+)`", PAGE)))
ASKED = ("bundle", "image", "stream", "client", "PACS", "neighbour on the network", "stolen device")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip()[:50])
def test_a_threat_names_what_holds_it_and_a_test(row: str) -> None:
    threat, held, tests = (cell.strip() for cell in row.strip("|").split("|"))
    assert threat
    assert held
    assert re.fullmatch(r"`tests/[\w/.]+\.py::\w+`(, `tests/[\w/.]+\.py::\w+`)*", tests)


@pytest.mark.parametrize("name", NAMED)
def test_a_named_test_exists(name: str) -> None:
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_kind_of_threat_is_there_and_each_test_of_it_is_in_the_list() -> None:
    kinds = re.findall(r"\*\*(?:A|An) ([^*]+)\*\*", THREATS)
    assert all(any(asked in kind for kind in kinds) for asked in ASKED), kinds
    taken_out = PAGE[PAGE.index("## Each protection taken out") :]
    listed = set(re.findall(r"`(tests/[\w/.]+\.py::\w+)`", taken_out))
    assert set(re.findall(r"`(tests/[\w/.]+\.py::\w+)`", THREATS)) <= listed
