"""The expressions of ``edge-curate select``: a small part of Python's grammar, read and never run."""

from __future__ import annotations

import ast
import difflib
import functools
import importlib
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any, get_args

from edge.assessment import Verdict
from edge.errors import EdgeError
from edge.findings.cause import CAUSES
from edge.grading.table.columns import TABLE_COLUMNS, Kind
from edge.grading.table.parquet import arrow

_MOST = 10_000  # letters
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_FUNCTIONS = {"startswith": "starts_with", "endswith": "ends_with", "contains": "match_substring", "like": "match_like"}
_WORDS: dict[str, Sequence[str]] = {
    "verdict": get_args(Verdict),
    "cause": CAUSES,
    "eye": ("right", "left"),
    "adequate": ("yes", "no"),
}
HELP = (
    "columns of the table, numbers, 'text', == != < <= > >= and in [..], and, or, not, parentheses, is None, and "
    "startswith, endswith, contains and like of a column and a text"
)


def parse_expression(text: str) -> Any:
    """An expression as one of pyarrow, to filter a table with.

    A comparison with a number that is missing is false, as of the score of a photograph that could not be graded.

    Args:
        text: such as ``score > 0.9 and eye == 'right'``; see ``HELP``.

    Returns:
        A ``pyarrow.compute.Expression``.

    Raises:
        EdgeError: it is none.
    """
    if len(text) > _MOST:
        raise EdgeError(f"the expression has more than {_MOST} letters: give a shorter one.")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        return _Reader(text).truth(tree)
    except (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        said = error.msg if isinstance(error, SyntaxError) else str(error) or "too deep"
        give = "== to compare" if re.search(r"[^=!<>:]=[^=]", text) else HELP
        raise EdgeError(f"{text!r} is no expression ({said}): give {give}.") from None


class _Reader:
    """From the tree to pyarrow; kinds are compared here, so that an error names what was written."""

    def __init__(self, text: str) -> None:
        arrow("edge-curate")
        self._pc = importlib.import_module("pyarrow.compute")
        self._text = text

    def truth(self, node: ast.expr) -> Any:
        """A node that is true or false."""
        if isinstance(node, ast.BoolOp):
            join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
            return functools.reduce(join, map(self.truth, node.values))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self.truth(node.operand)
        if isinstance(node, ast.Compare):
            return self._chain(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        raise self._error(node, "is neither true nor false")

    def _chain(self, node: ast.Compare) -> Any:
        lefts = [node.left, *node.comparators]
        parts = [self._comparison(*each) for each in zip(lefts, node.ops, node.comparators, strict=False)]
        return functools.reduce(operator.and_, parts)

    def _comparison(self, left: ast.expr, sign: ast.cmpop, right: ast.expr) -> Any:
        if isinstance(sign, ast.Is | ast.IsNot):
            if not (isinstance(right, ast.Constant) and right.value is None):
                raise self._error(right, "is not None, with which alone 'is' compares")
            missing = self._missing(left)
            return missing if isinstance(sign, ast.Is) else ~missing
        if isinstance(sign, ast.In | ast.NotIn):
            return self._membership(left, right, isinstance(sign, ast.NotIn))
        one, kind = self._value(left)
        other, other_kind = self._value(right)
        if kind != other_kind and "text" in (kind, other_kind):
            self._check_joined(left, right)
            raise self._error(
                right, f"is compared with {ast.unparse(left)}", "two texts (in quotes, as 'right') or two numbers"
            )
        if kind != other_kind:  # pyarrow refuses whole numbers that no float has, as of ``modified``
            one, other = (each.cast("float64", safe=False) for each in (one, other))
        if isinstance(sign, ast.Eq | ast.NotEq):
            self._check_value(left, right)
            self._check_value(right, left)
        return self._sure(_COMPARE[type(sign)](one, other))

    def _membership(self, left: ast.expr, right: ast.expr, negated: bool) -> Any:
        if not isinstance(right, ast.List | ast.Tuple | ast.Set) or not right.elts:
            raise self._error(right, "is no list", "one such as ['right', 'left']")
        found = functools.reduce(operator.or_, (self._comparison(left, ast.Eq(), each) for each in right.elts))
        return ~found if negated else found

    def _call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _FUNCTIONS or len(node.args) != 2 or node.keywords:
            raise self._error(node, "is not known", f"one of {', '.join(_FUNCTIONS)}, of a column and a text")
        column, pattern = node.args
        value, kind = self._value(column)
        if kind != "text" or not (isinstance(pattern, ast.Constant) and isinstance(pattern.value, str)):
            raise self._error(node, "is not of a column of text and a text", "these, as in contains(path, 'left')")
        return getattr(self._pc, _FUNCTIONS[name])(value, pattern.value)

    def _value(self, node: ast.expr) -> tuple[Any, Kind]:
        """A column or a constant, and its kind."""
        if isinstance(node, ast.Name) and node.id in TABLE_COLUMNS:
            return self._pc.field(node.id), TABLE_COLUMNS[node.id]
        if isinstance(node, ast.Name):
            close = difflib.get_close_matches(node.id, TABLE_COLUMNS, 1, 0.8)
            raise self._error(
                node,
                "is no column",
                close[0] if close else f"a text quotes, as '{node.id}', or a column: {', '.join(TABLE_COLUMNS)}",
            )
        sign = 1
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            node, sign = node.operand, -1
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and type(node.value) is not bool:
            number = sign * node.value
            if type(number) is int and abs(number) < 1 << 63:
                return self._pc.scalar(number), "whole"
            return self._pc.scalar(float(number)), "number"
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and sign == 1:
            return self._pc.scalar(node.value), "text"
        self._check_joined(node)
        raise self._error(node, "is neither a column nor a number nor a text")

    def _check_joined(self, *nodes: ast.expr) -> None:
        """``&`` and ``|``, which bind closer than a comparison."""
        for node in nodes:
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
                raise self._error(node, "is joined by a sign", "the words and, or, not")

    def _check_value(self, column: ast.expr, text: ast.expr) -> None:
        """Of columns that hold few words another one would choose nothing, and be taken for a finding."""
        known = _WORDS.get(column.id) if isinstance(column, ast.Name) else None
        if known and isinstance(text, ast.Constant) and text.value not in (*known, ""):
            raise self._error(text, f"is never in the column {ast.unparse(column)}", f"one of {', '.join(known)}")

    def _missing(self, node: ast.expr) -> Any:
        value, kind = self._value(node)
        return value == self._pc.scalar("") if kind == "text" else self._pc.is_null(value)

    def _sure(self, comparison: Any) -> Any:
        """False instead of unknown."""
        return self._pc.coalesce(comparison, self._pc.scalar(False))

    def _error(self, node: ast.expr, why: str, give: str = HELP) -> EdgeError:
        return EdgeError(f"in {self._text!r}, {ast.unparse(node)} {why}: give {give}.")
