"""One value of a manifest as YAML gives it, checked for type and range; a wrong one is an EdgeError with its field."""

from __future__ import annotations

import math
from typing import Any

from edge.errors import EdgeError

_LONGEST_TEXT = 2000  # letters


def wrong(field: str, wanted: str) -> EdgeError:
    """The error of a field that is not what is wanted."""
    return EdgeError(f"{' '.join(field.split())[:60]} in the manifest is not {wanted}")


def need(tree: dict[str, Any], field: str) -> Any:
    """A field that must be there."""
    if field not in tree:
        raise EdgeError(f"the manifest has no field '{field}'")
    return tree[field]


def mapping(value: Any, field: str) -> dict[str, Any]:
    """A mapping whose keys are all plain text."""
    if not isinstance(value, dict) or not all(isinstance(key, str) and _is_plain(key) for key in value):
        raise wrong(field, "a mapping of plain names")
    return value


def sequence(value: Any, field: str) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise wrong(field, "a list")
    return value


def text(value: Any, field: str) -> str:
    """One line that may be shown on a terminal and written anywhere: no control characters, no half ones."""
    if not isinstance(value, str) or not _is_plain(value):
        raise wrong(field, f"one line of plain text of up to {_LONGEST_TEXT} letters")
    return value


def _is_plain(value: str) -> bool:
    return len(value) <= _LONGEST_TEXT and value.isprintable()


def number(value: Any, field: str, span: tuple[float, float] = (-math.inf, math.inf)) -> float:
    """A finite number, no bool, within ``span``, both ends included."""
    low, high = span
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e300 or math.isnan(value):
        raise wrong(field, "a finite number")
    if not low <= value <= high:
        raise wrong(field, f"between {low:g} and {high:g}")
    return float(value)


def whole(value: Any, field: str, span: tuple[int, int]) -> int:
    """A whole number, no bool, within ``span``, both ends included."""
    if isinstance(value, bool) or not isinstance(value, int) or not span[0] <= value <= span[1]:
        raise wrong(field, f"a whole number between {span[0]} and {span[1]}")
    return value


def colour(value: Any, field: str, span: tuple[float, float]) -> tuple[float, float, float]:
    """Three numbers, R, G, B, each within ``span``."""
    if not isinstance(value, list) or len(value) != 3:
        raise wrong(field, "three numbers (R, G, B)")
    red, green, blue = (number(each, field, span) for each in value)
    return red, green, blue
