from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.curate.expression import parse_expression
from edge.errors import EdgeError

pa = pytest.importorskip("pyarrow")

ROWS = pa.table(
    {
        "path": ["a/1.png", "a/2.png", "b/3.png", "b/4.png"],
        "score": pa.array([0.95, 0.9, 0.2, None], pa.float64()),
        "eye": ["right", "left", "right", ""],
        "width": pa.array([640, 800, 1024, None], pa.int64()),
        "modified": pa.array([1795951600475288707, 1795951600475288708, 5, None], pa.int64()),
    }
)


def chosen(text: str) -> str:
    """The numbers of the rows of which an expression is true."""
    return "".join(path[2] for path in ROWS.filter(parse_expression(text)).column("path").to_pylist())


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("score > 0.9", "1"),
        ("score >= 0.9", "12"),
        ("0.9 <= score", "12"),
        ("0.1 < score <= 0.9", "23"),
        ("not score > 0.9", "234"),
        ("score > 0.9 and eye == 'left'", ""),
        ("score > 0.9 or eye == 'left'", "12"),
        ("(score > 0.9 or eye == 'left') and width == 800", "2"),
        ("score > -1", "123"),
        ("score != 0.9", "13"),
        ("score is None", "4"),
        ("score is not None", "123"),
        ("eye is None", "4"),
        ("eye in ['left', '']", "24"),
        ("eye not in ('left', 'right')", "4"),
        ("width in [640, 1024]", "13"),
        ("width > 800.5", "3"),
        ("modified > 0", "123"),
        ("modified == 1795951600475288707", "1"),
        ("modified > 5.5 and modified > score", "12"),
        ("score < 1", "123"),
        ("width < 99999999999999999999", "123"),
        ("startswith(path, 'a/')", "12"),
        ("endswith(path, '3.png')", "3"),
        ("contains(path, '/4')", "4"),
        ("like(path, '%/_.png')", "1234"),
        ("not contains(path, '*')", "1234"),
        (" eye == 'right'\n", "13"),
    ],
)
def test_rows_are_those_that_it_is_true_of(text: str, rows: str) -> None:
    assert chosen(text) == rows


@pytest.mark.parametrize(
    "text",
    [
        "",
        "score",
        "score >",
        "score > 'a'",
        "eye == 1",
        "scores > 1",
        "score > width.x",
        "score + 1 > 2",
        "eye == -'a'",
        "__import__('os').system('touch owned')",
        "open('owned', 'w')",
        "().__class__ == 1",
        "(lambda: 1)()",
        "[x for x in path]",
        "score > 1 if eye else 2",
        "f'{score}' == 'a'",
        "score := 1",
        "eye in []",
        "eye in path",
        "score is 1",
        "contains(path, eye)",
        "contains(score, 'a')",
        "contains(path)",
        "score > True",
        "score > 1; score",
        "not " * 5000 + "score > 1",
        "score > 1" + " and score > 1" * 5000,
        "eye == b'right'",
        "score > 1j",
        "score > 1" + "0" * 400,
        "eye == 'a\0b' and",
    ],
)
def test_whatever_else_is_refused_in_one_sentence(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EdgeError) as raised:
        parse_expression(text)
    assert len(str(raised.value)) < 12_000
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scor > 0.9", "scor is no column: give score."),
        ("eye == right", "give a text quotes, as 'right', or a column: path, "),
        ("score = 0.9", "give == to compare."),
        ("score > 0.9 & eye == 'right'", "0.9 & eye is joined by a sign: give the words and, or, not."),
        ("eye == 'Right'", "'Right' is never in the column eye: give one of right, left."),
        ("'god' != verdict", "give one of good, usable, reject, no_fundus, no_anatomy."),
        ("cause in ['blur', 'fog']", "'fog' is never in the column cause"),
        ("score > '0.9'", "give two texts (in quotes, as 'right') or two numbers."),
    ],
)
def test_what_is_often_mistaken_is_told_with_its_remedy(text: str, words: str) -> None:
    with pytest.raises(EdgeError) as raised:
        parse_expression(text)
    assert words in str(raised.value)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="scoreyin ()[]'\"<>=!-+.,0123_andort", max_size=60))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        expression = parse_expression(text)
    except EdgeError:
        return
    assert isinstance(expression, pa.compute.Expression)
