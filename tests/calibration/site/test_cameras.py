"""Thresholds for many cameras: what is fitted, what a camera gets from a fit without it, and what a bundle says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("openvino")

from calibration.commands import main
from calibration.site.cameras import described, fit_cameras
from calibration.site.commands import BEGIN, END
from calibration.site.thresholds import Scored, fit_thresholds
from calibration.site.verdicts import figures, leave_out, verdicts, without_fits
from edge.bundle.bundle import Thresholds, default_model, read_bundle
from edge.errors import EdgeError
from edge.model import QualityModel
from edge.phantom.degradation import degrade
from edge.phantom.retina import phantom_frame
from trainer.evaluation.sets import CLEAR_LIST, half_of


def scored(name: str, **scores: list[float]) -> Scored:
    words = [quality for quality, some in scores.items() for _ in some]
    return Scored(name, np.array([score for some in scores.values() for score in some]), words)  # type: ignore[arg-type]


LOW = scored("low", good=[0.5, 0.7], reject=[0.1])
HIGH = scored("high", good=[0.9, 0.95], usable=[0.85], reject=[0.6, 0.2], outlier=[0.3])
BARE = scored("bare", good=[0.8, 0.97], usable=[0.75])


def test_a_set_of_clear_photographs_alone_bounds_what_is_refused() -> None:
    assert fit_thresholds([HIGH]).usable > 0.6
    bounded = fit_thresholds([HIGH, scored("bare", good=[0.55])])
    assert 0.3 < bounded.usable <= 0.54  # a hundredth below


def test_a_camera_left_out_is_judged_by_thresholds_that_do_not_know_it() -> None:
    found = {each.name: each for each in leave_out([LOW, HIGH, BARE])}
    for name, others in (("low", [HIGH, BARE]), ("high", [LOW, BARE]), ("bare", [LOW, HIGH])):
        assert found[name].thresholds == fit_thresholds(others)
    assert (found["low"].clear, found["low"].clear_refused) == (2, 1)  # 0.5: the others end above 0.6
    assert found["high"].clear_refused == 0


def test_no_set_is_judged_by_thresholds_that_were_fitted_on_nothing() -> None:
    assert leave_out([HIGH]) == ()
    assert [each.name for each in leave_out([HIGH, BARE])] == ["bare"]  # without HIGH there is no reject


def test_what_a_set_gets_is_counted() -> None:
    seen = verdicts(HIGH, Thresholds(0.05, 0.55, 0.92))
    assert (seen.clear, seen.clear_refused, seen.clear_good) == (2, 0, 1)
    assert (seen.useless, seen.useless_refused) == (3, 2)
    assert (seen.others, seen.others_good) == (4, 0)
    # What scores exactly a threshold passes it.
    edge = verdicts(HIGH, Thresholds(0.05, 0.6, 0.9))
    assert (edge.useless_refused, edge.clear_good) == (2, 2)


def test_figures_are_shares_of_what_there_is_and_make_way_for_another_fit() -> None:
    found = figures(leave_out([LOW, HIGH, BARE]))
    assert found["low left out: clear refused"] == 0.5
    assert "bare left out: useless refused" not in found
    kept = {"AUROC drimdb good/reject": 1.0}
    assert without_fits({**kept, **found, "site balanced accuracy, cross-validated": 0.9}) == kept


def test_the_manifest_names_every_set_the_objective_and_the_list() -> None:
    words = described([LOW, HIGH], CLEAR_LIST)
    assert "low (2 clear, 1 useless); high (2 clear, 3 useless)" in words
    assert "at most 3% of the clear ones of each" in words
    assert "half of clear.csv (SHA-256 " in words
    assert "SHA-256" not in described([LOW], None)


@pytest.fixture(scope="module")
def cameras(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Synthetic eyes of two cameras: one labelled by folders, one by a list, with a hazed eye marked clear."""
    data = tmp_path_factory.mktemp("cameras")
    rows = ["path,mark1,mark2"]
    chooses = [name for name in (f"listed/{n}.png" for n in range(60)) if half_of(name) == "chooses"][:6]
    for folder in ("first/good", "first/bad", "listed"):
        (data / folder).mkdir(parents=True)
    for seed in range(6):
        frame = phantom_frame(seed)
        spoiled, _ = degrade(frame, "blur", 0.9)
        cv2.imwrite(str(data / f"first/good/{seed}.png"), frame)
        cv2.imwrite(str(data / f"first/bad/{seed}.png"), spoiled)
        dim = degrade(frame, "haze", 0.85)[0] if seed == 0 else phantom_frame(seed + 10)
        cv2.imwrite(str(data / chooses[seed]), dim)
        rows.append(f"{chooses[seed]},clear,clear")
    reports = next(name for name in (f"listed/{n}.png" for n in range(60, 99)) if half_of(name) == "reports")
    (data / reports).write_bytes(b"to look at it would be a mistake")
    rows.append(f"{reports},clear,clear")
    (data / "list.csv").write_text("\n".join(rows) + "\n")
    return data


def test_a_bundle_is_fitted_on_all_cameras_and_keeps_its_network(
    cameras: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    target = tmp_path / "carried.efiqa"
    report = fit_cameras(default_model(), cameras, cameras / "list.csv", target, "openvino")
    before, after = read_bundle(default_model()), read_bundle(target)
    assert after.onnx == before.onnx
    assert after.manifest.pooling == before.manifest.pooling
    assert after.manifest.thresholds == report.thresholds
    kept = {name: value for name, value in before.manifest.metrics.items() if " left out: " not in name}
    assert after.manifest.metrics.items() >= kept.items()
    assert {name.partition(" left out")[0] for name in after.manifest.metrics.keys() - kept} == {"listed"}
    assert after.manifest.metrics["listed left out: clear refused"] == pytest.approx(1 / 6, abs=1e-5)
    assert "first (6 clear, 6 useless); listed (6 clear, 0 useless)" in after.manifest.thresholds_from
    assert all(each.clear_refused == 0 for each in report.together)
    assert "left out" not in caplog.text  # the half that reports was not read
    with QualityModel.load(target, "openvino") as model:
        hazed = cv2.imread(str(min(cameras.glob("listed/*.png"), key=lambda path: int(path.stem))))
        assert hazed is not None
        assert model.assess(np.asarray(hazed, np.uint8)).verdict in ("usable", "good")
    again = tmp_path / "again.efiqa"
    assert fit_cameras(target, cameras, cameras / "list.csv", again, "openvino").thresholds == report.thresholds
    assert again.read_bytes() == target.read_bytes()  # whatever the thresholds were before


def test_the_command_prints_both_tables_and_writes_them_into_a_page(
    cameras: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    words = ["cameras", "default", "--data", cameras, "--list", cameras / "list.csv", "-o", tmp_path / "x.efiqa"]
    monkeypatch.setattr(sys, "argv", ["edge-calibrate", *map(str, words), "--page", str(page), "--json"])
    with pytest.raises(SystemExit) as left:
        main()
    assert not left.value.code
    said = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in said["left_out"]] == ["listed"]  # all rejects are of the first
    assert [each["name"] for each in said["together"]] == ["first", "listed"]
    written = page.read_text()
    assert written.count("| listed | 6 | 0 |") == 2
    assert "old" not in written
    assert written.startswith("before")
    assert written.endswith("after\n")


@pytest.mark.parametrize(
    ("data", "said"), [("lost", "is not a folder"), ("listed", "holds no readable photographs that are labelled good")]
)
def test_what_cannot_be_fitted_is_refused_before_the_work(cameras: Path, tmp_path: Path, data: str, said: str) -> None:
    with pytest.raises(EdgeError, match=said):
        fit_cameras(default_model(), cameras / data, cameras / "list.csv", tmp_path / "x.efiqa", "openvino")
    assert not (tmp_path / "x.efiqa").exists()


def test_sets_of_which_nothing_can_be_read_are_refused(tmp_path: Path) -> None:
    for name in ("good/1.png", "bad/2.png"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(EdgeError, match="holds no readable photographs"):
        fit_cameras(default_model(), tmp_path, CLEAR_LIST, tmp_path / "x.efiqa", "openvino")
