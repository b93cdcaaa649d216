"""The content of a file as a frozen dataclass of checked fields, or one sentence about the first wrong field."""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from typing import Any, TypeVar, cast

from pydantic_core import SchemaValidator, ValidationError
from pydantic_core import core_schema as schemas

from edge.errors import EdgeError

Checked = TypeVar("Checked")
_SCALARS = ("bool", "float", "int", "str")
_WANTED = {  # where pydantic speaks of Python
    "bool_type": "should be true or false",
    "dataclass_type": "should hold settings by name",
    "dict_type": "should hold values by name",
    "missing": "should be longer",
    "string_type": "should be text, in quotes",
    "too_long": "should be shorter",
    "tuple_type": "should be a list",
}


def read_fields(kind: type[Checked], tree: object, where: str, remedy: str) -> Checked:
    """A dataclass from the data of YAML or JSON, checked by its types and bounds: no text or bool passes for a number.

    Every field must be present, also one that has a default in the dataclass.

    Args:
        kind: a dataclass; its ``__pydantic_config__`` decides about unknown fields.
        tree: of mappings, lists, texts, numbers, bools and None.
        where: the file, which starts the sentence.
        remedy: what to do, which ends the sentence.

    Raises:
        EdgeError: the first field that is missing, unknown, of the wrong type or out of range.
    """
    from pydantic import TypeAdapter

    schema = _strict(TypeAdapter(kind).core_schema)
    return cast(Checked, checked(SchemaValidator(schema), tree, where, remedy))


def _strict(schema: Any) -> Any:
    """Without defaults, and strict about scalars: a list may still become a tuple, and a mapping a dataclass.

    ``strict=True`` would allow that only from JSON, and pydantic then keeps a copy of its input for each error: a
    hostile file would fill the memory.
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
    """The result of a validator for a tree; raises as ``read_fields``."""
    try:
        return validator.validate_python(tree)
    except ValidationError as error:
        raise EdgeError(f"{where}: {_first_fault(error)}: {remedy}") from error


def line_schema(longest: int, shortest: int = 0) -> schemas.CoreSchema:
    """One line of so many letters that is safe to show and to write: no control characters or lone surrogates."""
    short = schemas.str_schema(strict=True, min_length=shortest, max_length=longest)
    return schemas.no_info_after_validator_function(_printable, short)


def text_schema(pattern: str, longest: int = 200) -> schemas.CoreSchema:
    """Text that a pattern of ``re`` matches as a whole."""
    return schemas.str_schema(strict=True, max_length=longest, pattern=rf"^(?:{pattern})\Z", regex_engine="python-re")


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("should be one line of plain text")
    return value


def _first_fault(error: ValidationError) -> str:
    """The first wrong field and its fault, in one short printable line."""
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
    """A name from an untrusted file, safe to print."""
    name = str(part)
    return name if name.isprintable() and len(name) < 40 else ascii(name[:40])[:40]
