"""The JSON of a result: its published schema, and reading one back without trusting it.

``python -m benchmarks.report.schema`` prints the schema, which is kept in ``benchmarks/report/result.schema.json``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.report.result import SCHEMA, Result
from benchmarks.run.latency import STAGES
from edge.errors import EdgeError
from edge.files.checked import read_fields
from edge.files.given import read_given
from edge.files.published import schema_of

_MOST_MIB = 256  # of a result file
_MOST_NAMES = 500  # in one mapping; ours have 20


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what edge-bench writes."""
    return schema_of(Result, "A result of edge-bench")


def read_result(path: Path) -> Result:
    """A result that edge-bench wrote.

    Raises:
        EdgeError: the file is missing, no JSON, of another schema, or has an unknown, missing or wrong field.
    """
    try:
        tree = json.loads(read_given(path, _MOST_MIB), object_pairs_hook=_few)
    except OSError as error:
        raise EdgeError(f"{path} cannot be read ({error.strerror}): name a file that edge-bench --out wrote") from error
    except (ValueError, RecursionError) as error:
        raise EdgeError(f"{path} is not JSON: name a file that edge-bench --out wrote") from error
    return parse_result(tree, str(path))


def parse_result(tree: object, where: str) -> Result:
    """A result from parsed JSON; raises as ``read_result``."""
    if not isinstance(tree, dict) or "schema" not in tree:
        raise EdgeError(f"{where} is not a result of edge-bench: name a file that --out wrote")
    if tree["schema"] != SCHEMA:
        raise EdgeError(
            f"{where} has schema {tree['schema']!r} and this edge-bench reads {SCHEMA}: run it again with this version"
        )
    fault = f"{where} is not a result of this edge-bench"
    result = read_fields(Result, tree, fault, "run it again")
    for each in result.scenarios:  # impossible in a run, and unusable for a chart or a ratio
        wrong = None
        if set(each.stages) != set(STAGES):
            wrong = f"other stages than {', '.join(STAGES)}"
        elif len(each.latency_ms) != len(each.t_s):
            wrong = f"{len(each.t_s)} times and {len(each.latency_ms)} latencies"
        if wrong is not None:
            raise EdgeError(f"{fault}: its {each.scenario[:40]!r} has {wrong}; run it again")
    return result


def _few(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping of moderate size: each unknown name is an error of its own, and takes a thousand bytes."""
    if len(pairs) > _MOST_NAMES:
        raise ValueError(f"{len(pairs)} names in one mapping")
    return dict(pairs)


if __name__ == "__main__":
    print(json.dumps(json_schema(), indent=2))
