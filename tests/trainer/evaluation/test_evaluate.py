from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from edge.errors import EdgeError
from edge.metrics.labels import Ratings
from edge.phantom.degradation import KINDS
from trainer.evaluation.evaluate import evaluate, good_photographs
from trainer.evaluation.labels import against_labels, against_ratings
from trainer.evaluation.predictors import STUDENTS, sharpness_maps
from trainer.evaluation.sets import CLEAR_LIST, LabelledSet, find_labelled, find_rated, half_of
from trainer.recipe import load_recipe

STEPS = (
    "sharpness", "vessel coverage", "prior", "adapter linear", "adapter cnn", "adapter pu", "adapter paired",
    "adapter together",
    "float student", "INT8 student",
)  # fmt: skip


def test_labelled_sets_are_found_by_folder_and_by_csv(photographs: Path, tmp_path: Path) -> None:
    (folder,) = find_labelled(photographs)
    assert (folder.name, len(folder.paths)) == ("graded", 16)
    assert folder.qualities.count("reject") == 8
    for name in "ab":
        (tmp_path / f"{name}.jpg").write_bytes(b"x")
    (tmp_path / "labels.csv").write_text("path,quality\na.jpg,usable\n")
    assert find_labelled(tmp_path) == []  # one class measures nothing
    (tmp_path / "labels.csv").write_text("path,quality\na.jpg,usable\nb.jpg,reject\n")
    (table,) = find_labelled(tmp_path)
    assert table.qualities == ["usable", "reject"]
    assert table.name == tmp_path.name
    assert find_rated(tmp_path) == {}
    (tmp_path / "labels.csv").write_text("path,score\na.jpg,2\nb.jpg,7\n")
    assert find_labelled(tmp_path) == []  # ratings rank photographs and call none good
    assert list(find_rated(tmp_path)) == [tmp_path.name]


def test_what_lies_beside_labelled_folders_does_them_no_harm(tmp_path: Path) -> None:
    for name in ("good/1.png", "bad/2.png", "drive/images/3.png", "drive/bad/4.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (found,) = find_labelled(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found.paths] == ["bad/2.png", "good/1.png"]


def test_only_photographs_that_are_called_good_in_a_folder_are_spoiled(photographs: Path, tmp_path: Path) -> None:
    (folder,) = find_labelled(photographs)
    found = good_photographs([folder, LabelledSet("csv", [Path("a.jpg")], ["good"])], photographs)
    assert len(found) == 8
    assert {path.parent.name for path in found} == {"good"}
    many = LabelledSet("many", [Path(f"good/{n}.png") for n in range(99)], ["good"] * 99)
    assert len(good_photographs([many], tmp_path)) == 60


def test_and_those_that_two_readers_called_clear(tmp_path: Path) -> None:
    rows = list(csv.DictReader(CLEAR_LIST.read_text().splitlines()))
    for row in rows:
        (tmp_path / row["path"]).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / row["path"]).write_bytes(b"x")
    found = {path.relative_to(tmp_path).as_posix() for path in good_photographs([], tmp_path)}
    clear = {row["path"] for row in rows if row["mark1"] == row["mark2"] == "clear"}
    assert found == {name for name in clear if half_of(name) == "reports"}
    assert len(found) >= 80


def test_every_step_of_a_run_is_held_against_labels(evaluated: dict[str, Any]) -> None:
    table = evaluated["labels"]["graded"]
    assert tuple(table) == ("sharpness of green", "vessel density", *STEPS)
    for name, tasks in table.items():
        (task,) = tasks
        assert (task["accept"], task["refuse"]) == (8, 8), name
        for metric in ("auroc", "auprc", "balanced_accuracy", "f1", "mcc"):
            figure = task[metric]
            assert -1 <= figure["low"] <= figure["value"] <= figure["high"] <= 1, (name, metric)
    assert table["sharpness of green"][0]["auroc"]["value"] == 1.0  # clear phantoms against blurred ones


def test_every_step_of_a_run_is_held_against_exact_masks(evaluated: dict[str, Any]) -> None:
    assert set(evaluated["maps"]) == {"phantoms", "sequences", "photographs"}
    for name, ways in evaluated["maps"].items():
        assert tuple(ways) == STEPS, name
        for found in ways.values():
            assert found["overall"]["frames"] > 0
            assert 0 <= found["overall"]["auroc"] <= 1
            if name != "sequences":
                assert [each["kind"] for each in found["kinds"]] == list(KINDS)
                assert [each["kind"] for each in found["sweeps"]] == list(KINDS)
    shipped = evaluated["maps"]["phantoms"]
    assert shipped["INT8 student"]["overall"]["auroc"] > shipped["sharpness"]["overall"]["auroc"]


def test_what_is_most_mistaken_is_drawn(evaluated: dict[str, Any], tiny_run: Any) -> None:
    assert evaluated
    sheet = cv2.imread(str(tiny_run.run / "evaluation" / "mistaken-graded.png"))
    assert sheet is not None
    assert sheet.shape[0] == 24 + 16 * 256


def test_the_student_is_held_against_its_teacher(evaluated: dict[str, Any]) -> None:
    said = evaluated["fidelity"]
    assert said["frames"] == 32 + 2 * 10  # all photographs, the excluded ones too, and eyes spoiled in nine ways
    assert 0 < said["map_mae"] < 1
    assert -1 <= said["score_spearman"] <= 1


def test_what_the_first_steps_measured_is_handed_on(evaluated: dict[str, Any], tiny_run: Any) -> None:
    for step in ("vessels", "prior"):
        stored = json.loads((tiny_run.run / step / "metrics.json").read_text())["held_out"]
        assert stored
        assert evaluated[step] == stored


def test_all_of_it_is_plain_numbers(evaluated: dict[str, Any]) -> None:
    assert json.loads(json.dumps(evaluated, allow_nan=False)) == json.loads(json.dumps(evaluated))


def test_a_folder_without_labels_is_said(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="holds no quality label"):
        evaluate(load_recipe("quick"), tmp_path, tmp_path)


def test_without_scikit_learn_a_sentence_names_the_extra_before_the_work(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    with pytest.raises(EdgeError, match=r'need scikit-learn: pip install "efiqa-edge\[metrics\]"\.$'):
        evaluate(load_recipe("quick"), photographs, tmp_path)  # no run there: nothing was loaded before


def test_a_frame_without_a_field_is_the_worst_and_one_that_cannot_be_read_is_left_out(
    photographs: Path, tiny_run: Any, tmp_path: Path
) -> None:
    black, broken = tmp_path / "black.png", tmp_path / "broken.png"
    cv2.imwrite(str(black), np.zeros((200, 200, 3), np.uint8))
    broken.write_bytes(b"no picture")
    good = sorted((photographs / "graded/good").glob("*.png"))[:3]
    labelled = LabelledSet("x", [black, broken, *good], ["reject", "reject", "good", "good", "good"])
    recipe, run = load_recipe(str(tiny_run.recipe)), Path(tiny_run.run)
    nothing = LabelledSet("y", [black, broken], ["good", "reject"])
    with pytest.raises(EdgeError, match="none of the photographs of y shows a field of view"):
        against_labels(nothing, {"sharpness": sharpness_maps}, recipe, run)
    for tasks in against_labels(labelled, {"sharpness": sharpness_maps}, recipe, run).values():
        assert tasks[0]["auroc"]["value"] == 1
        assert (tasks[0]["accept"], tasks[0]["refuse"]) == (3, 1)


def test_a_graded_score_is_followed(photographs: Path, tiny_run: Any) -> None:
    """The sharper the better: clear eyes are rated above blurred ones."""
    paths = sorted((photographs / "graded").rglob("*.png"))
    rated = Ratings({path: float(path.parent.name == "good") + n / 100 for n, path in enumerate(paths)})
    recipe, run = load_recipe(str(tiny_run.recipe)), Path(tiny_run.run)
    found = against_ratings("x", rated, {"sharpness": sharpness_maps}, recipe, run)
    assert found["sharpness of green"]["images"] == len(paths)
    assert found["sharpness of green"]["spearman"]["value"] > 0.7


def test_the_student_sees_photographs_as_the_device_cuts_them(photographs: Path, tiny_run: Any) -> None:
    """Cut once at its own size; resampled once more they would look smoother."""
    sides: dict[str, set[int]] = {}

    def watch(name: str) -> Any:
        def maps_of(squares: Any) -> Any:
            sides[name] = {s.picture.shape[0] for s in squares}
            return sharpness_maps(squares)

        return maps_of

    labelled = find_labelled(photographs)[0]
    recipe = load_recipe(str(tiny_run.recipe))
    against_labels(labelled, {name: watch(name) for name in ("prior", *STUDENTS)}, recipe, Path(tiny_run.run))
    assert sides == {"prior": {384}, **{name: {recipe.distill.size} for name in STUDENTS}}
