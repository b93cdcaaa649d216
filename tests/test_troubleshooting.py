"""The page of troubleshooting: what it says that our programs say, they do say."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
# What others say: pip, the linker, CUDA.
OTHERS = {
    "requires a different Python",
    "libGL.so.1: cannot open shared object file",
    "invalid device context",
    "context is destroyed",
}


def said() -> str:
    """All text of the code, with literals that are continued on the next line joined, and what is filled in as ..."""
    files = [*ROOT.glob("edge/**/*.py"), *ROOT.glob("calibration/**/*.py"), ROOT / "Makefile"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return re.sub(r"\{[^{}\n]*\}", "...", re.sub(r'"\s*\n\s*f?"', "", text))


def test_messages_are_those_of_the_code() -> None:
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| ([^|]*`[^|]*) \|", page, re.M)
    quoted = [quote for cell in cells for quote in re.findall(r"`([^`]*)`", cell) if " " in quote]
    assert set(quoted) > OTHERS
    code = said()
    ours = [quote for quote in quoted if quote not in OTHERS and not quote.startswith(("--", "edge-"))]
    assert len(ours) > 8
    for quote in ours:
        for part in re.split(r"\.\.\.|TensorRT|/dev/video0|8080", quote):
            assert part.strip(" '\"") in code, quote
