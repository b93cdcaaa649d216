from __future__ import annotations

import contextlib
import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from trainer.data.apart import BY_CHANCE
from trainer.recipe import CONFIGS, Recipe, load_recipe, recipe_for


def quick() -> dict[str, Any]:
    return dict(yaml.safe_load((CONFIGS / "quick.yaml").read_text()))


@pytest.mark.parametrize("name", sorted(p.stem for p in CONFIGS.glob("*.yaml")))
def test_every_recipe_that_ships_can_be_read_and_never_trains_on_what_is_for_evaluation(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    kept = {"drimdb", "eyepacs256/labelled", "drive/test", "les-av", "eyeq", "smartphone"}
    assert (kept if recipe.modality == "fundus" else {f"{BY_CHANCE}48"}) <= set(recipe.exclude)


def test_a_recipe_of_ones_own(tmp_path: Path) -> None:
    said = quick()
    said["vessels"]["steps"] = 7
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(said))
    assert load_recipe(str(path)).vessels.steps == 7
    assert load_recipe(str(path)).name == "mine"


def test_a_modality_has_a_recipe_and_may_be_said_beside_one() -> None:
    assert recipe_for(None, None) == recipe_for(None, "fundus") == load_recipe("quick")
    assert recipe_for(None, "octa") == load_recipe("octa")
    scans = recipe_for("quick", "octa")
    assert (scans.modality, scans.prior.phantoms, scans.frames.phantoms) == ("octa", 0, 0)  # no synthetic eyes
    assert load_recipe("quick").prior.phantoms > 0


def test_any_number_of_kinds_can_be_asked_for(tmp_path: Path) -> None:
    said, path = quick(), tmp_path / "kinds.yaml"
    for kinds in ([], ["linear"], ["linear", "cnn", "pu", "paired"]):
        said["adapter"]["kinds"] = kinds
        path.write_text(yaml.safe_dump(said))
        assert load_recipe(str(path)).adapter.kinds == tuple(kinds)


def test_an_unknown_name_lists_those_that_ship() -> None:
    with pytest.raises(EdgeError, match=r"no recipe nonsense.*default, octa, open, paper, quick"):
        load_recipe("nonsense")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: s.pop("prior"), "lacks prior"),
        (lambda s: s["vessels"].pop("rate"), "vessels lacks rate"),
        (lambda s: s["vessels"].update(epochs=3), "unknown setting epochs"),
        (lambda s: s["vessels"].update(steps="many"), "vessels: steps is 'many'"),
        (lambda s: s["vessels"].update(steps=True), "vessels: steps is True"),
        (lambda s: s.update(mean=[0.5, 0.5]), "mean is"),
        (lambda s: s["adapter"].update(kinds="linear"), "adapter: kinds is 'linear'"),
        (lambda s: s["adapter"].update(kinds=[1]), "adapter: kinds is 1"),
        (lambda s: s.pop("frames"), "lacks frames"),
        (lambda s: s["distill"].pop("stride"), "distill lacks stride"),
        (lambda s: s.pop("side"), "lacks side"),
        (lambda s: s.update(vessels=3), "should hold settings"),
        (lambda s: s.update(modality="octa"), "no synthetic eyes of octa: set both to 0"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: Any, words: str) -> None:
    said = copy.deepcopy(quick())
    change(said)
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(said))
    with pytest.raises(EdgeError, match=words):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("vessels", "steps", 0), ("vessels", "batch", -1), ("vessels", "rate", -1.0), ("prior", "rate", float("nan")),
        ("frames", "number", 0), ("frames", "any_share", 2.0), ("adapter", "positives", 7.0), ("prior", "unshuffle", 0),
        ("prior", "phantoms", -1), ("vessels", "holdout_every", -2), ("adapter", "anomaly", 0.0), ("", "seed", -1),
        ("", "std", [0.0, 1.0, 1.0]), ("distill", "real_share", -0.1),
    ],
)  # fmt: skip
def test_numbers_that_no_training_can_work_with_are_named(tmp_path: Path, part: str, name: str, value: Any) -> None:
    said = copy.deepcopy(quick())
    (said[part] if part else said)[name] = value
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(said))
    with pytest.raises(EdgeError, match=rf"{name}.*(fix|lower)"):
        load_recipe(str(path))


@pytest.mark.parametrize("shares", [(1.0, 0.0), (0.6, 0.5)])
def test_frames_that_leave_nothing_to_spoil_are_refused(tmp_path: Path, shares: tuple[float, float]) -> None:
    said = copy.deepcopy(quick())
    said["frames"]["any_share"], said["frames"]["empty_share"] = shares
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump(said))
    with pytest.raises(EdgeError, match=r"any_share and frames.empty_share are .* below 1"):
        load_recipe(str(path))


@settings(max_examples=60, deadline=None)
@given(text=st.one_of(st.text(max_size=80), st.binary(max_size=80)))
def test_no_file_does_worse_than_one_sentence(tmp_path_factory: pytest.TempPathFactory, text: str | bytes) -> None:
    path = tmp_path_factory.mktemp("recipe") / "any.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(EdgeError):
        assert isinstance(load_recipe(str(path)), Recipe)
