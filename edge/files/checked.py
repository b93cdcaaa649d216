"""What a file holds, as a frozen dataclass of checked fields, or one sentence on the first field that is wrong."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Sequence
from typing import TypeVar

from pydantic_core import ValidationError

from edge.errors import EdgeError, brief

Checked = TypeVar("Checked")
_WANTED = {  # where pydantic speaks of Python or of JSON
    "dataclass_type": "should hold settings by name",
    "dict_type": "should hold values by name",
    "json_invalid": "should hold whole letters, and lists in lists only a few times",
    "missing": "should be longer",
    "too_long": "should be shorter",
    "tuple_type": "should be a list",
}


def read_fields(kind: type[Checked], tree: object, where: str, remedy: str) -> Checked:
    """A dataclass from what YAML or JSON yields, by its types and bounds: no text or bool is taken for a number.

    Args:
        kind: a dataclass; ``__pydantic_config__`` in it says what becomes of unknown fields.
        tree: of mappings, lists, texts, numbers, bools and None.
        where: the file, as the sentence begins with it.
        remedy: what to do, as the sentence ends with it.

    Raises:
        EdgeError: the first field that is missing, unknown, of the wrong type or out of range.
    """
    from pydantic import TypeAdapter

    try:
        # Through JSON: only there do strict types still let a list be a tuple, and a mapping a dataclass.
        return TypeAdapter(kind).validate_json(json.dumps(tree), strict=True)
    except ValidationError as error:
        raise EdgeError(f"{where}: {first_fault(error)}: {remedy}") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise EdgeError(f"{where}: it holds more than names, texts and numbers ({brief(error)}): {remedy}") from error


def first_fault(error: ValidationError) -> str:
    """The first field that is wrong, and how: in one line, short, without odd characters."""
    first = error.errors(include_url=False)[0]
    way, kind = [part for part in first["loc"] if part != "[key]"], first["type"]
    if kind in ("missing", "unexpected_keyword_argument", "extra_forbidden") and isinstance(way[-1], str):
        what = "lacks" if kind == "missing" else "has the unknown setting"
        return f"{_path(way[:-1]) or 'it'} {what} {_name(way[-1])}"
    while way and isinstance(way[-1], int):  # a place in a list: the value says more
        way.pop()
    inside, key = _path(way[:-1]), _path(way[-1:]) or "it"
    wanted = _WANTED.get(kind, "should" + first["msg"].partition("should")[2])
    return f"{inside}{': ' * bool(inside)}{key} is {reprlib.repr(first['input'])[:60]}, but {wanted}"


def _path(way: Sequence[int | str]) -> str:
    """Such as ``scenarios[0].latency``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_name(part)}" for part in way).lstrip(".")


def _name(part: str) -> str:
    """A name of a file that anyone may have written."""
    return part if part.isprintable() and len(part) < 40 else ascii(part[:40])[:40]
