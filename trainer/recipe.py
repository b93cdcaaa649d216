"""A recipe: everything a training depends on besides the photographs, read from one commented YAML file."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from edge.errors import EdgeError

CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True)
class Vessels:
    """The vessel segmenter. Crops of ``crop`` pixels of the field of view at all sizes from ``side`` to ``field``."""

    steps: int
    batch: int
    field: int  # pixels across the field of view at most, and where the Dice that we report is measured
    crop: int
    rate: float
    empty_share: float  # of samples that show no vessel at all
    holdout_every: int  # every n-th subject of each annotated set is kept for the Dice we report; 0 keeps none


@dataclass(frozen=True)
class PriorRecipe:
    """Stage 1, masked anatomical inpainting. ``base`` and ``unshuffle`` size the U-Net, ``size`` its input."""

    steps: int
    batch: int
    size: int
    base: int
    unshuffle: int
    rate: float
    whole_share: float  # of the photographs, those with the most complete vessel maps teach the prior
    phantoms: int  # vessel trees of synthetic eyes beside them


@dataclass(frozen=True)
class Frames:
    """Frames made from photographs and phantoms: whole ones spoiled on purpose, others as they are, and empty ones."""

    number: int
    whole_share: float  # of the photographs: those with the most complete vessel maps are spoiled
    phantoms: int  # synthetic eyes among the whole photographs
    any_share: float  # of the frames: views of any photograph; their truth is not known, the teacher labels them
    lesion_share: float  # of the whole photographs: painted with lesions first, which are no degradation
    empty_share: float  # of the frames: no anatomy, map 1 everywhere


@dataclass(frozen=True)
class AdapterRecipe:
    """Stage 2, small networks on a frozen backbone: ``trainer.steps.adapter.KINDS``."""

    backbone: str
    size: int
    kinds: tuple[str, ...]  # to be trained
    teacher: str  # the one of them that the student learns from
    steps: int
    rate: float
    anomaly: float  # |f| of the prior above this is anomalous
    patch_share: float  # a patch is degraded where at least this share of its pixels is anomalous
    positives: float  # assumed share of degraded patches, for the positive-unlabelled loss


@dataclass(frozen=True)
class Distill:
    """The student, from the teacher's maps on photographs and frames."""

    steps: int
    batch: int
    size: int  # of its input
    stride: int  # of its map, 8 or 16 pixels
    rate: float
    real_share: float  # of a batch: photographs as they are


@dataclass(frozen=True)
class Recipe:
    """One training, end to end.

    Attributes:
        exclude: folders below the data folder that never train anything.
        side: pixels across the field of view on which all steps after the segmenter work.
        mean, std: of the network's input, per channel R, G, B.
    """

    name: str
    seed: int
    exclude: tuple[str, ...]
    side: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    vessels: Vessels
    prior: PriorRecipe
    frames: Frames
    adapter: AdapterRecipe
    distill: Distill


def load_recipe(name_or_file: str) -> Recipe:
    """A recipe by the name of one that ships (``quick``, ``default``) or from a YAML file.

    Raises:
        EdgeError: no such recipe, not YAML, or a setting is missing, unknown or of the wrong type.
    """
    shipped = CONFIGS / f"{name_or_file}.yaml"
    path = shipped if shipped.is_file() else Path(name_or_file)
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.yaml")))
        raise EdgeError(f"there is no recipe {name_or_file}: name one of {names}, or a YAML file.")
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise EdgeError(
            f"{path} is not YAML ({' '.join(str(error).split())}): compare it with a recipe that ships."
        ) from error
    named = {"name": path.stem, **settings} if isinstance(settings, dict) else settings
    recipe = typing.cast(Recipe, _build(Recipe, named, str(path)))
    _check_sizes(recipe, path)
    _check_ranges(recipe, path)
    return recipe


def _check_sizes(recipe: Recipe, path: Path) -> None:
    """What the networks can take: they halve their input up to four times."""
    sides = {
        "side": recipe.side,
        "vessels.field": recipe.vessels.field,
        "vessels.crop": recipe.vessels.crop,
        "prior.size": recipe.prior.size,
        "distill.size": recipe.distill.size,
    }
    for name, pixels in sides.items():
        if pixels < 32 or pixels % 16:
            raise EdgeError(f"{path}: {name} is {pixels}, but must be a multiple of 16 from 32 on: mend it.")
    if recipe.distill.stride not in (8, 16):
        raise EdgeError(f"{path}: distill.stride is {recipe.distill.stride}, but a student has 8 or 16: mend it.")


def _check_ranges(recipe: Recipe, path: Path) -> None:
    """What no training can work with, by the name of the setting."""
    shares = ("whole_share", "any_share", "lesion_share", "empty_share", "real_share", "patch_share", "positives")
    counts = ("steps", "batch", "number", "base", "unshuffle")
    for part in (recipe.vessels, recipe.prior, recipe.frames, recipe.adapter, recipe.distill):
        for field in dataclasses.fields(part):
            name, value = field.name, getattr(part, field.name)
            where = f"{path}: {type(part).__name__.lower()}.{name} is {value}"
            if name in shares and not 0 <= value <= 1:
                raise EdgeError(f"{where}, but is a share, from 0 to 1: mend it.")
            if name in counts and value < 1:
                raise EdgeError(f"{where}, but must be 1 or more: mend it.")
            if name in ("rate", "anomaly") and not 0 < value < 1:
                raise EdgeError(f"{where}, but must lie between 0 and 1: mend it.")
            if name in ("phantoms", "holdout_every") and value < 0:
                raise EdgeError(f"{where}, but must be 0 or more: mend it.")
    any_share, empty_share = recipe.frames.any_share, recipe.frames.empty_share
    if any_share + empty_share >= 1:
        raise EdgeError(
            f"{path}: frames.any_share and frames.empty_share are {any_share} and {empty_share}, but must leave frames "
            "to be spoiled on purpose: mend them, so that their sum is below 1."
        )
    if recipe.seed < 0:
        raise EdgeError(f"{path}: seed is {recipe.seed}, but must be 0 or more: mend it.")
    if not all(0 < value < 1e3 for value in recipe.std) or not all(abs(value) < 1e3 for value in recipe.mean):
        raise EdgeError(f"{path}: mean and std are of values in [0, 1], and std is above 0: mend them.")


def _build(kind: Any, settings: object, where: str) -> object:
    """A dataclass from a mapping, every field checked."""
    if not isinstance(settings, dict):
        raise EdgeError(f"{where} should hold settings by name: compare it with a recipe that ships.")
    hints = typing.get_type_hints(kind)
    missing = [f.name for f in dataclasses.fields(kind) if f.name not in settings]
    unknown = [str(name) for name in settings if name not in hints]
    if missing or unknown:
        faults = [f"lacks {', '.join(missing)}"] * bool(missing) + [
            f"has the unknown setting {', '.join(unknown)}"
        ] * bool(unknown)
        raise EdgeError(f"{where} {' and '.join(faults)}: compare it with a recipe that ships.")
    return kind(**{name: _value(hints[name], value, f"{where}: {name}") for name, value in settings.items()})


def _value(hint: Any, value: object, where: str) -> object:
    if dataclasses.is_dataclass(hint):
        return _build(hint, value, where)
    if typing.get_origin(hint) is tuple:
        kinds = typing.get_args(hint)
        if isinstance(value, list) and (kinds[-1] is Ellipsis or len(value) == len(kinds)):
            return tuple(_value(kinds[0], v, where) for v in value)
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif isinstance(value, hint) and not isinstance(value, bool):
        return value
    raise EdgeError(f"{where} is {value!r}, which is not what it takes ({hint}): compare it with a recipe that ships.")
