"""Bundles side by side: the figures are those of the metrics, and of the half of the list that reports."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("openvino")
pytest.importorskip("sklearn")

from benchmarks.studies.labels import BEGIN, END, Measured, app, questions, to_markdown
from calibration.site.thresholds import Scored
from calibration.site.verdicts import verdicts
from edge.bundle.bundle import Thresholds, default_model, read_bundle, write_bundle
from edge.commands.console.cli import main_of
from edge.metrics.cross_validation import kfold_protocol
from edge.phantom.degradation import degrade
from edge.phantom.retina import phantom_frame
from trainer.evaluation.sets import half_of

OWN = Thresholds(0.05, 0.5, 0.8)


def test_the_protocol_is_run_with_every_seed() -> None:
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(0.6, 0.15, 40), rng.normal(0.4, 0.15, 30), [0.9]]).clip(0, 1)
    (found,) = questions(Scored("x", scores, ["good"] * 40 + ["reject"] * 30 + ["outlier"]), 6)
    assert (found.name, found.photographs) == ("x, good against reject", 70)  # the outlier is no part of it
    accept = np.arange(70) < 40
    folds = [kfold_protocol(scores[:70], accept, seed=seed) for seed in range(6)]
    assert found.errors == tuple(int((each.predictions != accept).sum()) for each in folds)
    assert len(set(found.errors)) > 1  # folds differ
    assert found.mcc == pytest.approx(np.mean([each.mcc.value for each in folds]))
    assert found.balanced_accuracy == pytest.approx(np.mean([each.balanced_accuracy.value for each in folds]))


def test_bundles_stand_side_by_side_and_the_sets_of_the_list_once_more_together() -> None:
    def of(name: str, bar: float) -> Measured:
        own = dataclasses.replace(OWN, usable=bar)
        sets = [
            Scored("a", np.array([0.4, 0.9]), ["good", "good"]),
            Scored("b", np.array([0.6, 0.1]), ["good", "reject"]),
        ]
        judged = tuple(verdicts(each, own) for each in sets)
        return Measured(name, own, (), (("x", 11, 10),), judged[1:], judged)

    lines = to_markdown([of("before", 0.5), of("after", 0.3)]).splitlines()
    assert lines[0] == "| figure | before | after |"
    assert "| x: outliers refused | 10 of 11 (90.9%) | 10 of 11 (90.9%) |" in lines
    assert "| b: useless refused | 1 of 1 (100.0%) | 1 of 1 (100.0%) |" in lines
    assert "| list, a: clear refused | 1 of 2 (50.0%) | 0 of 2 (0.0%) |" in lines
    assert "| list, all: clear refused | 1 of 3 (33.3%) | 0 of 3 (0.0%) |" in lines
    assert "| list, all: useless refused | 1 of 1 (100.0%) | 1 of 1 (100.0%) |" in lines
    assert not any(line.startswith("| list, a: useless") for line in lines)  # there is none


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eyes in folders good and bad, one that the list calls clear, and one of the other half that cannot be read."""
    folder = tmp_path_factory.mktemp("labels")
    names = [f"listed/{number}.png" for number in range(20)]
    reports = next(name for name in names if half_of(name) == "reports")
    chooses = next(name for name in names if half_of(name) == "chooses")
    for each in ("set/good", "set/bad", "listed"):
        (folder / each).mkdir(parents=True)
    for seed in range(3):
        cv2.imwrite(str(folder / f"set/good/{seed}.png"), phantom_frame(seed))
        cv2.imwrite(str(folder / f"set/bad/{seed}.png"), degrade(phantom_frame(seed), "blur", 0.9)[0])
    cv2.imwrite(str(folder / reports), phantom_frame(9))
    (folder / chooses).write_bytes(b"to look at it would be a mistake")
    (folder / "list.csv").write_text(f"path,mark1,mark2\n{reports},clear,clear\n{chooses},clear,clear\n")
    return folder


def run(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["labels", *map(str, words)])
    with pytest.raises(SystemExit) as left:
        main_of(app)()
    return int(left.value.code or 0)


def test_two_bundles_on_the_same_photographs(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = read_bundle(default_model())
    strict = dataclasses.replace(shipped.manifest, thresholds=Thresholds(0.05, 1.0, 1.0))
    write_bundle(tmp_path / "strict.efiqa", strict, shipped.onnx, shipped.golden)
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    words = ("default", tmp_path / "strict.efiqa", "--data", data, "--list", data / "list.csv", "--seeds", 2)
    assert run(monkeypatch, *words, "--page", page, "--json") == 0
    said = capsys.readouterr()
    default, other = json.loads(said.out)
    assert (default["bundle"], other["bundle"]) == ("default", "strict")
    assert default["questions"][0]["auroc"] == 1
    assert len(default["questions"][0]["errors"]) == 2
    assert [(each["name"], each["clear"], each["clear_refused"]) for each in default["listed"]] == [("listed", 1, 0)]
    assert other["listed"][0]["clear_refused"] == 1
    assert "left out" not in said.err  # the half that chooses was not read
    assert "| list, listed: clear refused | 0 of 1 (0.0%) | 1 of 1 (100.0%) |" in page.read_text()


def test_a_folder_without_labels_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, words in ((tmp_path, "holds no labelled set"), (tmp_path / "lost", "is not a folder")):
        assert run(monkeypatch, "default", "--data", folder) == 1
        said = capsys.readouterr().err
        assert words in said
        assert "Traceback" not in said
