"""Visits played from drawn eyes, through the study itself: what it counts is what happened."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

pydicom = pytest.importorskip("pydicom")

from benchmarks.studies.visits import __main__ as study
from benchmarks.studies.visits import archive, two_eyes
from benchmarks.studies.visits.eyes import marked_eyes
from edge.model import QualityModel
from edge.phantom.retina import make_retina

SIDE = 480


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn eyes in the folders of both data sets."""
    folder = tmp_path_factory.mktemp("data")
    marked = folder / "idrid-diaretdb1"
    for place in (folder / "tvhl" / "right", folder / "tvhl" / "left", marked / "images"):
        place.mkdir(parents=True)
    rows = ["path,source,disc_cx,disc_cy,disc_w,disc_h"]
    for seed in range(40):
        retina = make_retina(seed, SIDE)
        cv2.imwrite(str(folder / "tvhl" / retina.laterality / f"{seed}.png"), retina.image)
        cv2.imwrite(str(marked / "images" / f"{retina.laterality}-{seed}.png"), retina.image)
        x, y, wide = *retina.disc, 2 * retina.disc_radius
        rows.append(f"images/{retina.laterality}-{seed}.png,drawn,{x},{y},{wide},{wide}")
    (marked / "discs.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_a_visit_of_two_drawn_eyes_is_complete_and_arrives(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = CliRunner().invoke(study.app, ["play", str(data), "--out", str(out), "--visits", "1"])
    assert done.exit_code == 0, done.output
    summary = re.search(
        r"1 visits, 1 complete; 4 of 4 fields there, 4 adequate; (\d) captures, .* 0 wrong; 0 fired twice;",
        " ".join(done.stdout.split()),
    )
    assert summary, done.stdout
    found = json.loads(done.stdout[done.stdout.index("{") :])
    assert found["studies"] == found["whole"] == 1
    assert found["images"] == found["same"] == int(summary[1])
    images = archive.from_folder(tmp_path / "out-archive")
    images[0].PixelData = bytes(len(images[0].PixelData))
    images[1].ImageLaterality = "R" if images[1].ImageLaterality == "L" else "L"
    images[2].PatientID = "somebody else"
    spoilt = archive.compare(images, {"visit-1": out})
    assert spoilt.whole == 0
    assert spoilt.same == 0  # the study is no single patient's any more


def test_a_marked_disc_tells_the_eye(data: Path) -> None:
    with QualityModel.load(threads=1) as model:
        eyes = [played for played, _ in zip(marked_eyes(model, data, 1), range(3), strict=False)]
    for played in eyes:
        assert played.name.startswith(played.eye)
        retina = make_retina(int(re.findall(r"\d+", played.name)[0]), SIDE)
        x, y = played.places["disc"]
        crop = played.photograph.crop
        at = ((x + 1) / 2 * crop.side + crop.x, (y + 1) / 2 * crop.side + crop.y)
        assert np.hypot(at[0] - retina.disc[0], at[1] - retina.disc[1]) < 2


def test_two_eyes_and_a_gap_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {make_retina(seed, 64).laterality for seed in two_eyes.pairs(2, 700)[1]} == {"right", "left"}
    good = two_eyes.Sequel("black", 0.8, (1, 2), ("right", "left"), ("right", None), ("right", "left"))
    assert (good.both, good.once, good.right) == (True, True, True)
    wrong = two_eyes.Sequel("black", 0.8, (1, 2), ("right", "left"), ("right", "left"), ("right", "right"))
    assert (wrong.both, wrong.once, wrong.right) == (False, False, False)
    monkeypatch.setattr(two_eyes, "SECONDS", (0.8,))
    monkeypatch.setattr(study, "GAPS", ["black"])
    done = CliRunner().invoke(study.app, ["two-eyes", "--each", "1"])
    assert done.exit_code == 0, done.output
    assert "both fired in 1 of 1, neither twice in 1, no wrong name in 1" in " ".join(done.stdout.split())
