"""The .efiqa bundle: a zip, stored, of a manifest and the network. Nothing in it is unpickled or run."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from edge.errors import EdgeError

SCHEMA = 1
MANIFEST = "manifest.yaml"
ONNX = "model.onnx"
_LARGEST = 2 << 30  # bytes; a member that claims more is refused before it is read

Zone = Literal["centre", "middle", "periphery"]


@dataclass(frozen=True)
class Thresholds:
    """Quality scores from which a frame is a fundus at all, usable, good; 0 <= fundus <= usable <= good <= 1."""

    fundus: float
    usable: float
    good: float


@dataclass(frozen=True)
class Golden:
    """A frame that can be made anywhere (a seeded phantom) and the score that the float network gave it."""

    seed: int
    score: float


@dataclass(frozen=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        schema: version of this layout; a reader refuses a newer one.
        name: of the model, for people.
        precision: of ``model.onnx``: ``int8`` (explicit Q/DQ) or ``float32``.
        why_float: the reason where precision is ``float32``.
        input_size, grid: sides in pixels of the input tensor and of the map.
        mean, std: per channel R, G, B, for ``edge.frame.prepare``.
        pooling: weight of each zone in the score, by distance from the middle of the field.
        thresholds: on the quality score.
        thresholds_from: who fitted the thresholds on what.
        metrics: measured figures, name -> value.
        trained_on: data sets, with their terms.
        golden: seeded phantom frames and their scores.
        made_with: name -> version of the software that made it.
        members: member -> SHA-256, hexadecimal.
    """

    name: str
    precision: Literal["int8", "float32"]
    input_size: int
    grid: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    pooling: dict[Zone, float]
    thresholds: Thresholds
    thresholds_from: str
    metrics: dict[str, float]
    trained_on: tuple[str, ...]
    golden: tuple[Golden, ...]
    made_with: dict[str, str]
    why_float: str = ""
    members: dict[str, str] = dataclasses.field(default_factory=dict)
    schema: int = SCHEMA


@dataclass(frozen=True)
class Bundle:
    """A checked bundle in memory.

    Attributes:
        path: where it was read from.
        manifest: see ``Manifest``.
        onnx: bytes of ``model.onnx``.
        sha256: of the whole file, hexadecimal; names the bundle in sidecars and caches.
    """

    path: Path
    manifest: Manifest
    onnx: bytes
    sha256: str


def default_model() -> Path:
    """The bundle that ships with the package."""
    return Path(__file__).parent / "models" / "default.efiqa"
