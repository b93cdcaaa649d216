"""The table of an archive in pandas: python pandas_table.py archive.parquet."""

import base64
import sys

import numpy as np
import pandas as pd

table = pd.read_parquet(sys.argv[1])  # or read_csv; while a run goes on, its newest rows are in *.rows.jsonl
graded = table[table["score"].notna()]
print(graded.groupby("site")["score"].describe()[["count", "mean", "min"]])
print(graded["cause"].replace("", "none").fillna("none").value_counts())
print(pd.to_datetime(graded["taken"], errors="coerce").dt.to_period("M").value_counts().sort_index())

copies = graded.duplicated("sha256", keep="first")
chosen = graded[(graded["score"] > 0.9) & ~copies]
chosen[["path"]].to_csv("chosen.csv", index=False)  # a list that edge-grade reads
print(len(chosen), "chosen of", len(table))


def cells(text):
    """The degradation map in 16 x 16 cells, 0 to 1; NaN outside the field."""
    grid = np.frombuffer(base64.b64decode(text), np.uint8).reshape(16, 16).astype(float)
    return np.where(grid == 255, np.nan, grid / 250)


worst = graded.loc[graded["score"].idxmin()]
print(worst["path"], "has lost", round(100 * np.nanmean(cells(worst["map"]))), "% of its field")
