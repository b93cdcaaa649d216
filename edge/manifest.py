"""What a bundle says of itself: the manifest, checked field by field on the way in."""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

import yaml

from edge.errors import EdgeError

SCHEMA = 1
Zone = Literal["centre", "middle", "periphery"]
Precision = Literal["int8", "float32"]
_ZONES: tuple[Zone, ...] = get_args(Zone)
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
        trained_on: folders of the training data and how many photographs each gave.
        golden: seeded phantom frames and their scores.
        made_with: name -> version of the software that made it.
        members: member -> SHA-256, hexadecimal.
    """

    name: str
    precision: Precision
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
        EdgeError: it is not YAML, of a newer schema, or a field is missing, of the wrong type or out of range. The
            message names the field; the caller adds the file.
    """
    try:
        tree = yaml.safe_load(data)
    # PyYAML lets the errors of int(), datetime() and deep recursion through.
    except (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise EdgeError(f"the manifest is not YAML ({_brief(error)})") from error
    if not isinstance(tree, dict):
        raise EdgeError("the manifest is not a list of fields")
    schema = _whole(_need(tree, "schema"), "schema", (1, 1 << 31))
    if schema > SCHEMA:
        raise EdgeError(f"it was made by a newer version (schema {schema}, this one reads {SCHEMA}): update efiqa-edge")
    manifest = Manifest(
        name=_text(_need(tree, "name"), "name"),
        precision=_precision(_need(tree, "precision")),
        input_size=_whole(_need(tree, "input_size"), "input_size", _SIDES),
        grid=_whole(_need(tree, "grid"), "grid", (1, _SIDES[1])),
        mean=_colour(_need(tree, "mean"), "mean", (-1e3, 1e3)),
        std=_colour(_need(tree, "std"), "std", (1e-6, 1e3)),
        pooling=_pooling(_need(tree, "pooling")),
        thresholds=_thresholds(_need(tree, "thresholds")),
        thresholds_from=_text(_need(tree, "thresholds_from"), "thresholds_from"),
        metrics={k: _number(v, f"metrics.{k}") for k, v in _mapping(_need(tree, "metrics"), "metrics").items()},
        trained_on=tuple(_text(each, "trained_on") for each in _list(_need(tree, "trained_on"), "trained_on")),
        golden=tuple(_golden(each) for each in _list(_need(tree, "golden"), "golden")),
        made_with={k: _text(v, f"made_with.{k}") for k, v in _mapping(_need(tree, "made_with"), "made_with").items()},
        why_float=_text(tree.get("why_float", ""), "why_float"),
        members=_members(_need(tree, "members")),
        schema=schema,
    )
    if manifest.grid > manifest.input_size:
        raise EdgeError("grid in the manifest is larger than input_size")
    if manifest.precision == "float32" and not manifest.why_float:
        raise EdgeError("precision in the manifest is float32, but why_float does not say why")
    return manifest


def _brief(error: BaseException) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:120]


def _wrong(field: str, wanted: str) -> EdgeError:
    return EdgeError(f"{' '.join(field.split())[:60]} in the manifest is not {wanted}")


def _need(tree: dict[str, Any], field: str) -> Any:
    if field not in tree:
        raise EdgeError(f"the manifest has no field '{field}'")
    return tree[field]


def _mapping(value: Any, field: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise _wrong(field, "a mapping of names")
    return value


def _list(value: Any, field: str) -> list[Any]:
    if not isinstance(value, list):
        raise _wrong(field, "a list")
    return value


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise _wrong(field, "text")
    return value


def _number(value: Any, field: str, span: tuple[float, float] = (-math.inf, math.inf)) -> float:
    low, high = span
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e300 or math.isnan(value):
        raise _wrong(field, "a finite number")
    if not low <= value <= high:
        raise _wrong(field, f"between {low:g} and {high:g}")
    return float(value)


def _whole(value: Any, field: str, span: tuple[int, int]) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not span[0] <= value <= span[1]:
        raise _wrong(field, f"a whole number between {span[0]} and {span[1]}")
    return value


def _colour(value: Any, field: str, span: tuple[float, float]) -> tuple[float, float, float]:
    if not isinstance(value, list) or len(value) != 3:
        raise _wrong(field, "three numbers (R, G, B)")
    red, green, blue = (_number(each, field, span) for each in value)
    return red, green, blue


def _precision(value: Any) -> Precision:
    for known in get_args(Precision):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise _wrong("precision", "'int8' or 'float32'")


def _pooling(value: Any) -> dict[Zone, float]:
    tree = _mapping(value, "pooling")
    weights: dict[Zone, float] = {zone: _number(tree.get(zone), f"pooling.{zone}", (0, 1e6)) for zone in _ZONES}
    if min(weights.values()) < 0 or sum(weights.values()) <= 0:
        raise _wrong("pooling", "a set of weights with a sum above zero")
    return weights


def _thresholds(value: Any) -> Thresholds:
    tree = _mapping(value, "thresholds")
    names = ("fundus", "usable", "good")
    fundus, usable, good = (_number(tree.get(name), f"thresholds.{name}", (0, 1)) for name in names)
    if not fundus <= usable <= good:
        raise _wrong("thresholds", "in order: fundus <= usable <= good")
    return Thresholds(fundus, usable, good)


def _golden(value: Any) -> Golden:
    tree = _mapping(value, "golden")
    return Golden(
        _whole(tree.get("seed"), "golden.seed", (0, (1 << 63) - 1)), _number(tree.get("score"), "golden.score", (0, 1))
    )


def _members(value: Any) -> dict[str, str]:
    members = _mapping(value, "members")
    for name, digest in members.items():
        if not re.fullmatch(r"[\w.-]{1,100}", name):
            raise _wrong("members", "a list of plain file names")
        if not isinstance(digest, str) or not re.fullmatch("[0-9a-f]{64}", digest):
            raise _wrong(f"members.{name}", "a SHA-256 in hexadecimal")
    return members
