from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from edge.errors import EdgeError
from trainer.evaluate import aurocs, evaluate, find_labelled
from trainer.recipe import load_recipe


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


def test_aurocs_leave_outliers_out_and_ask_about_the_middle_class_where_there_is_one() -> None:
    scores = np.array([0.9, 0.8, 0.2, 0.1, 0.95])
    assert aurocs(scores, ["good", "good", "reject", "reject", "outlier"]) == {"good/reject": 1.0}
    assert aurocs(scores[:2], ["usable", "reject"]) == {"gradable/reject": 1.0}
    assert aurocs(scores[:4], ["good", "reject", "usable", "reject"]) == {"good/reject": 1.0, "gradable/reject": 0.75}


def test_every_step_of_a_run_is_scored(tiny_run: Any) -> None:
    table = evaluate(load_recipe(str(tiny_run.recipe)), tiny_run.data, tiny_run.run)["graded"]
    scorers = ("sharpness", "vessel density", "coverage", "prior", "adapter", "float student")
    assert set(table) == {f"{name}, good/reject" for name in scorers}
    assert table["sharpness, good/reject"] == 1.0  # clear phantoms against blurred ones
    assert all(0 <= value <= 1 for value in table.values())


def test_a_folder_without_labels_is_said(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="holds no quality label"):
        evaluate(load_recipe("quick"), tmp_path, tmp_path)
