"""The preview reads from top to bottom: no module knows one above it, not even for its types."""

from __future__ import annotations

import ast
import graphlib
import re
from importlib.resources import files
from pathlib import Path

PREVIEW = Path(str(files("edge.preview")))


def knows(module: Path) -> set[str]:
    """The modules of the preview that one imports, by a statement or late, by name."""
    nodes = list(ast.walk(ast.parse(module.read_text(encoding="utf-8"))))
    named = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    named += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {each.removeprefix("edge.preview.") for each in named if re.fullmatch(r"edge\.preview(\.\w+)+", each)}


def test_modules_form_no_circle() -> None:
    modules = [module for module in PREVIEW.rglob("*.py") if module.name != "__init__.py"]
    graph = {".".join(each.relative_to(PREVIEW).with_suffix("").parts): knows(each) for each in modules}
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert order.index("server") > order.index("routes") > order.index("auth.middleware") > order.index("context")
