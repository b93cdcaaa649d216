"""Eighteen synthetic eyes with labels, to try things on: python synthetic_photos.py photos."""

import csv
import sys
from pathlib import Path

import cv2

from edge.phantom.degradation import degrade
from edge.phantom.retina import phantom_frame

# What is done to the picture, how much (0 to 1), on how many eyes, and what a reader who is not strict says of it.
SPOILED = [
    ("clear", 0.0, 6, "good"),
    ("blur", 0.3, 4, "usable"),
    ("blur", 0.7, 2, "reject"),
    ("dark", 0.7, 2, "reject"),
    ("shadow", 0.7, 2, "reject"),
    ("haze", 0.9, 2, "reject"),
]

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
rows = []
for kind, severity, eyes, quality in SPOILED:
    for _ in range(eyes):
        picture = phantom_frame(len(rows))  # uint8 BGR, 800 pixels wide; no photograph of anybody
        if severity:
            picture, _transfer = degrade(picture, kind, severity)
        name = f"{len(rows):02d}-{kind}-{round(10 * severity)}.jpg"
        cv2.imwrite(str(folder / name), picture)
        rows.append((name, quality))
with (folder / "labels.csv").open("w", newline="", encoding="utf-8") as file:
    csv.writer(file).writerows([("path", "quality"), *rows])
print(f"{len(rows)} photographs and labels.csv are in {folder}")
