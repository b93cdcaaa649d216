"""What edge-compile reports about an engine: facts for programs, lines for people."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from edge.engines.choose import Compiled
from edge.engines.explain import Explanation


def facts_of(compiled: Compiled, model: Path, out: Path | None) -> dict[str, Any]:
    """Everything about an engine, as ``--json`` prints it."""
    built = compiled.built
    return {
        "model": str(model),
        "engine": built.key["runtime"],
        "version": built.key["version"],
        "target": built.key["target"],
        "path": None if built.path is None else str(built.path),
        "out": None if out is None else str(out),
        "size_mib": round(len(built.data) / 2**20, 3),
        "from_cache": built.cached,
        "build_seconds": round(built.seconds, 3),
        "verified": compiled.verified,
        "passed_over": compiled.passed_over,
        "explanation": None if compiled.explanation is None else dataclasses.asdict(compiled.explanation),
        "key": built.key,
    }


def explained(explanation: Explanation) -> list[str]:
    """What an engine consists of."""
    lines = [f"layers, by {explanation.source}:"]
    for layer in explanation.layers:
        more = f" and {len(layer.fused) - 1} more" if len(layer.fused) > 1 else ""
        lines.append(f"  {layer.precision:<9} {layer.kind:<18} {layer.name}{more}")
    return [
        *lines,
        *explanation.notes,
        *(f"warning: {each.removeprefix('warning: ')}" for each in explanation.warnings),
    ]


def verified(facts: dict[str, Any] | None) -> str:
    """How an engine was compared with its network."""
    if facts is None:
        return "not verified: that is done where it is first loaded"
    if facts["against"] == "onnx":
        return (
            f"verified against the ONNX on {facts['frames']} frames: maps differ by {facts['map_mae']:.4f} on average, "
            f"{facts['map_max']:.4f} at most, scores by {facts['score_max']:.4f}"
        )
    if facts["against"] == "golden scores":
        return f"verified on {facts['frames']} golden frames: scores differ by up to {facts['score_max']:.4f}"
    return "not verified: the bundle has nothing to compare it with"
