"""The JSON of a result: its published schema, and reading one back without trusting it.

``python -m benchmarks.report.schema`` prints the schema, which is kept in ``benchmarks/report/result.schema.json``.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core.core_schema import DataclassSchema

from benchmarks.report.result import SCHEMA, Result
from benchmarks.run.latency import STAGES
from edge.errors import EdgeError
from edge.files.checked import read_fields
from edge.files.given import read_given

_MOST_MIB = 256  # of a result file
_MOST_NAMES = 500  # in one mapping; ours have 20


class _Published(GenerateJsonSchema):
    """As a result is written: every field of a dataclass is there, and no other; its name is its title."""

    def field_title_should_be_set(self, schema: object) -> bool:
        return False

    def dataclass_schema(self, schema: DataclassSchema) -> dict[str, Any]:
        said = super().dataclass_schema(schema)
        whole = {"additionalProperties": False, "required": list(said["properties"])}
        return {**said, **whole, "description": inspect.getdoc(schema["cls"])}


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what edge-bench writes."""
    said = TypeAdapter(Result).json_schema(mode="serialization", schema_generator=_Published)
    return {"$schema": _Published.schema_dialect, **said, "title": "A result of edge-bench"}


def read_result(path: Path) -> Result:
    """A result that edge-bench wrote.

    Raises:
        EdgeError: the file is missing, no JSON, of another schema, or has a field too many, too few or of another type.
    """
    try:
        said = json.loads(read_given(path, _MOST_MIB), object_pairs_hook=_few)
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
    result = read_fields(Result, said, f"{where} is not a result of this edge-bench", "run it again")
    wrong = _impossible(result)
    if wrong is not None:
        raise EdgeError(f"{where} is not a result of this edge-bench: {wrong}; run it again")
    return result


def _few(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping of moderate size: each name that has no place is an error of its own, and takes a thousand bytes."""
    if len(pairs) > _MOST_NAMES:
        raise ValueError(f"{len(pairs)} names in one mapping")
    return dict(pairs)


def _impossible(result: Result) -> str | None:
    """What no run yields, and no picture or ratio can be made of."""
    for each in result.scenarios:
        if set(each.stages) != set(STAGES):
            return f"its {each.scenario[:40]!r} has other stages than {', '.join(STAGES)}"
        if len(each.latency_ms) != len(each.t_s):
            return f"its {each.scenario[:40]!r} has {len(each.t_s)} times and {len(each.latency_ms)} latencies"
    return None


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
