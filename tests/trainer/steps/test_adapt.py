"""A run goes on with the photographs of a site, by the command that a site types."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from safetensors.numpy import load_file

from edge.errors import EdgeError
from edge.images import read_image
from edge.model import QualityModel
from edge.phantom.degradation import degrade
from edge.phantom.retina import make_retina
from trainer.loop import runs
from trainer.recipe import load_recipe
from trainer.steps import adapt
from trainer.steps.adapt import FEWEST, check_photographs, recipe_from, run_named, take_over


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of one camera, every third of bad quality."""
    folder = tmp_path_factory.mktemp("site")
    for seed in range(FEWEST + 4):
        image = make_retina(3000 + seed, 256).image
        cv2.imwrite(str(folder / f"{seed}.png"), degrade(image, "blur", 0.5)[0] if seed % 3 == 0 else image)
    return folder


def weights(run: Path, step: str) -> dict[str, Any]:
    return dict(load_file(run / step / runs.WEIGHTS))


def test_a_site_goes_on_from_a_run(site: Path, tiny_run: Any, edge_train: Any, tmp_path: Path) -> None:
    out, student = tmp_path / "site", f"student/{runs.WEIGHTS}"
    assert edge_train("adapt", site, "--from", tiny_run.run, "--out", out).code == 0
    for step in ("vessels", "prior"):
        assert (out / step / runs.WEIGHTS).read_bytes() == (tiny_run.run / step / runs.WEIGHTS).read_bytes()
    before, after = weights(tiny_run.run, "student"), weights(out, "student")
    assert {name: each.shape for name, each in before.items()} == {name: each.shape for name, each in after.items()}
    assert 0 < np.abs(after["map.weight"] - before["map.weight"]).max() < 0.05, "it goes on, it does not begin anew"
    counted = json.loads((out / "student" / "metrics.json").read_text(encoding="utf-8"))["photographs"]
    assert sum(counted.values()) == FEWEST + 4

    written = (out / student).read_bytes()
    assert edge_train("adapt", site, "--from", tiny_run.run, "--out", out).code == 0
    assert (out / student).read_bytes() == written, "finished steps are not repeated"


def test_what_was_taken_over_is_not_overwritten(tiny_run: Any, tmp_path: Path) -> None:
    take_over(tiny_run.run, tmp_path)
    assert runs.read_metrics(tmp_path / "vessels") == runs.read_metrics(tiny_run.run / "vessels")
    changed = tmp_path / "prior" / runs.WEIGHTS
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    with pytest.raises(EdgeError, match=r"holds prior of another run: choose another --out\.$"):
        take_over(tiny_run.run, tmp_path)


def test_a_run_that_is_not_whole_is_refused_before_the_work(tiny_run: Any, tmp_path: Path) -> None:
    whole = shutil.ignore_patterns("adapter", "frames", "features", "photographs")
    shutil.copytree(tiny_run.run, tmp_path / "run", ignore=whole)
    student = tmp_path / "run" / "student" / runs.WEIGHTS
    student.write_bytes(student.read_bytes()[:1000])
    with pytest.raises(EdgeError, match=r"student/model\.safetensors is damaged"):
        take_over(tmp_path / "run", tmp_path / "out")
    shutil.rmtree(tmp_path / "run" / "vessels")
    with pytest.raises(EdgeError, match=r"run lacks vessels/model\.safetensors: give --from the whole folder of a run"):
        take_over(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_in_place_of_the_run_folder(tiny_run: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EdgeError, match=r"file.* choose another folder|file.* cannot be written"):
        take_over(tiny_run.run, tmp_path / "file")


def test_a_site_trains_only_what_the_student_learns_from(tiny_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapt, "load_recipe", lambda path: replace(load_recipe(path), only=("set",)))
    recipe = recipe_from(tiny_run.run, [None] * 60)  # type: ignore[list-item]
    assert recipe.adapter.kinds == (recipe.adapter.teacher,)
    assert recipe.frames.number == 360
    assert (recipe.exclude, recipe.only) == ((), ())  # whatever trained the run, the site's photographs go on


def test_a_run_of_another_modality_does_not_go_on(tiny_run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapt, "load_recipe", lambda path: replace(load_recipe(path), modality="octa"))
    with pytest.raises(EdgeError, match=r"^edge-train adapt is for photographs of the fundus, and .* is a run of octa"):
        recipe_from(tiny_run.run, [None] * 60)  # type: ignore[list-item]


def test_a_run_that_is_not_there() -> None:
    with pytest.raises(EdgeError, match=r"^nowhere is no finished run: give --from the folder that"):
        run_named("nowhere")


def test_too_few_photographs(site: Path, tmp_path: Path) -> None:
    for path in list(site.iterdir())[:5]:
        shutil.copy(path, tmp_path)
    with pytest.raises(EdgeError, match=rf"holds 5 photographs of retinas, and at least {FEWEST} are needed: add more"):
        check_photographs(tmp_path)


def test_pictures_of_something_else_beside_too_few(site: Path, tmp_path: Path) -> None:
    for path in list(site.iterdir())[:5]:
        shutil.copy(path, tmp_path)
    cv2.imwrite(str(tmp_path / "wall.png"), np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8))
    with pytest.raises(EdgeError, match=r"holds 5 photographs of retinas \(1 of 6 show something else, such as wall\."):
        check_photographs(tmp_path)


def test_pictures_of_something_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for n in range(4):
        cv2.imwrite(str(tmp_path / f"{n}.png"), rng.integers(0, 256, (120, 160, 3), np.uint8))
    with pytest.raises(EdgeError, match=r"does not hold photographs of retinas alone: 4 of 4 show something"):
        check_photographs(tmp_path)


def test_one_eye_only_is_said(site: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with QualityModel.load(threads=1) as model:
        for path in site.iterdir():
            frame = read_image(path)
            turned = model.assess(frame).eye == "right"
            cv2.imwrite(str(tmp_path / path.name), np.ascontiguousarray(frame[:, ::-1]) if turned else frame)
    check_photographs(tmp_path)
    assert "nearly all photographs are of the left eye" in caplog.text


def test_a_run_does_not_go_on_in_its_own_folder(tiny_run: Any) -> None:
    """``--out`` left out is ``runs/mine``, which may well be that of ``--from``."""
    with pytest.raises(EdgeError, match=r"is both --from and --out, and would be written over: choose"):
        take_over(tiny_run.run, tiny_run.run / "student" / "..")


@pytest.mark.parametrize(("step", "setting", "value"), [("prior", "base", 16), ("vessels", "", 0)])
def test_weights_of_another_recipe_are_refused_before_the_work(
    step: str, setting: str, value: int, tiny_run: Any, tmp_path: Path
) -> None:
    whole = shutil.ignore_patterns("adapter", "frames", "features", "photographs")
    shutil.copytree(tiny_run.run, tmp_path / "run", ignore=whole)
    config = tmp_path / "run" / "student" / "config.yaml"
    if setting:
        config.write_text(config.read_text().replace("base: 8", f"base: {value}"))
    else:
        shutil.copy(tmp_path / "run" / "prior" / runs.WEIGHTS, tmp_path / "run" / step / runs.WEIGHTS)
    with pytest.raises(EdgeError, match=rf"{step}/model\.safetensors is not of this network"):
        take_over(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()
