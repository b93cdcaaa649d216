from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import Tensor, nn

from edge.errors import EdgeError
from edge.phantom.retina import make_retina
from trainer.data import datasets
from trainer.data.datasets import find_photographs, load_square
from trainer.loop import runs
from trainer.networks.backbone import load_backbone
from trainer.networks.students import Segmenter, Student
from trainer.recipe import Recipe, load_recipe
from trainer.steps import distill, vessel_maps, vessels
from trainer.steps import frames as frames_module
from trainer.steps.adapter import import_weights
from trainer.steps.distill import fit, load_student, new_student, predict, student_key
from trainer.steps.frames import Frame, Frames
from trainer.steps.lessons import DistillationSet, prepare_lessons
from trainer.steps.pseudo_labels import to_grid
from trainer.steps.teacher import load_teacher
from trainer.steps.vessel_maps import Photographs, Segmented

RECIPE = load_recipe("quick")


def with_distill(recipe: Recipe, **settings: Any) -> Recipe:
    return dataclasses.replace(recipe, distill=dataclasses.replace(recipe.distill, **settings))


@pytest.fixture
def lessons() -> DistillationSet:
    """A photograph and a frame, both bright in one quarter, where the teacher sees loss, vessels and both regions."""

    def quarter(side: int, value: float, kind: type, *channels: int) -> Any:
        layer: Any = np.zeros((side, side, *channels), kind)
        layer[: side // 2, : side // 2] = value
        return layer

    picture = quarter(64, 160, np.uint8, 3) + np.uint8(40)
    regions = (quarter(64, 255, np.uint8, 2), quarter(8, 255, np.uint8, 2))
    photograph = Segmented(picture, np.ones((64, 64), np.bool_), quarter(64, 255, np.uint8), regions[0], False)
    frame = Frame(
        truth=np.zeros((8, 8), np.float32),
        has_truth=True,
        picture=picture,
        field=np.ones((8, 8), np.bool_),
        vessels=quarter(32, 255, np.uint8),
        regions=regions[1],
        has_regions=True,
    )
    photographs: Any = np.stack([vessel_maps.row_of(0, photograph)])
    frames: Any = np.stack([frames_module.row_of(frame)])
    maps = np.stack([quarter(8, 1, np.float32)] * 2)
    return DistillationSet(Photographs([Path("a.png")], photographs), picture[None], Frames(frames), maps)


@pytest.mark.parametrize("stride", [8, 16])
@pytest.mark.parametrize("size", [64, 96])
def test_a_sample_is_turned_as_a_whole_and_comes_to_the_grid_of_the_student(
    size: int, stride: int, lessons: DistillationSet
) -> None:
    recipe, grid, corners = with_distill(RECIPE, size=size, stride=stride), size // stride, set()
    for seed in range(24):
        drawn: Any = distill._sample(lessons, recipe, np.random.default_rng(seed), real=bool(seed % 2))
        image, lost, field, vessels, regions, has_vessels, has_regions = drawn
        assert image.shape == (3, size, size)
        assert lost.shape == field.shape == (1, grid, grid)
        assert vessels.shape == (1, size // 2, size // 2)
        assert regions.shape == (2, grid, grid)
        assert has_vessels == has_regions == float(not seed % 2)
        assert field.all()
        light = cv2.resize(image.mean(axis=0), (grid, grid), interpolation=cv2.INTER_AREA)
        bright = light > (light.min() + light.max()) / 2
        assert bright.sum() == grid * grid // 4
        drawn_vessels = cv2.resize(vessels[0], (grid, grid), interpolation=cv2.INTER_AREA)
        for layer in (lost[0], *regions, *([drawn_vessels] if has_vessels else [])):
            np.testing.assert_array_equal(layer > 0.5, bright)
        corners.add((bool(bright[0, 0]), bool(bright[0, -1]), bool(bright[-1, 0])))
    assert len(corners) == 4


def test_photographs_and_frames_are_drawn_apart(lessons: DistillationSet) -> None:
    maps = lessons.maps.copy()
    maps[1] = 0.5
    apart = dataclasses.replace(lessons, maps=maps)
    for seed in range(8):
        real, made = (distill._sample(apart, RECIPE, np.random.default_rng(seed), real) for real in (True, False))
        assert real[1].max() > 0.9  # type: ignore[union-attr]
        assert np.allclose(made[1], 0.5)


def test_what_is_not_known_teaches_nothing(lessons: DistillationSet) -> None:
    """Loss of two photographs and two frames: vessels and regions count where they are known, maps in the field."""
    recipe = with_distill(RECIPE, size=64)
    samples = [distill._sample(lessons, recipe, np.random.default_rng(n), real=n < 2) for n in range(4)]
    batch = [
        torch.from_numpy(np.stack([np.asarray(layer, np.float32) for layer in some]))
        for some in zip(*samples, strict=True)
    ]
    batch[2][:, :, :, :4] = 0  # outside the field
    torch.manual_seed(0)
    student = Student(8).eval()

    def loss(**changed: Tensor) -> float:
        names = ("images", "maps", "fields", "vessels", "regions", "has_vessels", "has_regions")
        said = dict(zip(names, batch, strict=True)) | changed
        with torch.no_grad():
            return float(distill._loss(student, tuple(said[name] for name in names)))

    before = loss()
    for name, layer in (("vessels", batch[3]), ("regions", batch[4])):
        of_photographs, of_frames = layer.clone(), layer.clone()
        of_photographs[:2] = 1 - of_photographs[:2]
        of_frames[2:] = 1 - of_frames[2:]
        assert loss(**{name: of_photographs}) == before
        assert loss(**{name: of_frames}) != before
    outside, inside = batch[1].clone(), batch[1].clone()
    outside[:, :, :, :4], inside[:, :, :, 4:] = 0.3, 0.3
    assert loss(maps=outside) == before
    assert loss(maps=inside) != before


@pytest.mark.parametrize("stride", [8, 16])
def test_a_student_begins_with_what_the_segmenter_knows(stride: int, lessons: DistillationSet, tmp_path: Path) -> None:
    torch.manual_seed(5)
    segmenter = Segmenter()
    recipe = with_distill(RECIPE, size=64, stride=stride, steps=1, batch=2, rate=0.0)  # no step moves a weight
    student, losses = fit(recipe, lessons, new_student(recipe, segmenter), tmp_path, "k")
    assert (student.stride, len(losses)) == (stride, 1)
    pairs = list(zip(student.encoder.modules(), segmenter.encoder.modules(), strict=True))
    convolutions = [(a, b) for a, b in pairs if isinstance(a, nn.Conv2d) and isinstance(b, nn.Conv2d)]
    assert len(convolutions) == 8
    assert all(torch.equal(a.weight.cpu(), b.weight) for a, b in convolutions)


@pytest.mark.parametrize("stride", [8, 16])
def test_maps_of_pictures_of_any_size(stride: int) -> None:
    torch.manual_seed(0)
    student, recipe = Student(stride).eval(), with_distill(RECIPE, size=96, stride=stride)
    pictures = [make_retina(1, side).image for side in (96, 64, 200)]
    found = predict(student, pictures, recipe, batch=2)
    assert found.shape == (3, 3, 96 // stride, 96 // stride)
    assert 0 <= found.min() <= found.max() <= 1
    np.testing.assert_allclose(predict(student, np.stack(pictures[:1]), recipe), found[:1], atol=1e-5)
    np.testing.assert_allclose(found[0], found[2], atol=0.1)  # one eye at two sizes


def test_lessons_are_photographs_and_then_frames_with_their_truth_or_else_the_teachers_map(tiny_run: Any) -> None:
    recipe = load_recipe(str(tiny_run.recipe))
    lessons = prepare_lessons(recipe, tiny_run.data, tiny_run.run)
    grid, frames = recipe.side // 8, [lessons.frame(n) for n in range(len(lessons))]
    assert len(lessons.photographs) == len(lessons.cuts) == 16
    assert lessons.cuts[0].shape == (recipe.distill.size, recipe.distill.size, 3)
    assert len(frames) == 16 + recipe.frames.number
    assert lessons.maps.shape == (len(frames), grid, grid)
    assert 0 <= lessons.maps.min() <= lessons.maps.max() <= 1
    assert not any(frame.has_truth for frame in frames[:16])
    assert any(frame.has_truth for frame in frames[16:])
    said = load_teacher(recipe, tiny_run.run).maps([frame.picture for frame in frames])
    for frame, taught, of_teacher in zip(frames, lessons.maps, to_grid(said, grid), strict=True):
        np.testing.assert_allclose(taught, frame.truth if frame.has_truth else of_teacher, atol=0.01)
    assert len({m.tobytes() for m in lessons.maps}) == len(frames)
    for n, photograph in enumerate(find_photographs(tiny_run.data, recipe.exclude)):
        square, cut = load_square(photograph, recipe.side), load_square(photograph, recipe.distill.size)
        assert square is not None
        assert cut is not None
        np.testing.assert_array_equal(frames[n].picture, square.picture)
        np.testing.assert_array_equal(lessons.cuts[n], cut.picture)


def test_the_figures_of_a_student_are_of_the_photographs_that_taught_it(
    tiny_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = tmp_path / "data", tmp_path / "run"
    shutil.copytree(tiny_run.data, data)
    shutil.copytree(tiny_run.run, out)
    shutil.rmtree(out / "student")
    before = runs.read_metrics(tiny_run.run / "student")["photographs"]

    def fit_while_files_come(*_: Any) -> tuple[Student, list[float]]:
        cv2.imwrite(str(data / "late.png"), make_retina(9, 320).image)
        return Student(8).eval(), [0.0]

    monkeypatch.setattr(distill, "fit", fit_while_files_come)
    distill.run(load_recipe(str(tiny_run.recipe)), data, out)
    assert runs.read_metrics(out / "student")["photographs"] == before


def test_the_student_of_a_run_has_the_grid_of_its_recipe(tiny_run: Any) -> None:
    recipe = load_recipe(str(tiny_run.recipe))
    found = predict(load_student(tiny_run.run), [make_retina(1, 160).image], recipe)
    grid = recipe.distill.size // recipe.distill.stride
    assert found.shape == (1, 3, grid, grid)


def test_another_teacher_or_recipe_makes_another_student(tiny_run: Any, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    shutil.copytree(tiny_run.run / "vessels", tmp_path / "vessels")
    recipe = load_recipe(str(tiny_run.recipe))
    recipe = dataclasses.replace(
        recipe, adapter=dataclasses.replace(recipe.adapter, kinds=("linear",), teacher="linear")
    )
    channels, keys = load_backbone(recipe.adapter.backbone).channels, []
    for value in (0.1, 0.2):
        np.save(tmp_path / "published.npy", np.full(channels + 1, value, np.float32))
        shutil.rmtree(tmp_path / "adapter", ignore_errors=True)
        import_weights(recipe, tiny_run.data, tmp_path, tmp_path / "published.npy")
        keys.append(student_key(recipe, tiny_run.data, tmp_path))
    assert keys[0] != keys[1]
    assert student_key(recipe, tiny_run.data, tmp_path) == keys[1]
    assert student_key(with_distill(recipe, stride=16), tiny_run.data, tmp_path) != keys[1]


def test_a_student_goes_on_from_that_of_a_run(tiny_run: Any, edge_train: Any, tmp_path: Path) -> None:
    shutil.copytree(tiny_run.run, tmp_path / "run", ignore=shutil.ignore_patterns("student"))
    given = ("--recipe", tiny_run.recipe, "--data", tiny_run.data, "--out", tmp_path / "run")
    assert edge_train("distill", *given, "--from", tiny_run.run).code == 0
    assert runs.read_metadata(tmp_path / "run/student")["first"] == runs.read_metadata(tiny_run.run / "student")["key"]
    assert "distill: finished already" in edge_train("distill", *given).err, "the whole recipe takes it as it is"
    before, after = load_student(tiny_run.run), load_student(tmp_path / "run")
    segmenter = new_student(load_recipe(str(tiny_run.recipe)), vessels.load_segmenter(tiny_run.run))
    away = [distance(after, each) for each in (before, segmenter)]
    assert 0 < away[0] < away[1]
    shutil.rmtree(tmp_path / "run" / "student")
    other = edge_train("distill", *given, "--from", "default").in_one_sentence()
    assert "has stride 8, width 1 and maps 3, and the recipe asks for stride 8, width 0.5 and maps 3: give" in other
    other = edge_train("distill", *given, "--from", "octa").in_one_sentence()
    assert "is a run of octa, and the recipe is for fundus: give --from a run of fundus, or" in other
    for_scans = ("--recipe", "octa", "--data", tiny_run.data, "--out", tmp_path / "run")
    other = edge_train("distill", *for_scans).in_one_sentence()
    assert "is a step of a run of fundus, and the recipe is for octa: choose another --out" in other
    onto_itself = (*given[:-1], tiny_run.run, "--from", tiny_run.run)
    assert "is both --from and --out, and its student would be" in edge_train("distill", *onto_itself).in_one_sentence()
    assert "nowhere is no finished run" in edge_train("distill", *given, "--from", "nowhere").in_one_sentence()


@torch.no_grad()
def distance(model: Any, other: Any) -> float:
    pairs = zip(model.encoder.parameters(), other.encoder.parameters(), strict=True)
    return float(sum((first - second).square().sum() for first, second in pairs))


def test_photographs_that_came_and_went_are_read_again(
    tiny_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One could not be read while the others were cut: another of the same number would teach another's map."""
    run = Path(shutil.copytree(tiny_run.run, tmp_path / "run"))
    recipe, real = load_recipe(str(tiny_run.recipe)), datasets.load_square
    for cut in (run / "photographs").glob("cut-*"):
        cut.unlink()

    def flaky(photograph: Any, size: int, enlarge: bool = True) -> Any:
        return None if photograph.path.name == "3.png" else real(photograph, size, enlarge)

    with monkeypatch.context() as patch:
        patch.setattr(datasets, "load_square", flaky)
        with pytest.raises(EdgeError, match="came or went while they were read: start again"):
            prepare_lessons(recipe, tiny_run.data, run)
    lessons = prepare_lessons(recipe, tiny_run.data, run)
    assert len(lessons.cuts) == len(lessons.photographs) == len(find_photographs(tiny_run.data, recipe.exclude))


def test_a_photograph_that_goes_while_the_student_learns(
    tiny_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(shutil.copytree(tiny_run.run, tmp_path / "run", ignore=shutil.ignore_patterns("student")))
    data, recipe, real = Path(shutil.copytree(tiny_run.data, tmp_path / "data")), load_recipe(str(tiny_run.recipe)), fit

    def last(*given: Any) -> Any:
        learned = real(*given)
        (data / "loose" / "1.png").unlink()
        return learned

    monkeypatch.setattr(distill, "fit", last)
    distill.run(recipe, data, run)
    assert runs.read_metrics(run / "student")["photographs"] == {"loose": 8, "set": 8}


@pytest.mark.parametrize("going_on", [False, True])
def test_a_recipe_of_another_normalisation_is_refused(going_on: bool, tiny_run: Any, tmp_path: Path) -> None:
    recipe = dataclasses.replace(load_recipe(str(tiny_run.recipe)), mean=(0.4, 0.5, 0.5))
    out = tmp_path / "run" if going_on else tiny_run.run
    with pytest.raises(EdgeError, match=r"(student|vessels) learned from pictures of mean .* \(0\.4, 0\.5, 0\.5\)"):
        distill.run(recipe, tiny_run.data, out, tiny_run.run if going_on else None)
