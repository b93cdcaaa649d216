"""The whole training on phantoms, by the commands that a user types."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import pytest
import yaml

pytest.importorskip("torch")

from safetensors.torch import load_file, save_file

from edge.errors import EdgeError
from trainer.data.datasets import find_photographs
from trainer.loop import runs
from trainer.loop.alone import alone_in
from trainer.steps.distill import load_student


def folders(tiny_run: Any) -> dict[str, str]:
    """Every folder of a run and the picture in it."""
    kinds = yaml.safe_load(tiny_run.recipe.read_text())["adapter"]["kinds"]
    adapters = {f"adapter/{kind}": f"{kind}.png" for kind in kinds}
    return {"vessels": "vessels.png", "prior": "prior.png", **adapters, "student": "student.png"}


def edge_train(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = "from trainer.commands import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


def test_each_step_leaves_weights_config_metrics_and_a_picture(tiny_run: Any) -> None:
    for step, picture in folders(tiny_run).items():
        folder = tiny_run.run / step
        assert {p.name for p in folder.iterdir()} == {"model.safetensors", "config.yaml", "metrics.json", picture}
        assert cv2.imread(str(folder / picture)).shape[1] >= 3 * 256
        assert len(json.loads((folder / "metrics.json").read_text())["losses"]) == 1
        assert yaml.safe_load((folder / "config.yaml").read_text())["seed"] == 3


def test_what_is_for_evaluation_was_not_trained_on(tiny_run: Any) -> None:
    assert json.loads((tiny_run.run / "student" / "metrics.json").read_text())["photographs"] == {"loose": 8, "set": 8}


def test_a_finished_run_is_not_repeated(tiny_run: Any) -> None:
    done = edge_train("all", "--recipe", tiny_run.recipe, "--data", tiny_run.data, "--out", tiny_run.run, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("finished already") == 4
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["step"] for line in lines] == ["vessels", "prior", "adapter", "distill"]
    assert lines[3]["metrics"]["frames"] == yaml.safe_load(tiny_run.recipe.read_text())["frames"]["number"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["vessels", "--data", "nowhere"], 1, "nowhere is not a folder"),
        (["vessels", "--data", ".", "--recipe", "nonsense"], 1, "no recipe nonsense"),
        (["prior", "--data", ".", "--out", "nowhere"], 1, "run `edge-train vessels`"),
        (["vessels"], 2, "--data"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_what_goes_wrong_is_one_sentence(arguments: list[str], code: int, words: str, photographs: Path) -> None:
    done = edge_train(*(str(photographs) if a == "." else a for a in arguments))
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_or_damaged_step_is_named_as_the_user_types_it(tmp_path: Path) -> None:
    from edge.errors import EdgeError
    from trainer.loop.runs import read_metadata

    for folder, step in (("prior", "prior"), ("adapter/paired", "adapter"), ("student", "distill")):
        with pytest.raises(EdgeError, match=rf"{folder}/model\.safetensors is missing: run `edge-train {step}`"):
            read_metadata(tmp_path / folder)
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "model.safetensors").write_bytes(b"no weights")
        with pytest.raises(EdgeError, match=r"is damaged .*: remove it and train this step again"):
            read_metadata(tmp_path / folder)


def test_a_finished_step_of_another_recipe_is_not_overwritten(tiny_run: Any, tmp_path: Path) -> None:
    """``--recipe`` forgotten, and hours of training would be replaced by a trial."""
    run = tmp_path / "run"
    shutil.copytree(tiny_run.run / "vessels", run / "vessels")
    before = (run / "vessels/model.safetensors").read_bytes()
    done = edge_train("vessels", "--data", tiny_run.data, "--out", run, "--recipe", "quick")
    assert done.returncode == 1
    assert "holds a finished step of another recipe" in done.stderr
    assert (run / "vessels/model.safetensors").read_bytes() == before


def test_discs_and_the_code_itself_are_part_of_what_a_step_depends_on(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").write_bytes((photographs / "loose/0.png").read_bytes())
    before = list(runs.names_and_sizes(tmp_path, find_photographs(tmp_path)))
    (tmp_path / "discs.csv").write_text("path,disc_cx,disc_cy,disc_w,disc_h\na.png,50,50,10,10\n")
    assert list(runs.names_and_sizes(tmp_path, find_photographs(tmp_path))) != before
    key = runs.key_of("a")
    monkeypatch.setattr(runs, "_CODE", runs._CODE + 1)
    assert runs.key_of("a") != key


def test_photographs_without_a_drawn_map_cannot_teach_the_segmenter(photographs: Path, tmp_path: Path) -> None:
    done = edge_train("vessels", "--data", photographs / "loose", "--out", tmp_path)
    assert done.returncode == 1
    assert "no hand-drawn vessel map" in done.stderr


def test_no_file_name_gets_into_the_metrics(photographs: Path, tmp_path: Path) -> None:
    """Sources travel with the bundle, and a file may be called after a patient."""
    for name in ("smith_john.png", "hrf/images/01.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((photographs / "loose/0.png").read_bytes())
    assert {each.path.name: each.source for each in find_photographs(tmp_path)} == {
        "smith_john.png": "photographs",
        "01.png": "hrf",
    }


def test_holding_everything_out_is_said(tiny_run: Any, tmp_path: Path) -> None:
    recipe = yaml.safe_load(tiny_run.recipe.read_text())
    recipe["vessels"]["holdout_every"] = 1
    path = tmp_path / "none.yaml"
    path.write_text(yaml.safe_dump(recipe))
    done = edge_train("vessels", "--recipe", path, "--data", tiny_run.data, "--out", tmp_path / "run")
    assert done.returncode == 1
    assert "holdout_every" in done.stderr


@pytest.mark.slow
def test_a_killed_training_is_taken_up(tiny_run: Any, tmp_path: Path) -> None:
    recipe = yaml.safe_load(tiny_run.recipe.read_text())
    recipe["vessels"]["steps"] = 300
    path = tmp_path / "longer.yaml"
    path.write_text(yaml.safe_dump(recipe))
    arguments = ["vessels", "--recipe", str(path), "--data", str(tiny_run.data), "--out", str(tmp_path / "run")]
    code = "from trainer.commands import main; main()"
    child = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "run" / "vessels" / "training.pt"
    until = time.monotonic() + 300
    while not checkpoint.is_file() and time.monotonic() < until:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert checkpoint.is_file()
    assert edge_train(*arguments).returncode == 0
    losses = json.loads((tmp_path / "run" / "vessels" / "metrics.json").read_text())["losses"]
    assert len(losses) == 3


def test_one_training_at_a_time_in_a_run_folder(tiny_run: Any, edge_train: Any, tmp_path: Path) -> None:
    given = ("vessels", "--recipe", tiny_run.recipe, "--data", tiny_run.data, "--out")
    with alone_in(tmp_path / "run"):
        said = edge_train(*given, tmp_path / "run").in_one_sentence()
        assert (tmp_path / "run").is_dir(), "it is the other's"
    assert said == f"error: another training is at work in {tmp_path / 'run'}: wait for it, or choose another --out."
    assert not (tmp_path / "run").exists(), "nothing was written"
    assert edge_train(*given, tiny_run.run).code == 0
    assert edge_train(*given, tiny_run.run).code == 0, "the first one let it go"


def test_an_empty_folder_stays_if_it_was_there_before(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    for name in ("before", "new"):
        with alone_in(tmp_path / name):
            assert (tmp_path / name).is_dir()
    assert [path.name for path in tmp_path.iterdir()] == ["before"]


def test_weights_that_edge_train_did_not_write(tiny_run: Any, edge_train: Any, tmp_path: Path) -> None:
    """They lack what stands beside ours, which all later steps look at."""
    for step in ("vessels", "student"):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        shutil.copytree(tiny_run.run, tmp_path / "run")
        weights = tmp_path / "run" / step / runs.WEIGHTS
        save_file(load_file(weights), weights)
        given = ("all", "--recipe", tiny_run.recipe, "--data", tiny_run.data, "--out", tmp_path / "run")
        assert f"{weights} is not what edge-train wrote: remove it" in edge_train(*given).err
    with pytest.raises(EdgeError, match="is not what edge-train wrote"):
        load_student(tmp_path / "run")
    save_file(load_file(weights), weights, {"key": "0", "stride": "eight"})
    with pytest.raises(EdgeError, match="does not say which student it holds"):
        load_student(tmp_path / "run")


def test_a_link_to_nothing_is_left_out(tiny_run: Any, edge_train: Any, tmp_path: Path) -> None:
    data = Path(shutil.copytree(tiny_run.data, tmp_path / "data"))
    shutil.copytree(tiny_run.run / "vessels", tmp_path / "run" / "vessels")
    (data / "loose" / "gone.png").symlink_to("nowhere.png")
    said = edge_train("prior", "--recipe", tiny_run.recipe, "--data", data, "--out", tmp_path / "run")
    assert (said.code, "gone.png" in said.err) == (0, True)


@pytest.mark.parametrize("figures", ["[]", "3", '["losses"]', "{", "[" * 100_000])
def test_figures_that_are_damaged_are_named(tmp_path: Path, figures: str) -> None:
    (tmp_path / "metrics.json").write_text(figures)
    with pytest.raises(EdgeError, match=r"metrics\.json is missing or damaged: remove its folder and train"):
        runs.read_metrics(tmp_path)
