"""Photographs that are good enough, as a data set of PyTorch: python torch_filter.py archive.parquet "score > 0.9"."""

import sys
from pathlib import Path

import numpy as np
from torch.utils.data import DataLoader, Dataset

from edge import read_image
from edge.curate.select import select_rows


class GoodEnough(Dataset):
    """What a table keeps, each picture once, with the verdict as its label."""

    LABELS = ("good", "usable", "reject", "no_fundus")

    def __init__(self, table, keep, root="."):
        self.rows = select_rows(Path(table), keep, once="near").table.select(["path", "verdict", "score"]).to_pylist()
        self.root = Path(root)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        frame = read_image(self.root / row["path"])[:, :, ::-1]  # RGB
        return np.ascontiguousarray(frame), self.LABELS.index(row["verdict"])


if __name__ == "__main__":
    table, keep = sys.argv[1:3]
    photographs = GoodEnough(table, keep)
    print(len(photographs), "photographs")
    for image, label in DataLoader(photographs, batch_size=None):  # of different sizes: resize them to make batches
        print(tuple(image.shape), GoodEnough.LABELS[label])
