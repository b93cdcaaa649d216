"""The preview reads from top to bottom: no module knows one above it, not even for its types."""

from __future__ import annotations

import ast
import graphlib
from importlib.resources import files


def test_modules_form_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for module in files("edge.preview").iterdir():
        if module.name.endswith(".py"):
            tree = ast.parse(module.read_text(encoding="utf-8"))
            named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            own = {each.removeprefix("edge.preview.") for each in named if each.startswith("edge.preview.")}
            graph[module.name.removesuffix(".py")] = own
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert order.index("server") > order.index("routes") > order.index("gate") > order.index("context")
