"""The JSON of a result: its published schema, and reading one back without trusting it.

Both walk the dataclasses of ``benchmarks.report.result``, so neither can fall behind. ``python -m
benchmarks.report.schema`` prints the schema, which is kept in ``benchmarks/report/result.schema.json``.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
import typing
from pathlib import Path
from typing import Any, cast

from benchmarks.report.result import SCHEMA, Result
from benchmarks.run.latency import STAGES
from edge.errors import EdgeError
from edge.files.given import read_given

_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", types.NoneType: "null"}
_MOST_MIB = 256  # of a result file
_LONGEST = 1e9  # milliseconds of a frame


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what edge-bench writes."""
    parts: dict[str, Any] = {}
    root = _describe(Result, parts)
    root["properties"]["schema"] = {"const": SCHEMA}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A result of edge-bench",
        "description": "Names end in their unit; null is a figure that was not measured.",
        **root,
        "$defs": {name: part for name, part in sorted(parts.items()) if name != "Result"},
    }


def read_result(path: Path) -> Result:
    """A result that edge-bench wrote.

    Raises:
        EdgeError: the file is missing, no JSON, of another schema, or has a field too many, too few or of another type.
    """
    try:
        said = json.loads(read_given(path, _MOST_MIB))
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({error.strerror}): name a file that edge-bench --out wrote") from error
    except (ValueError, RecursionError) as error:
        raise EdgeError(f"{path} is not JSON: name a file that edge-bench --out wrote") from error
    return parse_result(said, str(path))


def parse_result(said: object, where: str) -> Result:
    """A result from what JSON yields; raises as ``read_result``."""
    if not isinstance(said, dict) or "schema" not in said:
        raise EdgeError(f"{where} is not a result of edge-bench: name a file that --out wrote")
    if said["schema"] != SCHEMA:
        raise EdgeError(
            f"{where} has schema {said['schema']!r} and this edge-bench reads {SCHEMA}: run it again with this version"
        )
    result = cast(Result, _load(Result, said, where, ""))
    wrong = _impossible(result)
    if wrong is not None:
        raise EdgeError(f"{where} is not a result of this edge-bench: {wrong}; run it again")
    return result


def _impossible(result: Result) -> str | None:
    """What no run yields, and no picture or ratio can be made of."""
    for each in result.scenarios:
        if set(each.stages) != set(STAGES):
            return f"its {each.scenario[:40]!r} has other stages than {', '.join(STAGES)}"
        if not 0 < len(each.latency_ms) == len(each.t_s):
            return f"its {each.scenario[:40]!r} has {len(each.t_s)} times and {len(each.latency_ms)} latencies"
        if not (0 < min(each.latency_ms) <= max(each.latency_ms) < _LONGEST and min(each.t_s) >= 0):
            return f"its {each.scenario[:40]!r} has a latency or a time out of range"
    if result.roofline is not None:
        top = result.roofline.ceilings
        works = [(layer.mops, layer.kib) for layer in result.roofline.layers]
        if min([top.copy_gb_s, top.int8_gops, top.float_gops, *(min(each) for each in works)]) <= 0:
            return "its roofline has a ceiling or a layer of nothing"
    return None


def _describe(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:
    """The schema of a type; dataclasses are put into ``parts``, and named where they are used."""
    if kind in _SIMPLE:
        return {"type": _SIMPLE[kind]}
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return {"anyOf": [_reference(each, parts) for each in inner]}
    if origin is dict:
        return {"type": "object", "additionalProperties": _reference(inner[1], parts)}
    if origin is tuple and inner[-1] is Ellipsis:
        return {"type": "array", "items": _reference(inner[0], parts)}
    if origin is tuple:
        rows = [_reference(each, parts) for each in inner]
        return {"type": "array", "prefixItems": rows, "items": False, "minItems": len(rows)}
    hints = typing.get_type_hints(kind)
    names = [field.name for field in dataclasses.fields(kind)]
    return {
        "type": "object",
        "description": (kind.__doc__ or "").split("\n")[0],
        "properties": {name: _reference(hints[name], parts) for name in names},
        "required": names,
        "additionalProperties": False,
    }


def _reference(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:
    if not dataclasses.is_dataclass(kind):
        return _describe(kind, parts)
    name = cast(type, kind).__name__
    if name not in parts:
        parts[name] = _describe(kind, parts)
    return {"$ref": f"#/$defs/{name}"}


def _load(kind: Any, value: object, where: str, field: str) -> Any:
    """A value of a type, or one sentence that names the field."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        if value is None and types.NoneType in inner:
            return None
        (kept,) = (each for each in inner if each is not types.NoneType)  # no field has two kinds of its own
        return _load(kept, value, where, field)
    if origin is dict and isinstance(value, dict):
        return {key: _load(inner[1], each, where, f"{field}.{_shown(key)}") for key, each in value.items()}
    if origin is tuple and isinstance(value, list):
        kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
        if len(kinds) == len(value):
            pairs = enumerate(zip(kinds, value, strict=True))
            return tuple(_load(each, item, where, f"{field}[{i}]") for i, (each, item) in pairs)
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = typing.get_type_hints(kind)
        names = {each.name for each in dataclasses.fields(kind)}
        if names == set(value):
            made = {name: _load(hints[name], value[name], where, f"{field}.{name}") for name in names}
            return cast(Any, kind)(**made)
        wrong = ", ".join(sorted(map(_shown, names ^ set(value)))[:5])
        raise EdgeError(
            f"{where} is not a whole result: {field or 'it'} has too much or too little ({wrong}); run again"
        )
    if kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        if abs(value) <= sys.float_info.max:  # neither infinite, nor no number, nor an integer beyond floats
            return float(value)
    elif kind in _SIMPLE and type(value) is kind:
        return value
    raise EdgeError(f"{where} is not a result of this edge-bench: {field} is {str(value)[:40]!r}; run it again")


def _shown(key: str) -> str:
    """A key of a file that anyone may have written, short and on one line."""
    return key if key.isidentifier() and len(key) < 40 else ascii(key[:40])


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
