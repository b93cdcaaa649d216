"""A recipe: everything a training depends on besides the photographs, read from one commented YAML file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar

import yaml
from pydantic import ConfigDict, Field

from edge.bundle.manifest import ModalityName
from edge.errors import EdgeError, brief
from edge.files.checked import read_fields

CONFIGS = Path(__file__).parent / "configs"

Count = Annotated[int, Field(ge=1)]
ZeroOrMore = Annotated[int, Field(ge=0)]
Pixels = Annotated[int, Field(ge=32, multiple_of=16)]  # the networks halve their input up to four times
Stride = Annotated[int, Field(ge=8, le=16, multiple_of=8)]  # pixels: a student has 8 or 16
Width = Annotated[float, Field(ge=0.25, le=4)]
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, lt=1)]
Mean = Annotated[float, Field(gt=-1e3, lt=1e3)]
Std = Annotated[float, Field(gt=0, lt=1e3)]


@dataclass(frozen=True)
class Vessels:
    """The vessel segmenter. Crops of ``crop`` pixels of the field of view at all sizes from ``side`` to ``field``."""

    steps: Count
    batch: Count
    field: Pixels  # pixels across the field of view at most, and where the Dice that we report is measured
    crop: Pixels
    rate: Rate
    empty_share: Share  # of samples that show no vessel at all
    holdout_every: ZeroOrMore  # every n-th subject of each annotated set is kept for the Dice we report; 0 keeps none


@dataclass(frozen=True)
class PriorRecipe:
    """Stage 1, masked anatomical inpainting. ``base`` and ``unshuffle`` size the U-Net, ``size`` its input."""

    steps: Count
    batch: Count
    size: Pixels
    base: Count
    unshuffle: Count
    rate: Rate
    whole_share: Share  # of the photographs, those with the most complete vessel maps teach the prior
    phantoms: ZeroOrMore  # vessel trees of synthetic eyes beside them


@dataclass(frozen=True)
class FrameRecipe:
    """Frames made from photographs and phantoms: whole ones spoiled on purpose, others as they are, and empty ones."""

    number: Count
    whole_share: Share  # of the photographs: those with the most complete vessel maps are spoiled
    phantoms: ZeroOrMore  # synthetic eyes among the whole photographs
    any_share: Share  # of the frames: views of any photograph; their truth is not known, the teacher labels them
    lesion_share: Share  # of the whole photographs: painted with lesions first, which are no degradation
    empty_share: Share  # of the frames: no anatomy, map 1 everywhere


@dataclass(frozen=True)
class AdapterRecipe:
    """Stage 2, small networks on a frozen backbone: ``trainer.steps.adapter.KINDS``."""

    backbone: str
    size: int
    kinds: tuple[str, ...]  # to be trained
    teacher: str  # the one of them that the student learns from, or together: the mean of them all
    steps: Count
    rate: Rate
    anomaly: Rate  # |f| of the prior above this is anomalous
    patch_share: Share  # a patch is degraded where at least this share of its pixels is anomalous
    positives: Share  # assumed share of degraded patches, for the positive-unlabelled loss


@dataclass(frozen=True)
class Distill:
    """The student, from the teacher's maps on photographs and frames."""

    steps: Count
    batch: Count
    size: Pixels  # of its input
    stride: Stride  # of its map
    rate: Rate
    real_share: Share  # of a batch: photographs as they are
    width: Width  # of its layers, times that of the segmenter's encoder


@dataclass(frozen=True)
class Recipe:
    """One training, end to end.

    Attributes:
        exclude: folders below the data folder that never train anything.
        only: folders or sources that alone train; none: all that are not excluded.
        side: pixels across the field of view on which all steps after the segmenter work.
        mean, std: of the network's input, per channel R, G, B.
        modality: what the pictures are, see ``trainer.modality``.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    seed: ZeroOrMore
    exclude: tuple[str, ...]
    only: tuple[str, ...]
    side: Pixels
    mean: tuple[Mean, Mean, Mean]
    std: tuple[Std, Std, Std]
    vessels: Vessels
    prior: PriorRecipe
    frames: FrameRecipe
    adapter: AdapterRecipe
    distill: Distill
    modality: ModalityName = "fundus"

    @property
    def other_modality(self) -> tuple[str, ...]:
        """What the keys of steps hold besides: of photographs of the fundus, which came first, nothing."""
        return () if self.modality == "fundus" else (self.modality,)


def recipe_for(name_or_file: str | None, modality: ModalityName | None) -> Recipe:
    """The recipe that is asked for, of the modality that is asked for; without a name, the one for that.

    Synthetic eyes, which only the fundus has, are left out of a recipe that is taken for another modality.

    Raises:
        EdgeError: see ``load_recipe``.
    """
    loaded = load_recipe(name_or_file or ("quick" if modality in (None, "fundus") else str(modality)))
    if modality is None:
        return loaded
    if modality != "fundus":
        prior, frames = replace(loaded.prior, phantoms=0), replace(loaded.frames, phantoms=0)
        loaded = replace(loaded, prior=prior, frames=frames)
    return replace(loaded, modality=modality)


def load_recipe(name_or_file: str) -> Recipe:
    """A recipe by the name of one that ships (``quick``, ``default``) or from a YAML file.

    Raises:
        EdgeError: no such recipe, not YAML, or a setting is missing, unknown or of the wrong type, or it
            asks for synthetic eyes of a modality that has none.
    """
    shipped = CONFIGS / f"{name_or_file}.yaml"
    path = shipped if shipped.is_file() else Path(name_or_file)
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.yaml")))
        raise EdgeError(f"there is no recipe {name_or_file}: name one of {names}, or a YAML file.")
    remedy = "fix it, or compare it with a recipe that ships."
    try:
        settings = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, OSError, ValueError, RecursionError) as error:
        raise EdgeError(f"{path} is not YAML ({brief(error)}): {remedy}") from error
    named = {"name": path.stem, "modality": "fundus", **settings} if isinstance(settings, dict) else settings
    recipe = read_fields(Recipe, named, str(path), remedy)
    any_share, empty_share = recipe.frames.any_share, recipe.frames.empty_share
    if any_share + empty_share >= 1:
        raise EdgeError(
            f"{path}: frames.any_share and frames.empty_share are {any_share} and {empty_share}, but must leave frames "
            "to be spoiled on purpose: lower them, so that their sum is below 1."
        )
    if recipe.modality != "fundus" and (recipe.prior.phantoms or recipe.frames.phantoms):
        raise EdgeError(
            f"{path}: prior.phantoms and frames.phantoms are {recipe.prior.phantoms} and {recipe.frames.phantoms}, but "
            f"there are no synthetic eyes of {recipe.modality}: set both to 0."
        )
    return recipe
