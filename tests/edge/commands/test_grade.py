from __future__ import annotations

import csv
import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edge.assessment_schema import json_schema
from edge.bundle.bundle import default_model, read_bundle
from edge.commands import grade, grade_how, grade_rows
from edge.commands.console.cli import EngineName
from edge.engines.names import ENGINES
from edge.errors import EdgeError
from edge.findings.cause import CAUSES
from edge.grading.grader import Graded
from edge.metrics.classification import spearman
from edge.model import QualityModel
from edge.phantom.degradation import degrade
from edge.phantom.retina import make_retina, phantom_frame

SHIPPED = read_bundle(default_model())
MODEL = {"name": SHIPPED.manifest.name, "sha256": SHIPPED.sha256}


def eye(seed: int = 0, blur: float = 0) -> NDArray[np.uint8]:
    """A disc with dark lines for vessels: enough for a field of view, and a map of its own."""
    generator = np.random.default_rng(seed)
    frame = np.zeros((200, 260, 3), np.uint8)
    cv2.circle(frame, (130, 100), 92, (40, 90, 180), -1)
    for _ in range(14):
        steps = generator.normal(0, 22, (6, 2))
        points = (np.cumsum(steps, axis=0) + np.array([130, 100])).astype(np.int32)
        cv2.polylines(frame, [points], False, (25, 45, 120), 3, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), blur) if blur else frame, dtype=np.uint8)


def save(path: Path, frame: NDArray[np.generic]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), frame)
    return path


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command as a shell would: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edge-grade", "--threads", "1", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            grade.main()
        said = capsys.readouterr()
        code = left.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return run


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_one_file_prints_a_table(tmp_path: Path, run: Any) -> None:
    path = save(tmp_path / "eye.png", eye())
    code, out, err = run(path)
    assert code == 0
    assert err == ""
    head, row, _, summary, *_ = out.strip().splitlines()
    assert head.split() == ["score", "verdict", "cause", "path"]
    score, verdict, said = row.split(maxsplit=2)
    assert 0 <= float(score) <= 1
    assert verdict in ("good", "usable", "reject", "no_fundus")
    assert said.endswith(str(path))
    assert summary.startswith("1 graded (")
    assert summary.endswith("0 failed")


def test_csv_has_a_row_for_each_input_in_the_order_given(tmp_path: Path, run: Any) -> None:
    last, first = save(tmp_path / "a.png", eye(1)), save(tmp_path / "z.png", eye(2))
    code, out, _ = run(first, last, first, "--csv", tmp_path / "grades.csv")
    assert code == 0
    rows = rows_of(tmp_path / "grades.csv")
    assert [row["path"] for row in rows] == [str(first), str(last), str(first)]
    assert rows[0] == rows[2]
    assert all(row["error"] == "" for row in rows)
    assert "grades.csv" in out
    assert str(first) not in out


def test_one_bad_file_among_a_hundred(tmp_path: Path, run: Any) -> None:
    small = cv2.resize(eye(), (64, 48), interpolation=cv2.INTER_AREA)
    for number in range(100):
        save(tmp_path / "in" / f"{number:03d}.png", small)
    broken = tmp_path / "in" / "042.png"
    broken.write_bytes(broken.read_bytes()[:-20])
    code, out, err = run(tmp_path / "in", "--csv", tmp_path / "grades.csv")
    assert code == 1
    rows = rows_of(tmp_path / "grades.csv")
    assert [row["path"] for row in rows] == [str(tmp_path / "in" / f"{number:03d}.png") for number in range(100)]
    bad = [row for row in rows if row["error"]]
    assert len(bad) == 1
    assert bad[0]["path"] == str(broken)
    assert bad[0]["score"] == bad[0]["verdict"] == ""
    assert "cut off" in bad[0]["error"]
    assert str(broken) in err
    assert "Traceback" not in err
    assert "99 graded" in out
    assert "1 failed" in out
    assert len({(row["score"], row["verdict"]) for row in rows if not row["error"]}) == 1


def test_no_fundus_is_a_verdict_not_an_error(tmp_path: Path, run: Any) -> None:
    for name, level in (("black.png", 0), ("white.png", 255)):
        save(tmp_path / name, np.full((100, 120, 3), level, np.uint8))
    code, out, _ = run(tmp_path, "--json")
    black, white, last = map(json.loads, out.splitlines())
    assert code == 0
    for row in (black, white):
        assert row["verdict"] == "no_fundus"
        assert row["score"] == 0
        assert row["error"] is None
    assert last["summary"] == {
        "graded": 2,
        "failed": 0,
        "verdicts": {"good": 0, "usable": 0, "reject": 0, "no_fundus": 2},
        "causes": dict.fromkeys(CAUSES, 0),
        "model": MODEL,
        "passed_over": {"photographs": 0, "others": 0},
    }


def test_every_form_of_one_picture_gets_one_grade(tmp_path: Path, run: Any) -> None:
    frame = eye()
    frame[:, :, :] = frame[:, :, 1:2]
    save(tmp_path / "bgr.png", frame)
    save(tmp_path / "grey.png", frame[:, :, 0])
    save(tmp_path / "wide.png", frame.astype(np.uint16) * 257)
    save(tmp_path / "rgba.png", cv2.cvtColor(frame, cv2.COLOR_BGR2BGRA))
    save(tmp_path / "page.tif", frame)
    code, out, _ = run(tmp_path, "--json")
    assert code == 0
    scores = {json.loads(line)["score"] for line in out.splitlines()[:-1]}
    assert len(scores) == 1
    assert None not in scores


def test_json_lines_of_failures(tmp_path: Path, run: Any) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    save(tmp_path / "b.png", eye())
    code, out, err = run(tmp_path / "missing", tmp_path, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert code == 1
    assert err == ""
    assert [row["error"] is None for row in rows[:-1]] == [False, False, True]
    assert rows[0]["path"] == str(tmp_path / "missing")
    assert rows[0]["score"] is rows[0]["verdict"] is None
    assert rows[-1]["summary"]["failed"] == 2


def test_maps_of_equal_names_do_not_meet(tmp_path: Path, run: Any) -> None:
    for name in ("in/left/eye.png", "in/right/eye.png", "in/right/eye.bmp"):
        save(tmp_path / name, eye(len(name)))
    code, _, _ = run(tmp_path / "in", "--maps", tmp_path / "maps")
    assert code == 0
    made = sorted(str(path.relative_to(tmp_path / "maps")) for path in (tmp_path / "maps").rglob("*.png"))
    stems = ("left/eye", "right/eye", "right/eye-2")
    assert made == sorted(f"{stem}.{kind}.png" for stem in stems for kind in ("map", "overlay"))
    overlay = cv2.imread(str(tmp_path / "maps/left/eye.overlay.png"))
    assert overlay is not None
    assert overlay.shape[0] > 200, "no caption below the frame"
    assert overlay.shape[1] == 260
    # Pictures made by an earlier run are not photographs: the same folder again gives the same rows.
    _, out, _ = run(tmp_path, "--json")
    assert len(out.splitlines()) == 4


def test_maps_that_cannot_be_written_cost_no_row(tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise EdgeError("the disk is full.")

    monkeypatch.setattr(grade, "write_pictures", full)
    for number in range(3):
        save(tmp_path / "in" / f"{number}.png", eye(number))
    code, out, err = run(tmp_path / "in", "--maps", tmp_path / "maps", "--csv", tmp_path / "grades.csv")
    assert code == 1
    assert "maps and overlays" not in out
    assert err.count("the disk is full") == 1
    assert {row["pictures"] for row in rows_of(tmp_path / "grades.csv")} == {""}
    rows = rows_of(tmp_path / "grades.csv")
    assert [bool(row["score"]) for row in rows] == [True] * 3


def test_ctrl_c_keeps_the_rows_graded_so_far(tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = grade_how.grade_inputs

    def interrupted(*arguments: Any) -> Iterator[Graded]:
        graded = real(*arguments)
        yield next(graded)
        yield next(graded)
        raise KeyboardInterrupt

    monkeypatch.setattr(grade_how, "grade_inputs", interrupted)
    for number in range(4):
        save(tmp_path / "in" / f"{number}.png", eye(number))
    code, _, said = run(tmp_path / "in", "--csv", tmp_path / "grades.csv")
    assert code == 130
    note, last = said.splitlines()[-2:]
    assert note.startswith(f"note: stopped; only what was graded so far is in {tmp_path / 'grades.csv'}, and the same")
    assert last == "interrupted"
    assert [Path(row["path"]).name for row in rows_of(tmp_path / "grades.csv")] == ["0.png", "1.png"]

    def full(*_: object) -> None:
        raise EdgeError("the disk is full.")

    monkeypatch.setattr(grade_rows, "write_csv", full)
    code, _, said = run(tmp_path / "in", "--csv", tmp_path / "grades.csv")
    assert code == 130
    assert "error: the disk is full." in said


def test_ctrl_c_ends_a_decoder_that_hangs(tmp_path: Path) -> None:
    """A plain PNM of this size takes Pillow minutes, and nothing in the decoder looks for a signal."""
    save(tmp_path / "in" / "0.png", eye(0))
    for number in range(1, 4):
        (tmp_path / "in" / f"{number}.pgm").write_bytes(b"P2 6000 6000 255 " + b"7 " * 36_000_000)
    table = tmp_path / "grades.csv"
    program = [sys.executable, "-m", "edge.commands.grade", str(tmp_path / "in"), "--json", "--csv", str(table)]
    root = Path(grade.__file__).parents[2]
    run = subprocess.Popen(program, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert "0.png" in run.stdout.readline()
    run.send_signal(signal.SIGINT)
    _, said = run.communicate(timeout=300)
    assert run.returncode == 130
    assert "Traceback" not in said
    assert [Path(row["path"]).name for row in rows_of(table)] == ["0.png"]


def test_bits_of_16(tmp_path: Path, run: Any) -> None:
    wide = make_retina(0, 320).image.astype(np.uint16) * 16
    cv2.imwrite(str(tmp_path / "eye.png"), wide)
    cv2.imwrite(str(tmp_path / "full.png"), wide * 16)
    dark, told, full = (
        json.loads(run(tmp_path / name, "--json", *more)[1].splitlines()[0])
        for name, more in (("eye.png", ()), ("eye.png", ("--bits", "12")), ("full.png", ()))
    )
    assert abs(told["score"] - full["score"]) < 0.02
    assert dark["verdict"] in ("reject", "no_fundus")  # a sixteenth of the light, not stretched to all of it
    assert told["verdict"] == full["verdict"] == "good"
    assert run(tmp_path / "eye.png", "--bits", "11")[0] == 2
    assert "more than 10 bits" in run(tmp_path / "full.png", "--bits", "10")[1]


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_camera_of_12_bits_is_noted_once_a_batch(tmp_path: Path, run: Any, suffix: str) -> None:
    twelve = make_retina(0, 320).image.astype(np.uint16) * 16
    settings = [cv2.IMWRITE_TIFF_COMPRESSION, 1] if suffix == "tif" else []
    for name, samples in (("0", twelve), ("1", twelve // 8), ("2", twelve), ("3", twelve * 16)):
        assert cv2.imwrite(str(tmp_path / f"{name}.{suffix}"), samples, settings)
    code, _, said = run(tmp_path, "--json")
    first = tmp_path / f"0.{suffix}"
    words = f"3 files, the first of them {first}, reach only 12 of 16 bits and look dark"
    assert said == f"note: {words} for it: if the camera has 12 bits, give --bits 12.\n"
    assert code == 0
    (tmp_path / f"3.{suffix}").unlink()
    assert run(tmp_path, "--bits", "12")[2] == ""
    assert f"note: {first} reaches only 12 of 16 bits and looks dark" in run(first)[2]


def test_a_mistake_of_ours_is_one_sentence(tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> None:
        raise KeyError("no [such] key")

    monkeypatch.setattr(grade, "picture_stems", wrong)
    path = save(tmp_path / "eye.png", eye())
    code, _, err = run(path)
    assert code == 1
    assert err == "unexpected: KeyError: 'no [such] key'; run again with --debug and report it\n"
    monkeypatch.setattr(sys, "argv", ["edge-grade", "--debug", str(path)])
    with pytest.raises(KeyError):
        grade.main()


def test_labels_print_metrics(tmp_path: Path, run: Any) -> None:
    lines = ["path,quality"]
    for number in range(8):
        save(tmp_path / f"{number}.png", eye(number, blur=0 if number < 4 else 9))
        lines.append(f"{number}.png,{'good' if number < 4 else 'bad'}")
    save(tmp_path / "unlabelled.png", eye(99))
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    code, out, _ = run(tmp_path, "--labels", tmp_path / "labels.csv")
    assert code == 0
    assert "labels of 8 graded images from" in out
    assert "good against reject (4 to 4)" in out
    assert "AUROC" in out
    assert "4-fold" in out
    assert "at the thresholds of the model" in out
    code, out, _ = run(tmp_path, "--labels", tmp_path / "labels.csv", "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    good, bad = ([row["score"] for row in rows[i : i + 4]] for i in (0, 4))
    won = np.mean([(a > b) + (a == b) / 2 for a in good for b in bad])
    assert rows[-1]["summary"]["metrics"]["tasks"][0]["auroc"]["value"] == pytest.approx(won)


def test_a_graded_score_prints_the_rank_correlation(tmp_path: Path, run: Any) -> None:
    ratings = [5, 4.5, 3, 3, 1]
    lines = ["path,score", *(f"{number}.png,{rating}" for number, rating in enumerate(ratings))]
    images = [save(tmp_path / f"{number}.png", eye(number, blur=2 * number)) for number in range(5)]
    save(tmp_path / "unrated.png", eye(99))
    (tmp_path / "scores.csv").write_text("\n".join(lines))
    code, out, _ = run(tmp_path, images[0], "--labels", tmp_path / "scores.csv", "--json")  # one image is given twice
    assert code == 0
    rows = [json.loads(line) for line in out.splitlines()]
    ranking = rows[-1]["summary"]["metrics"]["ranking"]
    assert rows[-1]["summary"]["labels"] == str(tmp_path / "scores.csv")
    assert ranking["images"] == 5
    figure = ranking["spearman"]
    assert figure["value"] == pytest.approx(spearman([row["score"] for row in rows[:5]], ratings))
    assert figure["low"] <= figure["value"] <= figure["high"]
    code, out, _ = run(tmp_path, "--labels", tmp_path / "scores.csv")
    assert code == 0
    assert f"graded score of 5 images from {tmp_path / 'scores.csv'}" in out
    assert f"(Spearman)  {figure['value']:.4f} [{figure['low']:.4f}, {figure['high']:.4f}]" in out
    assert "AUROC" not in out


def test_scores_without_an_order_are_said_to_be_so(tmp_path: Path, run: Any) -> None:
    for number in range(3):
        save(tmp_path / f"{number}.png", np.zeros((100, 120, 3), np.uint8))
    (tmp_path / "scores.csv").write_text("path,score\n0.png,1\n1.png,2\n2.png,3\n")
    code, out, _ = run(tmp_path, "--labels", tmp_path / "scores.csv")
    assert code == 0
    assert "cannot be ranked: the model gives all the same score" in out
    (tmp_path / "2.png").write_bytes(b"no picture")
    code, out, _ = run(tmp_path, "--labels", tmp_path / "scores.csv", "--json")
    assert code == 1
    ranking = json.loads(out.splitlines()[-1])["summary"]["metrics"]["ranking"]
    assert (ranking["images"], ranking["spearman"]) == (2, None)
    assert "3 images or more" in ranking["why"]
    (tmp_path / "scores.csv").write_text("path,score\n0.png,1\n1.png,1\n2.png,1\n")
    code, out, err = run(tmp_path, "--labels", tmp_path / "scores.csv")
    assert (code, out) == (1, "")
    assert "all have the same graded score" in err


def test_the_graded_score_of_the_docs_is_read(tmp_path: Path, run: Any) -> None:
    page = (Path(grade.__file__).parents[2] / "docs" / "edge-grade.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^```csv\n(.*?)^```", page, re.M | re.S)
    (tmp_path / "scores.csv").write_text(table)
    for number, row in enumerate(rows_of(tmp_path / "scores.csv")):
        save(tmp_path / row["path"], eye(number, blur=2 * number))
    code, out, _ = run(tmp_path / "photos", "--labels", tmp_path / "scores.csv")
    assert code == 0
    assert f"graded score of {len(table.splitlines()) - 1} images from" in out


def test_photographs_of_a_kind_that_is_not_read_are_told_of(tmp_path: Path, run: Any) -> None:
    save(tmp_path / "photos" / "a.png", eye())
    _, _, quiet = run(tmp_path / "photos")
    (tmp_path / "photos" / "phone").mkdir()
    for name in ("IMG_1.NEF", "IMG_2.nef", ".hidden.nef", "notes.txt"):
        (tmp_path / "photos" / "phone" / name).write_bytes(b"x")
    code, out, said = run(tmp_path / "photos")
    assert "passed over" not in quiet
    assert "note: 2 photographs are passed over, such as" in said
    assert "0 failed, 3 passed over (2 photographs of a kind that is not read, 1 other file)" in out
    summary = json.loads(run(tmp_path / "photos", "--json")[1].splitlines()[-1])["summary"]
    assert (summary["graded"], summary["passed_over"]) == (1, {"photographs": 2, "others": 1})
    assert "IMG_1.NEF: convert them to JPEG or PNG" in said
    assert (code, "1 graded" in out) == (0, True)
    (tmp_path / "photos" / ".trash").mkdir()
    (tmp_path / "photos" / "phone" / "IMG_1.NEF").rename(tmp_path / "photos" / ".trash" / "IMG_1.NEF")
    assert "note: 1 photograph is passed over" in run(tmp_path / "photos")[2]
    code, _, said = run(tmp_path / "photos" / "phone")  # where there is nothing else, it matters most
    assert (code, "IMG_2.nef: convert them" in said, "holds no images" in said) == (1, True, True)


def test_json_of_what_holds_no_image_has_its_rows_and_the_summary(tmp_path: Path, run: Any) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    for name in ("a.nef", "note.txt"):
        (tmp_path / "other" / name).touch()
    paths = [tmp_path / "empty", tmp_path / "other", tmp_path / "*.png"]
    code, out, _ = run(*paths, "--json", "--csv", tmp_path / "grades.csv")
    *rows, last = map(json.loads, out.splitlines())
    assert code == 1
    assert [row["path"] for row in rows] == [str(path) for path in paths]
    assert ["holds no images" in row["error"] for row in rows] == [True, True, False]
    assert last["summary"] == {
        "graded": 0,
        "failed": 3,
        "verdicts": {"good": 0, "usable": 0, "reject": 0, "no_fundus": 0},
        "causes": dict.fromkeys(CAUSES, 0),
        "model": MODEL,
        "passed_over": {"photographs": 1, "others": 1},
    }
    assert len(rows_of(tmp_path / "grades.csv")) == 3


def test_a_score_below_1_is_not_shown_as_1(tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    real = QualityModel.assess
    path = save(tmp_path / "eye.png", eye())
    for score, shown in ((0.99996, "0.999"), (1.0, "1.000"), (0.955, "0.955"), (0.9549, "0.954")):
        monkeypatch.setattr(
            QualityModel, "assess", lambda self, frame, s=score: dataclasses.replace(real(self, frame), score=s)
        )
        assert run(path)[1].splitlines()[1].split()[0] == shown


def test_no_name_breaks_a_line_or_steers_the_terminal(tmp_path: Path, run: Any) -> None:
    good = save(tmp_path / "eye.png", eye()).read_bytes()
    for number, name in enumerate(
        (b"new\nline.png", b"esc\x1b[2J.png", b"cr\r.png", b"\xe2\x80\xae.png", b"\xff.png", b"[red].png")
    ):
        (tmp_path / os.fsdecode(name)).write_bytes(good if number % 2 else b"no picture")
    (tmp_path / "raw\n\x1b[31m.nef").touch()
    for arguments in ((), ("--csv", tmp_path / "grades.csv")):
        _, out, said = run(tmp_path, *arguments)
        shown = (out + said).splitlines()
        assert all(line.isprintable() for line in shown)
        assert sum(line.count(str(tmp_path)) for line in shown if ".png" in line) == (7 if not arguments else 3)
    rows = rows_of(tmp_path / "grades.csv")
    assert str(tmp_path / "new\nline.png") in [row["path"] for row in rows]  # of use as it is


def test_folders_named_good_and_bad_are_labels(tmp_path: Path, run: Any) -> None:
    for number in range(3):
        save(tmp_path / "good" / f"{number}.png", eye(number))
        save(tmp_path / "bad" / f"{number}.png", eye(number, blur=9))
    _, out, _ = run(tmp_path / "good", tmp_path / "bad")
    assert "from the names of the folders" in out
    assert "good against reject (3 to 3)" in out
    _, out, _ = run(tmp_path / "good")
    assert "labels" not in out
    assert "AUROC" not in out


def test_without_scikit_learn_labels_that_are_asked_for_are_refused_and_others_do_without(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    lines, scores = ["path,quality"], ["path,score"]
    for number, quality in enumerate(("good", "good", "bad", "bad")):
        name = f"{quality}/{number}.png"
        save(tmp_path / name, eye(number, blur=0 if quality == "good" else 9))
        lines.append(f"{name},{quality}")
        scores.append(f"{name},{number}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    (tmp_path / "scores.csv").write_text("\n".join(scores))
    code, out, err = run(tmp_path, "--labels", tmp_path / "labels.csv")
    assert (code, out) == (1, "")
    assert err == 'error: figures from labels need scikit-learn: pip install "efiqa-edge[metrics]".\n'
    code, out, err = run(tmp_path / "good", tmp_path / "bad")
    assert (code, err) == (0, "")
    assert "AUROC" in out
    assert 'figures from labels need scikit-learn: pip install "efiqa-edge[metrics]".' in out
    assert "fold, thresholds" not in out
    code, out, err = run(tmp_path, "--labels", tmp_path / "scores.csv")
    assert (code, err) == (0, "")
    assert "rank correlation" in out


def test_wrong_labels_stop_before_the_work(tmp_path: Path, run: Any) -> None:
    path = save(tmp_path / "eye.png", eye())
    (tmp_path / "labels.csv").write_text("path,quality\neye.png,lovely\n")
    code, out, err = run(path, "--labels", tmp_path / "labels.csv")
    assert code == 1
    assert out == ""
    assert err.startswith("error: ")
    assert "lovely" in err
    assert len(err.splitlines()) == 1


def test_outputs_that_cannot_be_are_refused_before_the_work(tmp_path: Path, run: Any) -> None:
    path = save(tmp_path / "eye.png", eye())
    before = path.read_bytes()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(path)
    (tmp_path / "hard").hardlink_to(tmp_path / "file")
    (tmp_path / "dangling").symlink_to(tmp_path / "later")
    for arguments, words in (
        (("--csv", tmp_path / "nowhere" / "x.csv"), "there is no folder"),
        (("--csv", tmp_path), "it is a folder"),
        (("--csv", path), "is an input"),
        (("--details", tmp_path / "nowhere" / "x.jsonl"), "there is no folder"),
        (("--details", tmp_path), "it is a folder"),
        (("--details", path), "is an input"),
        (("--details", tmp_path / "link"), "is an input"),
        (("--details", "/proc/self/x"), "cannot be the details"),
        (("--csv", tmp_path / "new", "--details", tmp_path / "." / "new"), "it is the CSV"),
        (("--csv", tmp_path / "file", "--details", tmp_path / "hard"), "it is the CSV"),
        (("--csv", tmp_path / "later", "--details", tmp_path / "dangling"), "it is the CSV"),
        (("--maps", tmp_path / "file"), "cannot be the folder of maps"),
    ):
        code, out, err = run(path, *arguments)
        assert code == 1
        assert out == ""
        assert words in err
    assert path.read_bytes() == before


def test_a_model_that_cannot_be_read_is_the_only_thing_said(tmp_path: Path, run: Any) -> None:
    (tmp_path / "broken.efiqa").write_bytes(b"PK\3\4")
    code, out, err = run(save(tmp_path / "eye.png", eye()), "--model", tmp_path / "broken.efiqa")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "broken.efiqa" in err


def test_maps_do_not_replace_those_of_a_session(tmp_path: Path, run: Any) -> None:
    image = save(tmp_path / "eye.png", eye())
    (tmp_path / "session" / "session.jsonl").parent.mkdir()
    (tmp_path / "session" / "session.jsonl").write_text("{}\n")
    code, out, err = run(image, "--maps", tmp_path / "session")
    assert (code, out) == (1, "")
    assert "holds a session of edge-capture" in err
    assert [path.name for path in (tmp_path / "session").iterdir()] == ["session.jsonl"]


@pytest.mark.parametrize("where", ["/dev/stdout", "rows"])
@pytest.mark.parametrize("two", [("--json", "--csv"), ("--json", "--details"), ("--csv", "--details")])
def test_rows_go_to_stdout_once(tmp_path: Path, where: str, two: tuple[str, str]) -> None:
    image, path = save(tmp_path / "eye.png", eye()), "/dev/stdout" if where == "/dev/stdout" else tmp_path / "rows"
    with (tmp_path / "rows").open("w") as rows:
        outputs = [each for option in two for each in ([option] if option == "--json" else [option, path])]
        command = [sys.executable, "-m", "edge.commands.grade", image, *outputs]
        done = subprocess.run(list(map(str, command)), stdout=rows, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert f"leave out {two[0]} or {two[1]}" in done.stderr
    assert (tmp_path / "rows").read_text() == ""


def test_details_on_stdout_stand_there_alone(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "edge.commands.grade",
        str(save(tmp_path / "eye.png", eye())),
        str(tmp_path / "no"),
    ]
    done = subprocess.run([*command, "--details", "/dev/stdout"], capture_output=True, text=True)
    assert done.returncode == 1
    graded, failed = map(json.loads, done.stdout.splitlines())
    assert Path(graded["path"]).name == "eye.png"
    assert graded["error"] is None
    assert set(failed) == {"path", "error"}
    assert "1 graded" in done.stderr
    piped = subprocess.run([*command, "--csv", "/dev/stdout"], capture_output=True, text=True)
    assert piped.stdout.startswith("path,score")
    assert piped.stderr == done.stderr.replace("details: /dev/stdout", "rows: /dev/stdout")


def test_details_are_a_line_a_file_of_the_published_schema(tmp_path: Path, run: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    paths = [save(tmp_path / f"{n}.png", frame) for n, frame in enumerate((eye(), eye() * 0, phantom_frame(3)))]
    code, out, _ = run(*paths, "--details", tmp_path / "d.jsonl", "--criterion", "eurodiab")
    assert code == 0
    assert f"details: {tmp_path / 'd.jsonl'}" in out
    lines = [json.loads(line) for line in (tmp_path / "d.jsonl").read_text().splitlines()]
    assert [line["path"] for line in lines] == [str(path) for path in paths]
    for line in lines:
        jsonschema.validate(line, json_schema())
        assert set(line) - set(json_schema()["properties"]) == {"path", "error", "criterion", "model"}
        assert line["model"] == SHIPPED.sha256


def test_what_is_written_of_two_outputs_does_not_need_the_other(
    tmp_path: Path, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise EdgeError("the disk is full.")

    monkeypatch.setattr(grade_rows, "write_csv", full)
    image = save(tmp_path / "eye.png", eye())
    code, _, err = run(image, "--csv", tmp_path / "grades.csv", "--details", tmp_path / "d.jsonl")
    assert code == 1
    assert "the disk is full" in err
    assert len((tmp_path / "d.jsonl").read_text().splitlines()) == 1


def test_pictures_leads_from_each_row_to_its_own(tmp_path: Path, run: Any) -> None:
    """Whatever a name holds, and where two folders hold the same one: the overlay begins with the frame itself."""
    names = ["left/eye.png", "right/eye.png", 'a,"b";c.png', "two\nlines.png", "=1+1.png", "eye.bmp", "right/eye.bmp"]
    for number, name in enumerate(names):
        save(tmp_path / "in" / name, np.full((60, 220, 3), 30 * number, np.uint8))
    bad = tmp_path / "in" / "broken.png"
    bad.write_bytes(b"")
    code, _, _ = run(tmp_path / "in", "--maps", tmp_path / "maps", "--csv", tmp_path / "grades.csv")
    assert code == 1
    rows = {row["path"]: row["pictures"] for row in rows_of(tmp_path / "grades.csv")}
    assert rows.pop(str(bad)) == ""
    assert len(set(rows.values())) == len(names)
    for path, stem in rows.items():
        overlay = cv2.imread(f"{tmp_path / 'maps'}/{stem}.overlay.png")
        assert np.array_equal(overlay[:60, :220], cv2.imread(path))
        assert Path(f"{tmp_path / 'maps'}/{stem}.map.png").exists()


def test_the_summary_says_why_photographs_are_not_good(tmp_path: Path, run: Any) -> None:
    for number in range(3):
        save(tmp_path / f"black{number}.png", np.zeros((90, 120, 3), np.uint8))
    save(tmp_path / "eye.png", degrade(phantom_frame(3), "shadow", 0.8, rng=np.random.default_rng(3))[0])
    code, out, _ = run(tmp_path)
    assert code == 0
    assert out.splitlines()[-3:] == [
        "main cause of the 4 that are not good, as estimated:",
        "  3   75 %  no retina in view",
        "  1   25 %  edge shadow",
    ]
    summary = json.loads(run(tmp_path, "--json")[1].splitlines()[-1])["summary"]
    assert summary["causes"] == dict.fromkeys(CAUSES, 0) | {"edge_shadow": 1}


def test_exit_codes_of_wrong_arguments(tmp_path: Path, run: Any) -> None:
    assert run()[0] == 2
    assert run(tmp_path, "--threads", "0")[0] == 2
    assert run(tmp_path, "--no-such-option")[0] == 2
    assert run(tmp_path, "--engine", "abacus")[0] == 2
    code, _, err = run(tmp_path / "nowhere")
    assert code == 1
    assert "neither a file nor a folder" in err
    code, _, err = run(tmp_path)
    assert code == 1
    assert "holds no images" in err
    path = save(tmp_path / "eye.png", eye())
    code, _, err = run(path, "--model", tmp_path / "none.efiqa")
    assert code == 1
    assert "none.efiqa" in err
    assert "Traceback" not in err


def test_the_choice_of_engines_is_the_engines() -> None:
    assert {name.value for name in EngineName} == {"auto", *ENGINES}


def test_help_has_an_example(run: Any) -> None:
    code, out, _ = run("--help")
    assert code == 0
    assert "edge-grade photos/ --csv grades.csv" in out


def test_opencv_says_nothing_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    path = save(tmp_path / "eye.tif", eye())
    data = bytearray(path.read_bytes())
    data[3000:3040] = bytes(255 - byte for byte in data[3000:3040])
    path.write_bytes(data)
    assert cv2.imread(str(path)) is not None
    said = capfd.readouterr().err
    assert "TIFF" in said or cv2.__version__.startswith("4")  # the words of libtiff; OpenCV 4 keeps them to itself
    monkeypatch.setattr(sys, "argv", ["edge-grade", str(path), "--threads", "1"])
    with pytest.raises(SystemExit):
        grade.main()
    assert "TIFF" not in capfd.readouterr().err


def test_a_closed_pipe_is_quiet(tmp_path: Path) -> None:
    path = save(tmp_path / "eye.png", eye())
    command = [sys.executable, "-m", "edge.commands.grade", *[str(path)] * 200, "--threads", "1", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=Path(grade.__file__).parents[2]
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["path"] == str(path)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(300) == 1


def test_a_dicom_file_that_shows_the_other_eye_than_it_says_is_told_of(run: Any, tmp_path: Path) -> None:
    pydicom = pytest.importorskip("pydicom", reason="without pydicom NO DICOM FILE WAS READ")
    right = make_retina(950_001, 480)
    assert right.laterality == "right"
    for name, tag, said in (
        ("agrees", "ImageLaterality", "R"),
        ("mirrored", "ImageLaterality", "L"),
        ("series", "Laterality", "L"),
        ("both", "ImageLaterality", "B"),
        ("silent", "ImageLaterality", ""),
    ):
        image = pydicom.Dataset()
        image.file_meta = pydicom.dataset.FileMetaDataset()
        image.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.77.1.5.1", pydicom.uid.generate_uid()
        image.Rows, image.Columns = right.image.shape[:2]
        image.SamplesPerPixel, image.PhotometricInterpretation, image.PlanarConfiguration = 3, "RGB", 0
        image.BitsAllocated, image.BitsStored, image.HighBit, image.PixelRepresentation = 8, 8, 7, 0
        image.PixelData = np.ascontiguousarray(right.image[:, :, ::-1]).tobytes()
        setattr(image, tag, said)
        pydicom.dcmwrite(tmp_path / f"{name}.dcm", image, enforce_file_format=True)
    code, _, errors = run(tmp_path, "--details", tmp_path / "details.jsonl")
    assert code == 0
    assert errors.count("note: ") == 1
    assert f"2 files, the first of them {tmp_path / 'mirrored.dcm'}, show the other eye than they say" in errors
    told = {Path(row["path"]).stem: row for row in map(json.loads, (tmp_path / "details.jsonl").open())}
    assert {name: row.get("other_eye") for name, row in told.items()} == {
        "agrees": False,
        "mirrored": True,
        "series": True,
        "both": None,
        "silent": None,
    }
    assert {row["eye"] for row in told.values()} == {"right"}


def test_a_criterion_has_columns_and_the_last_word(tmp_path: Path, run: Any) -> None:
    path, wall = save(tmp_path / "eye.png", eye()), save(tmp_path / "wall.png", np.full((300, 400, 3), 90, np.uint8))
    code, out, _ = run(path, wall, "--criterion", "nhs-desp", "--csv", tmp_path / "grades.csv")
    assert code == 0
    assert out.splitlines()[-1].endswith("of 2 adequate by nhs-desp (unverified); no programme has approved it")
    rows = rows_of(tmp_path / "grades.csv")
    assert {row["criterion"] for row in rows} == {"nhs-desp (unverified)"}
    adequate = sum(row["adequate"] == "yes" for row in rows)
    assert out.splitlines()[-1].startswith(f"{adequate} of 2 adequate")
    failed = [name.split(":")[0] for row in rows for name in row["requirement"].split("; ") if name]
    why = [line.split(maxsplit=1) for line in out.splitlines()[-1 - len(set(failed)) : -1]]
    assert {name: int(count) for count, name in why} == Counter(failed)
    assert f"why {2 - adequate} " in out
    assert rows[1]["adequate"] == "no"
    assert rows[1]["requirement"] == "not showing a retina"
    _, out, _ = run(path, "--criterion", "nhs-desp")
    assert "nhs-desp (unverified)" in out.splitlines()[0]
    row, last = map(json.loads, run(wall, "--criterion", "nhs-desp", "--json")[1].splitlines())
    assert (row["criterion"], row["adequate"]) == ("nhs-desp (unverified)", False)
    assert (last["summary"]["criterion"], last["summary"]["adequate"]) == ("nhs-desp (unverified)", 0)
    run(path, wall, "--criterion", "nhs-desp", "--details", tmp_path / "details.jsonl")
    said = [json.loads(line)["criterion"] for line in (tmp_path / "details.jsonl").read_text().splitlines()]
    assert said[1]["words"] == "nhs-desp (unverified): not adequate: not showing a retina"
    assert not said[0]["verified"]


@pytest.mark.parametrize("output", ["--csv", "--details"])
def test_a_criterion_of_ones_own_is_not_overwritten(tmp_path: Path, run: Any, output: str) -> None:
    ours = tmp_path / "ours.yaml"
    ours.write_text("name: ours\ntitle: ours\nsource: none\ndate: today\nverified: true\nmacula: {clear: 0.5}\n")
    before = ours.read_bytes()
    code, _, err = run(save(tmp_path / "eye.png", eye()), "--criterion", ours, output, ours)
    assert code == 1
    assert "it is an input, which would be lost" in " ".join(err.split())
    assert ours.read_bytes() == before


def test_a_wrong_criterion_is_a_wrong_argument(tmp_path: Path, run: Any) -> None:
    (tmp_path / "ours.yaml").write_text("name: 1\n")
    for name, said in (("nhs", "there is no criterion nhs"), (tmp_path / "ours.yaml", "name is 1")):
        code, _, err = run(save(tmp_path / "eye.png", eye()), "--criterion", name)
        assert code == 2
        assert said in re.sub(r"[\s│]+", " ", err)
        assert "Traceback" not in err
