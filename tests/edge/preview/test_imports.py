"""The preview reads from top to bottom: no module knows one above it, not even for its types."""

from __future__ import annotations

import ast
import graphlib
from importlib.resources import files
from pathlib import Path


def test_modules_form_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module in Path(str(files("edge.preview"))).rglob("*.py"):
        if module.name != "__init__.py":
            tree = ast.parse(module.read_text(encoding="utf-8"))
            named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            own = {each.removeprefix("edge.preview.") for each in named if each.startswith("edge.preview.")}
            graph[".".join(module.relative_to(str(files("edge.preview"))).with_suffix("").parts)] = own
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert order.index("server") > order.index("routes") > order.index("auth.middleware") > order.index("context")
