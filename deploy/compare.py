"""The scores of two machines: python deploy/compare.py HERE.csv THERE.csv --apart 0.005 --model model.efiqa.

Exit 1 where a score differs by more, or a verdict without its score being as close to a threshold.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from edge.bundle.bundle import read_bundle


def read(path: Path) -> dict[str, dict[str, str]]:
    """Rows of edge-grade by the name of the file."""
    with path.open(encoding="utf-8", newline="") as file:
        return {Path(row["path"]).name: row for row in csv.DictReader(file)}


def compare(
    here: dict[str, dict[str, str]], there: dict[str, dict[str, str]], most: float, thresholds: tuple[float, ...]
) -> tuple[list[str], str]:
    """What is wrong, a line each, and the summary."""
    wrong = [f"{name}: only on one of them" for name in here.keys() ^ there.keys()]
    wrong += [f"{name}: {rows[name]['error']}" for rows in (here, there) for name in rows if rows[name]["error"]]
    differences, changed = [0.0], 0
    for name in sorted(here.keys() & there.keys()):
        a, b = here[name], there[name]
        if a["error"] or b["error"]:
            continue
        differences.append(abs(float(a["score"]) - float(b["score"])))
        near = min(abs(float(a["score"]) - each) for each in thresholds) <= most
        changed += a["verdict"] != b["verdict"]
        if differences[-1] > most:
            wrong.append(f"{name}: {a['score']} here, {b['score']} there")
        if a["verdict"] != b["verdict"] and not near:
            wrong.append(f"{name}: {a['verdict']} here, {b['verdict']} there")
    number, largest = len(differences) - 1, max(differences)
    verdicts = "the same verdicts" if not changed else f"{changed} other verdicts, each at a threshold"
    summary = f"{number} files, scores at most {largest:.4f} apart ({most:g} allowed), {verdicts}"
    return wrong or ([] if number else ["nothing was compared"]), summary


def main() -> None:
    """Parse, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("here", type=Path)
    parser.add_argument("there", type=Path)
    parser.add_argument("--apart", type=float, required=True)
    parser.add_argument("--model", type=Path, required=True)
    asked = parser.parse_args()
    fitted = read_bundle(asked.model).manifest.thresholds
    wrong, summary = compare(read(asked.here), read(asked.there), asked.apart, (fitted.usable, fitted.good))
    print(f"{asked.model.name}: {summary}")
    if wrong:
        raise SystemExit("\n".join(wrong))


if __name__ == "__main__":
    main()
