from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from edge.errors import EdgeError
from edge.phantom.degradation import KINDS
from trainer.evaluate import LabelledSet, evaluate, find_labelled, good_photographs
from trainer.recipe import load_recipe

STEPS = (
    "sharpness", "vessel coverage", "prior", "adapter linear", "adapter cnn", "adapter pu", "adapter paired",
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
    (tmp_path / "labels.csv").write_text("path,score\na.jpg,2\nb.jpg,7\n")
    assert find_labelled(tmp_path) == []  # ratings rank photographs and call none good


def test_only_photographs_that_are_called_good_in_a_folder_are_spoiled(photographs: Path) -> None:
    (folder,) = find_labelled(photographs)
    found = good_photographs([folder, LabelledSet("csv", [Path("a.jpg")], ["good"])])
    assert len(found) == 8
    assert {path.parent.name for path in found} == {"good"}
    many = LabelledSet("many", [Path(f"good/{n}.png") for n in range(99)], ["good"] * 99)
    assert len(good_photographs([many])) == 60


def test_every_step_of_a_run_is_held_against_labels(evaluated: dict[str, Any]) -> None:
    table = evaluated["labels"]["graded"]
    assert tuple(table) == ("sharpness of green", "vessel density", *STEPS)
    for name, found in table.items():
        (task,) = found["tasks"]
        assert (task["accept"], task["refuse"]) == (8, 8), name
        for metric in ("auroc", "auprc", "balanced_accuracy", "f1", "mcc"):
            figure = task[metric]
            assert -1 <= figure["low"] <= figure["value"] <= figure["high"] <= 1, (name, metric)
    assert table["sharpness of green"]["tasks"][0]["auroc"]["value"] == 1.0  # clear phantoms against blurred ones


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


def test_the_student_is_held_against_its_teacher(evaluated: dict[str, Any]) -> None:
    said = evaluated["fidelity"]
    assert said["frames"] == 32 + 10  # all photographs, the excluded ones too, and phantoms
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


def test_a_frame_without_a_field_of_view_counts_as_the_worst(photographs: Path, tiny_run: Any, tmp_path: Path) -> None:
    import cv2

    from trainer.evaluate import _against_labels
    from trainer.map_makers import sharpness_maps

    black = tmp_path / "black.png"
    cv2.imwrite(str(black), np.zeros((200, 200, 3), np.uint8))
    good = sorted((photographs / "graded/good").glob("*.png"))[:3]
    labelled = LabelledSet("x", [black, *good], ["reject", "good", "good", "good"])
    found = _against_labels(
        labelled, {"sharpness": sharpness_maps}, load_recipe(str(tiny_run.recipe)), Path(tiny_run.run)
    )
    assert all(scorer["tasks"][0]["auroc"]["value"] == 1 for scorer in found.values())
