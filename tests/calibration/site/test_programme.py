"""A criterion and labels in, the same criterion under a site's limits out, as a user runs it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("openvino")

from calibration.site.programme import fit_criterion
from edge.criteria.criterion import read_criterion
from edge.errors import EdgeError
from edge.phantom.retina import phantom_frame


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five synthetic eyes, clear and blurred until hardly a vessel is left, with their labels: both of each field."""
    folder = tmp_path_factory.mktemp("site")
    rows = ["path,adequate\n"]
    for seed in range(10):
        frame = phantom_frame(seed // 2)
        if seed % 2:
            frame = np.asarray(cv2.GaussianBlur(frame, (0, 0), 8), np.uint8)
        cv2.imwrite(str(folder / f"{seed}.png"), frame)
        rows.append(f"{seed}.png,{'no' if seed % 2 else 'yes'}\n")
    (folder / "labels.csv").write_text("".join(rows))
    return folder / "labels.csv"


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """A criterion that no photograph of a whole field meets."""
    said = {"name": "strict", "title": "Strict", "source": "a letter", "date": "2026", "verified": True}
    fields = {kind: {"score": 1.0, "clear": 1.0} for kind in ("macula", "disc", "other")}
    path = tmp_path / "strict.yaml"
    path.write_text(yaml.safe_dump({**said, **fields}))
    return path


def edge_calibrate(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    code = "from calibration.commands import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, "criterion", *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


def test_ten_labels_make_a_criterion_that_agrees_with_them(labels: Path, strict: Path, tmp_path: Path) -> None:
    target = tmp_path / "mine.yaml"
    done = edge_calibrate(strict, "--labels", labels, "-o", target, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["labels"] == {"adequate": 5, "not adequate": 5}
    assert said["before"]["rates"]["sensitivity"]["value"] == 0
    assert said["after"]["rates"]["balanced_accuracy"]["value"] == 1
    assert said["after"]["kappa"] == 1
    assert "10 labels do not suffice" in " ".join(said["doubts"])
    assert said["doubts"][0] in done.stderr.replace("\n", " ")
    made = read_criterion(target)
    assert made.name == "mine"
    assert not made.verified  # whatever the file it came from says
    assert re.match(r"fitted on 10 labels of labels\.csv \(5 adequate, 5 not adequate; SHA-256 \w{12}\)", made.source)
    assert "a letter" in made.source
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", made.date)
    for limit in said["limits"]:
        assert limit["low"] <= limit["after"] <= limit["high"]


def test_the_table_says_before_and_after(labels: Path, tmp_path: Path) -> None:
    text = labels.read_text().replace("adequate", "quality").replace("yes", "usable").replace("no\n", "reject\n")
    quality = labels.parent / "quality.csv"
    quality.write_text(text)
    done = edge_calibrate("referral", "--labels", quality, "-o", tmp_path / "a.yaml")
    assert done.returncode == 0, done.stderr
    for words in (
        "no programme has approved it",
        "macula clear",
        "as it was",
        "same labels",
        "cross-validated",
        "kappa",
    ):
        assert words in done.stdout
    again = tmp_path / "referral.yaml"  # which is not to be taken for the one that ships
    edge_calibrate("referral", "--labels", quality, "-o", again)
    assert (tmp_path / "a.yaml").read_text().replace("name: a", "name: referral, fitted") == again.read_text()
    assert read_criterion(again).name == "referral, fitted"


def test_a_fit_that_gains_nothing_says_so(labels: Path, strict: Path, tmp_path: Path) -> None:
    """The labels are what the criterion says already."""
    strict.write_text(strict.read_text().replace("1.0", "0.4"))
    report = fit_criterion(str(strict), labels, tmp_path / "x.yaml", None, "openvino")
    assert report.before.rates.balanced_accuracy.value == 1
    assert any("agree no better (1.00) than those of strict (1.00): keep strict." in each for each in report.doubts)
    assert [each.after for each in report.limits] == [each.before for each in report.limits]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,adequate\n0.png,yes\n2.png,yes\n", "all 2 labelled images are good"),
        ("path,adequate\n0.png,yes\nlost.png,no\n", "names 1 of 2 images that do not exist"),
        ("path,adequate\n0.png,yes\n0.png,no\n", "two different labels"),
        ("path,adequate\n0.png,perhaps\n", "unknown quality 'perhaps'"),
        ("path,adequate\nnone.png,yes\nno.jpg,no\n", "none of the images"),
        ("path,score\n0.png,1\n1.png,3\n2.png,5\n", "holds a graded score, not labels"),
        ("path\n0.png\n", "no column quality, adequate or score"),
        ("", "no column path"),
    ],
)
def test_labels_that_cannot_serve_are_refused_in_a_sentence(labels: Path, tmp_path: Path, text: str, said: str) -> None:
    for name in ("none.png", "no.jpg"):
        (labels.parent / name).write_bytes(b"no picture")
    wrong = labels.parent / "wrong.csv"
    wrong.write_text(text)
    with pytest.raises(EdgeError, match=said) as refused:
        fit_criterion("nhs-desp", wrong, tmp_path / "x.yaml", None, "openvino")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "x.yaml").exists()


def test_the_wrong_files_are_refused_before_the_work(labels: Path, strict: Path, tmp_path: Path) -> None:
    for name, target, said in (
        ("nhs-dsep", tmp_path / "x.yaml", "there is no criterion nhs-dsep"),
        (strict, strict, "it is an input"),
        (strict, tmp_path / "no" / "x.yaml", "there is no folder"),
    ):
        done = edge_calibrate(name, "--labels", labels, "-o", target)
        assert done.returncode == 1
        assert said in done.stderr
        assert "grading" not in done.stderr
    assert read_criterion(strict).verified
