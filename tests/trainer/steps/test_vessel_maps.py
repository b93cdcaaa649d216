"""Photographs with vessel maps: our own, those of another segmenter, and those of synthetic eyes."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from edge.errors import EdgeError
from edge.images import find_images
from edge.phantom.retina import make_retina
from trainer.data.datasets import find_photographs, load_squares
from trainer.evaluation.truth.eyes import HELD_OUT
from trainer.loop import runs
from trainer.recipe import CONFIGS, Recipe, load_recipe
from trainer.steps import adapter, prior
from trainer.steps.pseudo_labels import prior_maps
from trainer.steps.vessel_maps import (
    Photographs,
    _with_maps,
    key_of_photographs,
    phantoms,
    row_of,
    segmented,
    segmented_square,
)
from trainer.steps.vessels import load_segmenter, segment


@pytest.fixture(scope="module")
def maps(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What another segmenter found: of ``set`` arteries in red and veins in blue, of ``loose`` black and white."""
    folder = tmp_path_factory.mktemp("maps")
    for path in find_images([photographs / "set/images", photographs / "loose"]):
        seed = int(path.stem[:2]) * 2 + path.stem.endswith("R") if path.parent.name == "images" else None
        drawn = make_retina(int(path.stem) + 20 if seed is None else seed, 200).vessels > 0.5
        found = drawn & ((np.arange(200) < 100) | (seed is not None or int(path.stem) % 2 == 0))
        picture = np.zeros((200, 200, 3), np.uint8)
        picture[found] = 255
        if seed is not None:
            picture[:100, :, :2], picture[100:, :, 1:] = 0, 0
        target = folder / path.relative_to(photographs)
        target.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(target), picture)
    return folder


@pytest.fixture
def recipe(tiny_run: Any) -> Recipe:
    """The tiny recipe with the adapter that needs no segmenter of ours."""
    found = load_recipe(str(tiny_run.recipe))
    return dataclasses.replace(found, adapter=dataclasses.replace(found.adapter, kinds=("linear",), teacher="linear"))


def test_prior_and_adapter_learn_from_maps_of_another_segmenter(
    recipe: Recipe, photographs: Path, maps: Path, tmp_path: Path
) -> None:
    prior.run(recipe, photographs, tmp_path, maps)
    found = prior_maps(recipe, tmp_path, segmented(recipe, photographs, tmp_path, maps))
    missed = np.concatenate([strength[counted] for strength, counted in found])
    threshold = float(np.quantile(missed, 0.15))  # within the noise of a prior of ten steps
    recipe = dataclasses.replace(recipe, adapter=dataclasses.replace(recipe.adapter, anomaly=threshold))
    adapter.run(recipe, photographs, tmp_path, maps)
    assert {p.name for p in tmp_path.iterdir()} == {"photographs", "prior", "adapter", "features"}  # and no segmenter
    assert runs.read_metrics(tmp_path / "adapter/linear")["photographs"] == 16
    with pytest.raises(EdgeError, match="run `edge-train vessels`"):
        key_of_photographs(recipe, photographs, tmp_path)


def test_maps_are_read_in_colours_and_in_black_and_white(
    recipe: Recipe, photographs: Path, maps: Path, tmp_path: Path
) -> None:
    found = segmented(recipe, photographs, tmp_path, maps)
    assert len(found) == 16
    assert found[0].vessels.shape == (recipe.side, recipe.side)
    of_path = dict(zip((path.relative_to(photographs) for path in found.paths), found.rows["vessels"], strict=True))
    for name in ("set/images/01L.png", "loose/2.png"):  # arteries lie in its upper half, veins in its lower one
        middle = recipe.side // 2
        for half in (of_path[Path(name)][:middle], of_path[Path(name)][middle:]):
            assert (half > 128).mean() > 0.03, name
    dim = of_path[Path("loose/1.png")]
    assert dim[:, int(0.6 * recipe.side) :].max() == 0  # only the left half was found


def test_other_maps_make_another_training(recipe: Recipe, photographs: Path, maps: Path, tmp_path: Path) -> None:
    shutil.copytree(maps, tmp_path / "maps")
    before = key_of_photographs(recipe, photographs, tmp_path, tmp_path / "maps")
    assert before == key_of_photographs(recipe, photographs, tmp_path, maps)
    cv2.imwrite(str(tmp_path / "maps/loose/3.png"), np.zeros((200, 200), np.uint8))
    assert key_of_photographs(recipe, photographs, tmp_path, tmp_path / "maps") != before
    scans = dataclasses.replace(recipe, modality="octa")  # whose field is another one
    assert key_of_photographs(scans, photographs, tmp_path, maps) != before


def test_a_map_of_another_size_leaves_its_photograph_out(
    recipe: Recipe, photographs: Path, maps: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    shutil.copytree(maps / "loose", tmp_path / "maps/loose")
    cv2.imwrite(str(tmp_path / "maps/loose/4.png"), np.zeros((100, 120), np.uint8))
    found = segmented(recipe, photographs, tmp_path / "run", tmp_path / "maps")
    assert [path.stem for path in found.paths] == ["0", "1", "2", "3", "5", "6", "7"]
    (line,) = caplog.messages
    assert line.startswith(f"left out: {tmp_path / 'maps/loose/4.png'} is 120x100 pixels and its photograph 200x200")
    assert line.endswith(".")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("missing", "is neither a file nor a folder"),
        ("empty", "holds no images"),
        ("others", "holds no map for a photograph of"),
        ("others/1.png", "is not a folder"),
    ],
)
@pytest.mark.parametrize("step", ["prior", "adapter"])
def test_maps_that_are_not_there_are_said(
    given: str, words: str, step: str, photographs: Path, tiny_run: Any, tmp_path: Path, edge_train: Any
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "others").mkdir()
    cv2.imwrite(str(tmp_path / "others/1.png"), np.zeros((200, 200), np.uint8))
    if step == "adapter":
        shutil.copytree(tiny_run.run / "prior", tmp_path / "run/prior")
    arguments = ("--recipe", tiny_run.recipe, "--data", photographs, "--out", tmp_path / "run")
    said = edge_train(step, *arguments, "--vessel-maps", tmp_path / given).in_one_sentence()
    assert words in said
    assert str(tmp_path / given) in said


def test_the_most_complete_maps_come_first() -> None:
    (eye,) = phantoms(1, 160)
    assert eye.vessels is not None
    whole = np.rint(eye.vessels * 255).astype(np.uint8)
    half, none = whole.copy(), np.zeros_like(whole)
    half[:, :80] = 0
    seen = [segmented_square(eye, vessels / np.float32(255)) for vessels in (none, half, whole, none)]
    known = Photographs([eye.path] * 4, np.stack([row_of(0, each) for each in seen]))  # type: ignore[arg-type]
    assert known.most_complete(1.0) == [2, 1, 0, 3]
    assert known.most_complete(0.5) == [2, 1]
    assert known.most_complete(0.01) == [2]  # one at least


def test_photographs_are_read_once_and_lie_on_the_disk(tiny_run: Any, tmp_path: Path) -> None:
    """What a training reads of each is what was cut out of it, and what the segmenter finds there."""
    recipe = load_recipe(str(tiny_run.recipe))
    shutil.copytree(tiny_run.run / "vessels", tmp_path / "vessels")
    found = segmented(recipe, tiny_run.data, tmp_path)
    (path,) = (tmp_path / "photographs").iterdir()
    written = path.stat().st_mtime_ns
    again = segmented(recipe, tiny_run.data, tmp_path)
    assert path.stat().st_mtime_ns == written
    chosen = find_photographs(tiny_run.data, recipe.exclude)
    assert again.paths == found.paths == [photograph.path for photograph in chosen]
    squares = load_squares(chosen[:8], recipe.side)
    vessels = segment(load_segmenter(tmp_path), [square.picture for square in squares], recipe)
    for n, square in enumerate(squares):
        seen = again[n]
        np.testing.assert_array_equal(seen.picture, square.picture)
        np.testing.assert_array_equal(seen.field, square.field)
        np.testing.assert_array_equal(seen.vessels, np.rint(vessels[n] * 255))
        assert bool(seen.has_regions) == (square.regions is not None)
    other = dataclasses.replace(recipe, side=recipe.side - 16)
    segmented(other, tiny_run.data, tmp_path)
    assert not path.exists(), "photographs of another recipe fill the disk"


def test_synthetic_eyes_fill_the_square_and_their_layers_are_in_register() -> None:
    seen = 0
    for eye in phantoms(6, 160):
        assert eye.vessels is not None
        assert eye.regions is not None
        assert eye.field[:, [0, -1]].any() or eye.field[[0, -1]].any()
        assert eye.vessels[~eye.field].max() < 0.5
        green = cv2.GaussianBlur(eye.picture[:, :, 1], (0, 0), 1).astype(float)
        near = cv2.GaussianBlur(green, (0, 0), 6)
        inner = cv2.erode(eye.field.astype(np.uint8), np.ones((15, 15)), borderValue=0) > 0
        assert (green - near)[(eye.vessels > 0.8) & inner].mean() < (green - near)[(eye.vessels < 0.1) & inner].mean()
        disc = (eye.regions[:, :, 0] == 255) & inner
        seen += bool(disc.any())
        if disc.any():
            assert green[disc].mean() > green[inner & ~disc].mean()  # the brightest part of the retina
    assert seen


def test_synthetic_eyes_that_teach_never_measure() -> None:
    taught, held_out = list(phantoms(2, 64)), list(phantoms(2, 64, first=HELD_OUT))
    assert not {s.path for s in taught} & {s.path for s in held_out}
    assert not any(np.array_equal(a.picture, b.picture) for a in taught for b in held_out)
    for path in CONFIGS.glob("*.yaml"):
        shipped = load_recipe(path.stem)
        most = max(shipped.prior.phantoms, shipped.frames.phantoms)
        assert int(taught[0].path.name.split("-")[1]) + most <= HELD_OUT


def test_with_the_maps_of_another_segmenter_a_photograph_is_still_of_its_modality_and_source(
    photographs: Path,
) -> None:
    known = find_photographs(photographs / "set", modality="octa")
    mapped = _with_maps(known, photographs / "set", photographs / "set")
    assert [(each.path, each.source, each.modality) for each in mapped] == [
        (each.path, each.source, each.modality) for each in known
    ]
