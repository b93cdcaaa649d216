"""What a bundle says of itself: the manifest, checked field by field on the way in."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

import yaml

from edge.bundle.plain_yaml import load_plain
from edge.bundle.values import colour, mapping, need, number, sequence, text, whole, wrong
from edge.errors import EdgeError, brief

SCHEMA = 2
Region = Literal["disc", "macula", "periphery"]
MapName = Literal["degradation", "disc", "macula"]
Precision = Literal["int8", "float32"]
REGIONS: tuple[Region, ...] = get_args(Region)
LANDMARKS: tuple[Region, ...] = REGIONS[:2]  # the regions that a network can point at; the rest is periphery
MAPS: tuple[MapName, ...] = get_args(MapName)  # in the order of the network's output; degradation may stand alone
_LEAST = 1e-6  # weight of the periphery
LEAST_RADIUS = 8  # pixels, of a field that is given as a circle
_SIDES = (8, 8192)  # pixels; a larger tensor is a damaged manifest, not a network for a camera


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
        schema: version of this layout; a reader refuses any other.
        name: of the model, for people.
        precision: of ``model.onnx``: ``int8`` (explicit Q/DQ) or ``float32``.
        why_float: the reason where precision is ``float32``.
        input_size, grid: sides of the input tensor in pixels and of a map in cells.
        maps: what the network gives, in the order of its output: ``degradation``, alone or with ``disc``, ``macula``.
        mean, std: per channel R, G, B, for ``edge.frame.prepare.prepare``.
        pooling: weight of each region in the score; where the network has no map of a region, all is periphery.
        thresholds: on the quality score.
        thresholds_from: who fitted the thresholds on what.
        metrics: measured figures, name -> value.
        trained_on: folders of the training data and how many photographs each gave.
        golden: seeded phantom frames and their scores.
        made_with: name -> version of the software that made it.
        field: how to find the camera's field of view: ``frame``, ``learn`` or ``circle:X,Y,R``, see
            ``edge.field.known``; may be missing.
        members: member -> SHA-256, hexadecimal.
    """

    name: str
    precision: Precision
    input_size: int
    grid: int
    maps: tuple[MapName, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    pooling: dict[Region, float]
    thresholds: Thresholds
    thresholds_from: str
    metrics: dict[str, float]
    trained_on: tuple[str, ...]
    golden: tuple[Golden, ...]
    made_with: dict[str, str]
    why_float: str = ""
    field: str = "frame"
    members: dict[str, str] = dataclasses.field(default_factory=dict)
    schema: int = SCHEMA


def write_manifest(manifest: Manifest) -> bytes:
    """YAML of a manifest, UTF-8, in the order of the fields; ``read_manifest`` reads it back."""
    fields = {field.name: _plain(getattr(manifest, field.name)) for field in dataclasses.fields(manifest)}
    ordered = {"schema": fields.pop("schema"), **fields}
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=120).encode()


def _plain(value: Any) -> Any:
    """Only what YAML knows: no tuples, dataclasses, numpy scalars, or a version that merely behaves like text."""
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(each) for each in value]
    if isinstance(value, str):
        return str(value)
    return value.item() if hasattr(value, "item") else value


def read_manifest(data: bytes) -> Manifest:
    """Parse and check a manifest.

    Raises:
        EdgeError: it is not YAML, of another schema, or a field is missing, of the wrong type or out of range. The
            message names the field; the caller adds the file.
    """
    try:
        tree = load_plain(data)
    except ValueError as error:
        raise EdgeError(f"the manifest is not YAML ({brief(error)})") from error
    if not isinstance(tree, dict):
        raise EdgeError("the manifest is not a list of fields")
    schema = whole(need(tree, "schema"), "schema", (1, 1 << 31))
    if schema > SCHEMA:
        raise EdgeError(f"it was made by a newer version (schema {schema}, this one reads {SCHEMA}): update efiqa-edge")
    if schema < SCHEMA:
        raise EdgeError(
            f"it was made by an older version (schema {schema}, this one reads {SCHEMA}): make it anew with "
            "edge-calibrate int8"
        )
    manifest = Manifest(
        name=text(need(tree, "name"), "name"),
        precision=_precision(need(tree, "precision")),
        input_size=whole(need(tree, "input_size"), "input_size", _SIDES),
        grid=whole(need(tree, "grid"), "grid", (1, _SIDES[1])),
        maps=_maps(need(tree, "maps")),
        mean=colour(need(tree, "mean"), "mean", (-1e3, 1e3)),
        std=colour(need(tree, "std"), "std", (1e-6, 1e3)),
        pooling=_pooling(need(tree, "pooling")),
        thresholds=_thresholds(need(tree, "thresholds")),
        thresholds_from=text(need(tree, "thresholds_from"), "thresholds_from"),
        metrics={k: number(v, f"metrics.{k}") for k, v in mapping(need(tree, "metrics"), "metrics").items()},
        trained_on=tuple(text(each, "trained_on") for each in sequence(need(tree, "trained_on"), "trained_on")),
        golden=tuple(_golden(each) for each in sequence(need(tree, "golden"), "golden")),
        made_with={k: text(v, f"made_with.{k}") for k, v in mapping(need(tree, "made_with"), "made_with").items()},
        why_float=text(tree.get("why_float", ""), "why_float"),
        field=_field(tree.get("field", "frame")),
        members=_members(need(tree, "members")),
        schema=schema,
    )
    if manifest.grid > manifest.input_size:
        raise EdgeError("grid in the manifest is larger than input_size")
    if manifest.precision == "float32" and not manifest.why_float:
        raise EdgeError("precision in the manifest is float32, but why_float does not say why")
    return manifest


def _precision(value: Any) -> Precision:
    for known in get_args(Precision):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise wrong("precision", "'int8' or 'float32'")


def _maps(value: Any) -> tuple[MapName, ...]:
    for known in (MAPS[:1], MAPS):
        if value == list(known):
            return known
    raise wrong("maps", f"a list of {MAPS[0]}, alone or followed by {' and '.join(MAPS[1:])}")


def _field(value: Any) -> str:
    found = text(value, "field")
    if not re.fullmatch(r"frame|learn|circle:\d{1,5}(\.\d+)?,\d{1,5}(\.\d+)?,\d{1,5}(\.\d+)?", found):
        raise wrong("field", "frame, learn or circle:X,Y,R")
    if found.startswith("circle") and float(found.rsplit(",", 1)[1]) < LEAST_RADIUS:
        raise wrong("field", f"a circle with a radius of {LEAST_RADIUS} pixels or more")
    return found


def _pooling(value: Any) -> dict[Region, float]:
    tree = mapping(value, "pooling")
    if set(tree) != set(REGIONS):
        raise wrong("pooling", f"a weight for each of {', '.join(REGIONS)}, and no other")
    weights = {region: number(tree[region], f"pooling.{region}", (0, 1e6)) for region in REGIONS}
    if weights["periphery"] < _LEAST:  # a network without landmarks, or one that finds none, needs it
        raise wrong("pooling.periphery", f"{_LEAST:g} or more")
    return weights


def _thresholds(value: Any) -> Thresholds:
    tree = mapping(value, "thresholds")
    names = ("fundus", "usable", "good")
    fundus, usable, good = (number(tree.get(name), f"thresholds.{name}", (0, 1)) for name in names)
    if not fundus <= usable <= good:
        raise wrong("thresholds", "in order: fundus <= usable <= good")
    return Thresholds(fundus, usable, good)


def _golden(value: Any) -> Golden:
    tree = mapping(value, "golden")
    return Golden(
        whole(tree.get("seed"), "golden.seed", (0, (1 << 63) - 1)), number(tree.get("score"), "golden.score", (0, 1))
    )


def _members(value: Any) -> dict[str, str]:
    members = mapping(value, "members")
    for name, digest in members.items():
        if not re.fullmatch(r"[\w.-]{1,100}", name):
            raise wrong("members", "a list of plain file names")
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise wrong(f"members.{name}", "a SHA-256 in hexadecimal")
    return members
