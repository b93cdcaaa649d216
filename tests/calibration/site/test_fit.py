"""A bundle and labels in, the same network under the site's own criterion out; and the page that makes the labels."""

from __future__ import annotations

import base64
import csv
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("openvino")

from calibration.site.criterion import Aim
from calibration.site.fit import _metrics, fit_site
from calibration.site.label_page import make_page
from edge.bundle.bundle import default_model, read_bundle
from edge.engines.verify import golden_score
from edge.errors import EdgeError
from edge.images import read_image
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten synthetic eyes, five of them blurred until nothing is left, with their labels."""
    folder = tmp_path_factory.mktemp("site")
    rows = ["path,quality\n"]
    for seed in range(10):
        frame = phantom_frame(seed)
        if seed % 2:
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 25), np.uint8)
        cv2.imwrite(str(folder / f"{seed}.png"), frame)
        rows.append(f"{seed}.png,{'reject' if seed % 2 else 'good'}\n")
    (folder / "labels.csv").write_text("".join(rows))
    return folder / "labels.csv"


Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def ours(labels: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Path]:
    """What the command said, in a process of its own, and the bundle that it wrote."""
    target = tmp_path_factory.mktemp("ours") / "ours.efiqa"
    code = "from calibration.commands import main; main()"
    arguments = ("thresholds", default_model(), "--labels", labels, "-o", target, "--json")
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300), target


@pytest.fixture
def thresholds(edge_calibrate: Callable[..., Any]) -> Callable[..., Any]:
    """``edge-calibrate thresholds default``."""
    return functools.partial(edge_calibrate, "thresholds", default_model())


def test_ten_labels_make_a_bundle_with_the_same_network(labels: Path, ours: tuple[Done, Path]) -> None:
    done, target = ours
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["labels"] == {"good": 5, "reject": 5}
    assert said["estimate"]["balanced_accuracy"]["value"] == 1
    assert "10 labels do not suffice" in said["doubts"][0]
    assert said["doubts"][0] in done.stderr.replace("\n", " ")
    low, high = said["usable_interval"]
    assert low <= said["thresholds"]["usable"] <= high
    before, after = read_bundle(default_model()), read_bundle(target)
    assert after.onnx == before.onnx
    assert after.manifest.members == before.manifest.members
    assert re.search(r"\d{4}-\d\d-\d\d, on labels.csv \(5 good, 5 reject; SHA-256 ", after.manifest.thresholds_from)
    with QualityModel.load(target, "openvino") as model:
        for golden in after.manifest.golden:
            score = golden_score(model.engine, model.manifest, golden.seed)
            assert score == pytest.approx(golden.score, abs=1e-4)
        for path in labels.parent.glob("*.png"):
            wanted = {"reject", "no_fundus"} if int(path.stem) % 2 else {"good", "usable"}
            assert model.assess(read_image(path)).verdict in wanted


def test_the_same_labels_make_the_same_bundle(
    labels: Path, ours: tuple[Done, Path], thresholds: Any, tmp_path: Path
) -> None:
    assert thresholds("--labels", labels, "-o", tmp_path / "again").code == 0
    assert (tmp_path / "again").read_bytes() == ours[1].read_bytes()


def test_a_rate_can_be_fixed_and_the_table_says_what_came_of_it(labels: Path, thresholds: Any, tmp_path: Path) -> None:
    target = tmp_path / "ours.efiqa"
    done = thresholds("--labels", labels, "-o", target, "--at-sensitivity", "1")
    assert done.code == 0, done.err
    assert "at sensitivity 1" in read_bundle(target).manifest.thresholds_from
    for words in ("fitted on 5 good, 5 reject", "as they were", "usable from", "bundle as it was", "cross-validated"):
        assert words in done.out
    both = thresholds("--labels", labels, "-o", target, "--at-sensitivity", "1", "--at-specificity", "1")
    assert both.code == 2
    assert "not both" in both.err
    for wrong, said in (
        (default_model(), "it is an input"),
        (tmp_path / "no" / "x.efiqa", "there is no folder"),
    ):
        done = thresholds("--labels", labels, "-o", wrong)
        assert done.code == 1
        assert said in done.err
        assert "grading" not in done.err  # before the work


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,quality\n0.png,good\n2.png,good\n", "all 2 labelled images are good"),
        ("path,quality\n0.png,good\nlost.png,reject\n", "names 1 of 2 images that do not exist"),
        ("path,quality\n0.png,good\n0.png,reject\n", "two different labels"),
        ("path,quality\nnone.png,good\nno.jpg,reject\n", "none of the images"),
        ("path,score\n0.png,1\n1.png,3\n2.png,5\n", "holds a graded score, not labels"),
    ],
)
def test_labels_that_cannot_serve_are_refused_in_a_sentence(
    labels: Path, thresholds: Any, tmp_path: Path, text: str, said: str
) -> None:
    for name in ("none.png", "no.jpg"):
        (labels.parent / name).write_bytes(b"no picture")
    wrong = labels.parent / "wrong.csv"
    wrong.write_text(text)
    done = thresholds("--labels", wrong, "-o", tmp_path / "x.efiqa")
    for name in ("none.png", "no.jpg", "wrong.csv"):
        (labels.parent / name).unlink()
    assert done.code == 1
    assert said in done.err
    assert not (tmp_path / "x.efiqa").exists()


def test_without_scikit_learn_a_sentence_names_the_extra_before_the_work(
    labels: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    with pytest.raises(EdgeError, match=r'need scikit-learn: pip install "efiqa-edge\[metrics\]"\.$'):
        fit_site(default_model(), labels, tmp_path / "x.efiqa", Aim(), "openvino")


def test_the_page_holds_the_images_and_paths_from_where_it_lies(
    labels: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = labels.parent / "a, <b> 'c'.png"
    odd.write_bytes((labels.parent / "0.png").read_bytes())
    (labels.parent / "broken.png").write_bytes(b"no picture")
    caplog.set_level("INFO")
    target = labels.parent / "label.html"
    made = make_page([labels.parent], target, 100)
    page = target.read_text(encoding="utf-8")
    for path in (odd, labels.parent / "broken.png", target):
        path.unlink()
    assert made == 11
    assert "broken.png" in caplog.messages[0]
    assert "http" not in page.replace("http-equiv", "")  # nothing is fetched
    assert "<b>" not in page
    found = re.search(r"const frames = (\[.*\]);\n", page)
    assert found
    frames = json.loads(found[1])
    assert {f["path"] for f in frames} == {*(f"{n}.png" for n in range(10)), odd.name}
    coded = np.frombuffer(base64.b64decode(frames[0]["image"].split(",")[1]), np.uint8)
    picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    assert picture is not None
    assert max(picture.shape) <= 1000
    assert make_page([labels.parent], tmp_path / "few.html", 3) == 3


def test_what_the_page_calls_a_quality_is_what_thresholds_reads(labels: Path) -> None:
    from edge.metrics.labels import read_labels

    page = (Path(sys.modules["calibration.site.label_page"].__file__ or "").parent / "label_page.html").read_text()
    words = [word for word in re.findall(r'data-quality="(\w*)"', page) if word]
    assert set(words) == {"good", "usable", "reject", "outlier"}
    written = labels.parent / "all.csv"
    with written.open("w", newline="") as file:
        csv.writer(file).writerows([("path", "quality"), *((f"{n}.png", word) for n, word in enumerate(words))])
    read = read_labels(written)
    written.unlink()
    assert list(read.values()) == words


def test_a_page_without_any_image_is_not_written(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(EdgeError, match="nothing to label"):
        make_page([tmp_path], tmp_path / "label.html", 5)
    assert not (tmp_path / "label.html").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes there")
def test_a_name_that_no_browser_can_save_is_left_out(
    labels: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (b"caf\xe9.png", b"0.png"):
        (tmp_path / os.fsdecode(name)).write_bytes((labels.parent / "0.png").read_bytes())
    caplog.set_level("INFO")
    assert make_page([tmp_path], tmp_path / "label.html", 5) == 1
    assert "caf\\udce9.png has a name that is not UTF-8" in caplog.messages[0]


def test_figures_of_scores_go_with_the_weights_that_made_them() -> None:
    before = {"int8 map mean abs difference": 0.01, "int8 score rank correlation": 0.99, "AUROC x good/reject": 0.9}
    assert _metrics(before, False, None) == before
    assert list(_metrics(before, True, None)) == ["int8 map mean abs difference"]
