"""The manifest of a bundle, checked field by field when it is read."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

import yaml
from pydantic_core import SchemaValidator
from pydantic_core import core_schema as schemas

from edge.bundle.plain_yaml import load_plain
from edge.errors import EdgeError, InputError, brief
from edge.files.checked import checked, line_schema, text_schema

SCHEMA = 2
Region = Literal["disc", "macula", "periphery"]
MapName = Literal["degradation", "disc", "macula"]
Precision = Literal["int8", "float32"]
REGIONS: tuple[Region, ...] = get_args(Region)
LANDMARKS: tuple[Region, ...] = REGIONS[:2]  # the regions that a network can locate; the rest is periphery
ModalityName = Literal["fundus", "octa"]
MAPS: tuple[MapName, ...] = get_args(MapName)  # in the order of the network's output; degradation may stand alone
# Weights. A network without landmarks, or one that finds none, needs the periphery's.
_LEAST: dict[Region, float] = {"disc": 0, "macula": 0, "periphery": 1e-6}
LEAST_RADIUS = 8  # pixels, of a field that is given as a circle
_SIDES = (8, 8192)  # pixels; a larger size means a damaged manifest
_LONGEST_TEXT = 2000  # letters


@dataclass(frozen=True)
class Thresholds:
    """Quality scores from which a frame is a fundus at all, usable, good; 0 <= fundus <= usable <= good <= 1.

    ``fundus`` counts where the score is all there is (``edge.model.decide``). Of the fundus another network is asked
    whether a frame that is not good shows a retina, and calls it ``reject`` where it does, however low the score.

    Raises:
        InputError: they are not in this order.
    """

    fundus: float
    usable: float
    good: float

    def __post_init__(self) -> None:
        if not 0 <= self.fundus <= self.usable <= self.good <= 1:
            raise InputError(f"thresholds are in order, 0 <= fundus <= usable <= good <= 1, unlike {self}.")


@dataclass(frozen=True)
class Golden:
    """A frame that can be made anywhere (a seeded phantom) and the score that the float network gave it."""

    seed: int
    score: float


@dataclass(frozen=True)
class Manifest:
    """The manifest of a bundle.

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
        trained_on: sets of the training data, how many photographs each gave, and on which terms.
        golden: seeded phantom frames and their scores.
        made_with: name -> version of the software that made it.
        field: how to find the camera's field of view: ``frame``, ``learn``, ``whole`` or ``circle:X,Y,R``, see
            ``edge.field.known``; may be missing.
        modality: what the pictures are, see ``edge.modality``; missing in bundles of photographs of the fundus.
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
    modality: ModalityName = "fundus"
    members: dict[str, str] = dataclasses.field(default_factory=dict)
    schema: int = SCHEMA


def write_manifest(manifest: Manifest) -> bytes:
    """YAML of a manifest, UTF-8, in the order of the fields; ``read_manifest`` reads it back."""
    fields = _plain(dataclasses.asdict(manifest))
    if manifest.modality == "fundus":  # as before there were others: the same bundle has the same bytes
        del fields["modality"]
    ordered = {"schema": fields.pop("schema"), **fields}
    return yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=120).encode()


def _plain(value: Any) -> Any:
    """Only types that YAML has: no tuples, numpy scalars, or subclasses of ``str``."""
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
    schema = tree.get("schema")
    if type(schema) is int and schema > SCHEMA:
        raise EdgeError(f"it was made by a newer version (schema {schema}, this one reads {SCHEMA}): update efiqa-edge")
    if type(schema) is int and schema < SCHEMA:
        raise EdgeError(
            f"it was made by an older version (schema {schema}, this one reads {SCHEMA}): make it again with "
            "edge-calibrate int8"
        )
    manifest: Manifest = checked(_validator(), tree, "the manifest", "make the bundle again with edge-calibrate")
    if manifest.grid > manifest.input_size:
        raise EdgeError("grid in the manifest is larger than input_size")
    if manifest.precision == "float32" and not manifest.why_float:
        raise EdgeError("precision in the manifest is float32, but why_float does not say why")
    return manifest


def _validator() -> SchemaValidator:
    """The validator of a manifest. It uses pydantic-core, because importing pydantic slows every cold start."""
    text, share = line_schema(_LONGEST_TEXT), _number(0, 1)
    mean, std = _number(-1e3, 1e3), _number(1e-6, 1e3)
    weights: dict[str, Any] = {region: schemas.typed_dict_field(_number(_LEAST[region], 1e6)) for region in REGIONS}
    thresholds = _fields(Thresholds, fundus=share, usable=share, good=share)
    return SchemaValidator(
        _fields(
            Manifest,
            name=text,
            precision=schemas.literal_schema(list(get_args(Precision))),
            input_size=_whole(*_SIDES),
            grid=_whole(1, _SIDES[1]),
            maps=schemas.no_info_plain_validator_function(_maps),
            mean=schemas.tuple_schema([mean] * 3),
            std=schemas.tuple_schema([std] * 3),
            pooling=schemas.typed_dict_schema(weights, extra_behavior="forbid"),
            thresholds=schemas.no_info_after_validator_function(_in_order, thresholds),
            thresholds_from=text,
            metrics=schemas.dict_schema(text, _number(-1e300, 1e300)),
            trained_on=_many(text),
            golden=_many(_fields(Golden, seed=_whole(0, (1 << 63) - 1), score=share)),
            made_with=schemas.dict_schema(text, text),
            why_float=schemas.with_default_schema(text, default=""),
            field=schemas.with_default_schema(schemas.no_info_after_validator_function(_field, text), default="frame"),
            modality=schemas.with_default_schema(
                schemas.literal_schema(list(get_args(ModalityName))), default="fundus"
            ),
            members=schemas.dict_schema(text_schema(r"[\w.-]+", 100), text_schema(r"[0-9a-f]{64}")),
            schema=_whole(SCHEMA, SCHEMA),
        )
    )


def _fields(kind: type, **fields: schemas.CoreSchema) -> schemas.CoreSchema:
    """The schema of a dataclass; unknown fields come from a later version and are ignored."""
    listed = [schemas.dataclass_field(name, each) for name, each in fields.items()]
    return schemas.dataclass_schema(kind, schemas.dataclass_args_schema(kind.__name__, listed), list(fields))


def _many(each: schemas.CoreSchema) -> schemas.CoreSchema:
    return schemas.tuple_schema([each], variadic_item_index=0)


def _whole(low: int, high: int) -> schemas.CoreSchema:
    return schemas.int_schema(strict=True, ge=low, le=high)


def _number(low: float, high: float) -> schemas.CoreSchema:
    return schemas.float_schema(strict=True, allow_inf_nan=False, ge=low, le=high)


def _maps(value: Any) -> tuple[MapName, ...]:
    for known in (MAPS[:1], MAPS):
        if value == list(known):
            return known
    raise ValueError(f"should be a list of {MAPS[0]}, alone or followed by {' and '.join(MAPS[1:])}")


def _field(value: str) -> str:
    if not re.fullmatch(r"frame|learn|whole|circle:\d{1,5}(\.\d+)?,\d{1,5}(\.\d+)?,\d{1,5}(\.\d+)?", value):
        raise ValueError("should be frame, learn, whole or circle:X,Y,R")
    if value.startswith("circle") and float(value.rsplit(",", 1)[1]) < LEAST_RADIUS:
        raise ValueError(f"should be a circle with a radius of {LEAST_RADIUS} pixels or more")
    return value


def _in_order(value: Thresholds) -> Thresholds:
    if not value.fundus <= value.usable <= value.good:
        raise ValueError("should be in order: fundus <= usable <= good")
    return value
