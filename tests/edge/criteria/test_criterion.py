"""Criteria are files: what ships is sound, and what is wrong is refused in one sentence."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge.criteria.criterion import Requirements, criterion_path, read_criterion, shipped_criteria
from edge.errors import EdgeError

SOUND: dict[str, Any] = {
    "name": "ours",
    "title": "Our clinic",
    "source": "a letter",
    "date": "2026-01",
    "verified": True,
    "macula": {"score": 0.7, "fovea_from_centre": 1},
}


def written(tmp_path: Path, tree: object) -> Path:
    path = tmp_path / "ours.yaml"
    path.write_text(yaml.safe_dump(tree), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", shipped_criteria())
def test_what_ships_is_read_and_says_where_it_comes_from(name: str) -> None:
    criterion = read_criterion(name)
    assert criterion.name == name
    assert "https://" in criterion.source
    assert not criterion.verified  # until someone compares the numbers with the programme's own document


def test_three_ship() -> None:
    assert shipped_criteria() == ("eurodiab", "nhs-desp", "referral")


def test_the_page_has_a_row_for_each_field_of_each() -> None:
    page = (Path(__file__).parents[3] / "docs" / "criteria.md").read_text(encoding="utf-8")
    wanted = []
    for name in shipped_criteria():
        for kind in ("macula", "disc", "other"):
            if (asked := getattr(read_criterion(name), kind)) is not None:
                limits = [getattr(asked, each.name) for each in dataclasses.fields(asked)]
                wanted.append([f"`{name}`", kind, *("" if limit is None else f"{limit:g}" for limit in limits)])
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in page.splitlines() if row.startswith("| `")]
    assert [row for row in rows if len(row) == 2 + len(dataclasses.fields(Requirements))] == wanted


def test_the_file_on_the_page_is_one(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "criteria.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"^```yaml\n(.*?)^```", page, re.M | re.S)
    (tmp_path / "ours.yaml").write_text(text, encoding="utf-8")
    assert read_criterion(tmp_path / "ours.yaml").name == "our-clinic"
    for each in dataclasses.fields(Requirements):
        assert f"  {each.name}: " in text


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    criterion = read_criterion(written(tmp_path, SOUND))
    assert criterion.macula is not None
    assert (criterion.macula.score, criterion.macula.clear, criterion.disc) == (0.7, None, None)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"macula": {"score": 0.7, "sharpness": 1}}, "unknown setting sharpness"),
        ({"colour": "red"}, "unknown setting colour"),
        ({"macula": {"score": 1.5}}, "score"),
        ({"macula": {"clear": -0.1}}, "clear"),
        ({"macula": {"fovea_from_centre": 21}}, "fovea_from_centre"),
        ({"macula": {"score": "0.7 or so"}}, "score"),
        ({"macula": {"score": True}}, "score"),
        ({"macula": {"score": float("nan")}}, "score"),
        ({"verified": "yes, certainly"}, "verified"),
        ({"name": ""}, "name"),
        ({"macula": {}}, "asks for nothing"),
        ({"macula": None}, "asks for nothing"),
        ({"disc": {}}, "asks for nothing"),
        ({"macula": {"clear": 0, "coverage": 0, "score": 0}}, "asks for nothing"),
        ({"other": {"score": 0}}, "asks for nothing"),
        ({"macula": [1]}, "macula"),
        ({"macula": {"fovea_from_centre": 10**9}}, "fovea_from_centre"),
        ({"name": "   "}, "is blank"),
        ({"name": "nhs-desp"}, "has the name of nhs-desp, which ships and is another"),
        ({"name": " NHS-DESP"}, "has the name of nhs-desp"),
        ({"name": "two\nlines"}, "cannot be printed"),
        ({"title": "red \x1b[31m"}, "cannot be printed"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    path = written(tmp_path, SOUND | change)
    with pytest.raises(EdgeError, match=words) as refused:
        read_criterion(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_limit_of_nought_that_a_photograph_may_fail_is_one(tmp_path: Path) -> None:
    """The whole disc in the picture, and a fovea that can be measured."""
    for limits in ({"disc_to_edge": 0}, {"clear_near_fovea": 0}):
        assert read_criterion(written(tmp_path, SOUND | {"macula": limits})).macula is not None


def test_a_copy_of_one_that_ships_keeps_its_name(tmp_path: Path) -> None:
    path = tmp_path / "copy.yaml"
    path.write_bytes(criterion_path("nhs-desp").read_bytes())
    assert read_criterion(path) == read_criterion("nhs-desp")


def test_no_criterion_at_all(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="there is no criterion nhs-dsep: name a file, or one of eurodiab, nhs-desp"):
        read_criterion("nhs-dsep")
    path = tmp_path / "large.yaml"
    path.write_bytes(b"#" * 70_000)
    with pytest.raises(EdgeError, match="larger than 64 KiB"):
        read_criterion(path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../x", r"there is no criterion \.\./x: name a file"),
        ("../criteria/nhs-desp", "there is no criterion"),
        ("", "there is no criterion without a name"),
        (".", r"\. is a folder and no criterion"),
        ("n" * 5000, "there is no criterion nnn"),
        ("two\nlines", r"there is no criterion two\?lines"),
        ("zero\0byte", r"there is no criterion zero\?byte"),
    ],
)
def test_names_that_lead_nowhere(name: str, said: str) -> None:
    with pytest.raises(EdgeError, match=said) as refused:
        read_criterion(name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"- 1\n", "should hold settings by name"),
        (b"a: &a [1]\nb: *a\n", "an anchor in line 1"),
        (b"a: " + b"[" * 5000, "lists in lists"),
        (b"a: !!python/object/apply:os.system [ls]\n", "a tag in line 1"),
        (b"a: \xe9\n", "is not YAML"),
        (b"a: 1\na: 2\n", "a name twice"),
        (b"a:\n  b: 1\n\tc: 1\n", "cannot start any token in line 3"),
    ],
)
def test_files_that_hold_none(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "wrong.yaml").write_bytes(data)
    with pytest.raises(EdgeError, match=said) as refused:
        read_criterion(tmp_path / "wrong.yaml")
    assert "\n" not in str(refused.value)


@given(data=st.binary(max_size=300))
def test_any_bytes_are_a_criterion_or_a_sentence(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(data)
    try:
        said = read_criterion(path).title
    except EdgeError as refused:
        said = str(refused)
    assert "\n" not in said
