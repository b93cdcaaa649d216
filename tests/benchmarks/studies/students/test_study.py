from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from benchmarks.roofline.predict import Prediction
from benchmarks.run.latency import Summary
from benchmarks.studies.students import study as students
from benchmarks.studies.students.result import (
    NEAR,
    RULE,
    SLACK,
    StudentFigures,
    StudentPlan,
    StudentRow,
    knee,
    parse_sizes,
    to_markdown,
)
from benchmarks.studies.students.study import HEIGHT, WIDTH, draw

shares = st.floats(0.001, 1)


def row(size: int, ms: float, mae: float, auroc: float) -> StudentRow:
    figures = StudentFigures(9, 0, mae, mae, None, None, auroc)
    there = Prediction("Orin Nano", "its data sheet", ms / 20, ms / 15, ms / 10, 1.2)
    return StudentRow(StudentPlan(size, 8), 1.0, 20, Summary(ms, None, None), there, figures, figures)


def test_sizes_are_read_in_their_order_and_once() -> None:
    assert parse_sizes("256x8, 224X16,256x8") == [StudentPlan(256, 8), StudentPlan(224, 16)]
    assert parse_sizes("256x8w1.5") == [StudentPlan(256, 8, 1.5)]
    assert [plan.name for plan in parse_sizes("256x8w1.5,256x8w1")] == ["256x8w1.5", "256x8"]
    assert [plan.grid for plan in parse_sizes(students.SIZES)] == [14, 32, 40, 48]


@pytest.mark.parametrize("text", ["", "256", "250x8", "256x4", "48x8", "2048x8", "256x8,", "256x8 320x8", "-256x8"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="SIZExSTRIDE"):
        parse_sizes(text)


def test_wrong_arguments_leave_with_2_before_anything_is_read(tmp_path: Path) -> None:
    folders = ["--data", str(tmp_path / "nowhere"), "--out", str(tmp_path / "run")]
    for wrong in (["--sizes", "250x8"], ["--steps", "0"], ["--phantoms", "1"]):
        assert CliRunner().invoke(students.app, [*folders, *wrong]).exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_the_knee_is_the_fastest_that_is_near_in_both() -> None:
    best = row(384, 9.0, 0.050, 0.950)
    near, far, blind = row(256, 3.0, 0.054, 0.946), row(224, 1.0, 0.056, 0.950), row(240, 2.0, 0.050, 0.944)
    assert knee([best, near, far, blind]) is near
    assert knee([best, far, blind]) is best
    assert knee([row(224, 1.0, 0.05, 0.9), row(256, 2.0, 0.10, 0.99)]) is None


@given(st.lists(st.tuples(shares, shares, shares), min_size=1, max_size=6))
def test_no_faster_student_than_the_knee_is_as_near(figures: list[tuple[float, float, float]]) -> None:
    rows = [row(64 + 16 * n, *each) for n, each in enumerate(figures)]
    mae, auroc = NEAR * min(r.int8.map_mae for r in rows), max(r.int8.phantom_auroc for r in rows) - SLACK
    fit = [r for r in rows if r.int8.map_mae <= mae and r.int8.phantom_auroc >= auroc]
    chosen = knee(rows)
    assert (chosen in fit and all(chosen.ms <= r.ms for r in fit)) if chosen else not fit


def test_the_table_says_which_is_the_knee_and_by_which_rule() -> None:
    table = to_markdown([row(384, 9.0, 0.05, 0.95), row(256, 3.0, 0.05, 0.95)])
    assert "| **256x8** | 32 | 1.00 | 3.00/- | 0.15 to 0.30 | 0.0500 |" in table
    assert "| 384x8 | 48 |" in table
    assert "The knee is 256x8: the fastest student whose" in table
    assert len({line.count("|") for line in table.splitlines() if line.startswith("|")}) == 1
    assert "No student is the knee" in to_markdown([row(224, 1.0, 0.05, 0.9), row(256, 2.0, 0.10, 0.99)])


def test_the_page_states_the_rule_of_the_program() -> None:
    page = " ".join((Path(__file__).parents[4] / "docs" / "students.md").read_text(encoding="utf-8").split())
    assert RULE in page


def test_the_picture_shows_each_dot_at_its_place_and_the_marked_one_apart() -> None:
    rows = [row(size, ms, mae, 0.9) for size, ms, mae in ((224, 1.0, 0.09), (256, 2.0, 0.05), (384, 5.0, 0.04))]
    picture = cv2.imdecode(np.frombuffer(draw(rows, rows[1], 4), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (HEIGHT, WIDTH, 3)
    picture = picture[:, : int(0.85 * WIDTH)]  # the names stand at the right, each beside a dot of its colour
    places, sizes = [], []
    for red, green, blue in ((31, 119, 180), (255, 127, 14), (44, 160, 44)):
        seen = np.argwhere((picture == (blue, green, red)).all(axis=2))
        places.append(seen.mean(axis=0))
        sizes.append(len(seen))
    assert places[0][1] < places[1][1] < places[2][1]
    assert places[0][0] > places[1][0] > places[2][0]  # more is higher
    assert sizes[1] > 2 * sizes[0] > sizes[2]


@pytest.mark.parametrize("values", [[(0.0, 0.0)], [(1.0, 0.5), (1.0, 0.5)], [(1e3, -1e3), (1e-3, 1e3)]])
def test_any_students_can_be_drawn(values: list[tuple[float, float]]) -> None:
    rows = [row(256, ms, 1 - fidelity, 0.9) for ms, fidelity in values]
    assert draw(rows, None, 4).startswith(b"\x89PNG")


def test_maps_are_compared_with_the_teacher_on_its_grid_and_with_the_truth() -> None:
    pytest.importorskip("torch")
    from benchmarks.studies.students.fidelity import FidelityEvidence, measure_fidelity
    from trainer.evaluation.truth.eyes import phantom_eyes
    from trainer.evaluation.truth.frames import spoiled

    frames = spoiled(phantom_eyes(2), kinds=("blur", "shadow"))
    truth = np.stack([frame.truth for frame in frames])
    taught = np.arange(len(frames)) == 0
    evidence = FidelityEvidence([frame.square for frame in frames], taught, frames, truth)
    same = measure_fidelity(truth, evidence)
    assert (same.unseen, same.taught, same.phantom_auroc) == (5, 1, 1.0)
    assert (same.map_mae, same.map_mae_taught) == (0, 0)
    assert same.score_spearman == pytest.approx(1)
    apart = measure_fidelity(
        truth * np.float32(0.8) + np.where(taught, 0.2, 0.1).astype(np.float32)[:, None, None], evidence
    )
    assert 0 < apart.map_mae <= 0.1 < apart.map_mae_taught
    assert apart.phantom_auroc > 0.95
    coarse = np.stack([cv2.resize(each, (8, 8), interpolation=cv2.INTER_AREA) for each in truth])
    blurred = measure_fidelity(coarse, evidence)
    assert blurred.map_mae_coarser < 1e-6 < blurred.map_mae  # on its own grid nothing is wrong with it
    backwards = measure_fidelity(1 - truth, evidence)
    assert backwards.phantom_auroc == 0
    assert backwards.score_spearman == pytest.approx(-1)


def test_students_of_a_run_are_trained_measured_and_never_twice(
    tiny_run: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("modelopt")
    pytest.importorskip("openvino")
    from benchmarks.studies.students import measure as students_measure
    from trainer.steps.distill import load_student

    learned_at = []

    def fit(recipe: Any, lessons: Any, *rest: Any) -> Any:
        learned_at.append((recipe.distill.size, lessons.cuts.shape[1]))
        return trained(recipe, lessons, *rest)

    trained = students_measure.fit
    monkeypatch.setattr(students_measure, "fit", fit)
    monkeypatch.setattr(students_measure, "BLOCKS", 1)
    command = ["--data", str(tiny_run.data), "--out", str(tiny_run.run), "--recipe", str(tiny_run.recipe)]
    command += ["--steps", "2", "--sizes", "96x16,128x8", "--photographs", "12", "--phantoms", "2"]
    table = CliRunner().invoke(students.app, command, catch_exceptions=False)
    assert table.exit_code == 0
    assert learned_at == [(96, 96), (128, 128)]  # photographs as the device would cut them for each
    assert all(f"{name} |" in table.stdout.replace("**", "") for name in ("96x16", "128x8"))
    folder = tiny_run.run / "students"
    first = json.loads((folder / "students.json").read_text(encoding="utf-8"))
    assert [(s["student"], s["grid"]) for s in first["students"]] == [("96x16", 6), ("128x8", 16)]
    for student in first["students"]:
        for form in ("int8", "float32"):
            figures = student[form]
            assert 0 < figures["map_mae"] < 1
            assert 0 <= figures["phantom_auroc"] <= 1
            # 12 of 32 photographs, the excluded folder among them, and two eyes as they are and spoiled in each way.
            assert figures["unseen"] + figures["taught"] == 12 + 2 * 10
            assert 0 < figures["taught"] < 12
        assert student["inference"]["p50_ms"] > 0
    assert first["students"][0]["int8"] != first["students"][0]["float32"]
    picture = cv2.imread(str(folder / "students.png"))
    assert picture is not None
    assert picture.shape == (HEIGHT, WIDTH, 3)
    assert (tiny_run.run / "student" / "model.safetensors").is_file()  # of the run itself: left alone
    assert load_student(tiny_run.run).stride == 8

    def refuse(*_: object) -> None:
        raise AssertionError("it was finished already")

    for name in ("prepare_lessons", "fit", "gather", "quantize"):
        monkeypatch.setattr(students_measure, name, refuse)
    again = CliRunner().invoke(students.app, [*command, "--json"], catch_exceptions=False)
    second = json.loads(again.stdout)
    for before, after in zip(first["students"], second["students"], strict=True):
        assert (before["int8"], before["float32"], before["mib"]) == (after["int8"], after["float32"], after["mib"])
    (folder / "96x16" / "measured.json").write_text("{}")
    with pytest.raises(AssertionError, match="finished already"):  # only what is damaged or gone is measured again
        CliRunner().invoke(students.app, command, catch_exceptions=False)


def test_the_student_that_the_run_distilled_is_not_trained_again(
    tiny_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("modelopt")
    pytest.importorskip("openvino")
    from benchmarks.studies.students import measure as students_measure
    from trainer.recipe import load_recipe

    def refuse(*_: object) -> None:
        raise AssertionError("it would be trained")

    recipe = load_recipe(str(tiny_run.recipe))
    own = StudentPlan(recipe.distill.size, recipe.distill.stride, recipe.distill.width)
    folder = students_measure.folder_of(tiny_run.run, own)
    monkeypatch.setattr(students_measure, "prepare_lessons", refuse)
    with pytest.raises(AssertionError, match="would be trained"):  # by other steps
        students_measure.train_students(recipe, [own], recipe.distill.steps + 1, tiny_run.data, tiny_run.run)
    assert not folder.exists()
    students_measure.train_students(recipe, [own], recipe.distill.steps, tiny_run.data, tiny_run.run)
    for name in ("model.safetensors", "config.yaml", "metrics.json"):
        assert (folder / name).read_bytes() == (tiny_run.run / "student" / name).read_bytes()
