"""Copy the photographs of a data set that are good enough: python filter_dataset.py photos kept 0.9."""

import csv
import shutil
import sys
from pathlib import Path

from edge import QualityModel, grade_files

source, kept, least = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
kept.mkdir(parents=True)  # a folder that is there already is an error: nothing is mixed
rows = []
with QualityModel.load() as model:
    for graded in grade_files(model, [source]):  # one after the other: any number of them takes the same memory
        if graded.assessment is None:
            print("left out:", graded.error, file=sys.stderr)
        elif graded.assessment.score >= least:
            target = kept / graded.path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(graded.path, target)
            rows.append((target.relative_to(kept), round(graded.assessment.score, 4), graded.assessment.eye or ""))
with (kept / "scores.csv").open("w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([("path", "score", "eye"), *rows])
print(len(rows), "photographs are in", kept)
