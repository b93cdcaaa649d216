"""What a file holds, as a frozen dataclass of checked fields, or one sentence on the first field that is wrong."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from pydantic_core import SchemaValidator, ValidationError

from edge.errors import EdgeError

Checked = TypeVar("Checked")
_SCALARS = ("bool", "float", "int", "str")
_WANTED = {  # where pydantic speaks of Python
    "dataclass_type": "should hold settings by name",
    "dict_type": "should hold values by name",
    "missing": "should be longer",
    "too_long": "should be shorter",
    "tuple_type": "should be a list",
}


def read_fields(kind: type[Checked], tree: object, where: str, remedy: str) -> Checked:
    """A dataclass from what YAML or JSON yields, by its types and bounds: no text or bool is taken for a number.

    Every field must be there, also one that has a default for those who make the dataclass.

    Args:
        kind: a dataclass; ``__pydantic_config__`` in it says what becomes of unknown fields.
        tree: of mappings, lists, texts, numbers, bools and None.
        where: the file, as the sentence begins with it.
        remedy: what to do, as the sentence ends with it.

    Raises:
        EdgeError: the first field that is missing, unknown, of the wrong type or out of range.
    """
    from pydantic import TypeAdapter

    schema = _strict(TypeAdapter(kind).core_schema)
    return cast(Checked, checked(SchemaValidator(schema), tree, where, remedy))


def _strict(schema: Any) -> Any:
    """Without defaults, and strict where values lie: a list may still be a tuple, and a mapping a dataclass.

    ``strict=True`` would allow that from JSON alone, and pydantic then keeps a copy of its input for each error: a
    hostile file fills the memory.
    """
    if isinstance(schema, list):
        return [_strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") == "default":
        return _strict(schema["schema"])
    inner = {name: _strict(each) for name, each in schema.items()}
    return {**inner, "strict": True} if schema.get("type") in _SCALARS else inner


def checked(validator: SchemaValidator, tree: object, where: str, remedy: str) -> Any:
    """What a validator makes of a tree; raises as ``read_fields``."""
    try:
        return validator.validate_python(tree)
    except ValidationError as error:
        raise EdgeError(f"{where}: {_first_fault(error)}: {remedy}") from error


def _first_fault(error: ValidationError) -> str:
    """The first field that is wrong, and how: in one line, short, without odd characters."""
    first = error.errors(include_url=False)[0]
    way, kind = list(first["loc"]), first["type"]
    wanted = _WANTED.get(kind, "should" + first["msg"].partition("should")[2].partition(" after validation")[0])
    if way[-1:] == ["[key]"]:
        return f"{_path(way[:-2])} has the name {_name(way[-2])}, which {wanted}"
    if kind in ("unexpected_keyword_argument", "extra_forbidden", "invalid_key"):
        return f"{_path(way[:-1]) or 'it'} has the unknown setting {_name(way[-1])}"
    if kind == "missing" and isinstance(way[-1], str):
        return f"{_path(way[:-1]) or 'it'} lacks {_name(way[-1])}"
    while way and isinstance(way[-1], int):  # a place in a list: the value says more
        way.pop()
    inside, key = _path(way[:-1]), _path(way[-1:]) or "it"
    return f"{inside}{': ' * bool(inside)}{key} is {_shown(first['input'])}, but {wanted}"


def _shown(value: object) -> str:
    try:
        return reprlib.repr(value)[:60]
    except ValueError:  # Python does not print integers of thousands of digits
        return "far too long"


def _path(way: Sequence[int | str]) -> str:
    """Such as ``scenarios[0].latency``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_name(part)}" for part in way).lstrip(".")


def _name(part: int | str) -> str:
    """A name in a file that anyone may have written."""
    name = str(part)
    return name if name.isprintable() and len(name) < 40 else ascii(name[:40])[:40]
