"""What a session says by a criterion: of each kept frame, and of what it still lacks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.assessment import Assessment, Timings
from edge.camera.protocol import Frame
from edge.capture.graded import Graded
from edge.capture.session.judge import Judge
from edge.capture.session.session import Session
from edge.capture.session.shot import alone
from edge.commands.console.display import kept_words
from edge.criteria.criterion import Criterion, read_criterion
from edge.field.find import Crop
from edge.findings.eye import Eye
from edge.model import QualityModel
from edge.preview.state import grade_of

GRID = 32
AXIS = (np.arange(GRID) + 0.5) * (2 / GRID) - 1
X, Y = np.meshgrid(AXIS, AXIS)
NHS = read_criterion("nhs-desp")


def spot(x: float, y: float) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp((np.hypot(X - x, Y - y) - 0.18) / 0.02)), np.float32)


def frame(index: int, macula: float, disc: float, lost: float = 0.05) -> Graded:
    """A photograph of 64 pixels whose macula and disc lie on a level line, at these places in field radii."""
    image = np.random.default_rng(index).integers(0, 255, (64, 64, 3), np.uint8)
    degradation = np.full((GRID, GRID), lost, np.float32)
    regions = {"macula": spot(macula, 0.0), "disc": spot(disc, 0.0)}
    field = np.hypot(X, Y) < 1
    found = Assessment(0.95, "good", degradation, field, Crop(0, 0, 64), Timings(1, 1, 1), regions)  # type: ignore[arg-type]
    return Graded(Frame(image, index, 100.0 + index / 30), found, index / 30, 5.0)


def macula_of_the_right(index: int, lost: float = 0.05) -> Graded:
    return frame(index, 0.0, 0.7, lost)


def disc_of_the_right(index: int) -> Graded:
    return frame(index, -0.7, 0.0)


def certain(graded: Graded, stated: Eye | None) -> Eye | None:
    """The eye of a capture of that frame alone; None where somebody must say it first."""
    shown = alone(1, graded, "hand", 1, stated)
    return None if shown.question else shown.eye


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as loaded:
        yield loaded


def session_of(model: QualityModel, folder: Path, frames: list[Graded], judge: Judge, captured: bool) -> Session:
    with Session(folder, model, "source", 30.0, video=False, wait=False, report=print, judge=judge) as session:
        for each in frames:
            session.keep(each, frames[-1])
            if captured:
                session.capture([each])
    return session


def test_captured_frames_their_records_and_what_is_missing(model: QualityModel, tmp_path: Path) -> None:
    judge = Judge(NHS)
    frames = [macula_of_the_right(1), macula_of_the_right(2, lost=0.8), disc_of_the_right(3)]
    session = session_of(model, tmp_path, [*frames, frames[0]], judge, captured=True)
    said = [json.loads((tmp_path / f"frame-{n:06d}.json").read_text())["criterion"] for n in (1, 2, 3)]
    assert [each["adequate"] for each in said] == [True, False, True]
    assert said[1]["words"].startswith(
        "nhs-desp (unverified): not adequate: clear near the fovea: 0.00, at least 0.95 wanted"
    )
    lines = [json.loads(line) for line in (tmp_path / "session.jsonl").read_text().splitlines()]
    kept = [line for line in lines if line.get("event") == "kept"]
    assert [(line["index"], line["file"], line["criterion"]["adequate"]) for line in kept] == [
        (1, "frame-000001.png", True),
        (2, "frame-000002.png", False),
        (3, "frame-000003.png", True),
    ]
    assert lines[-1] == {
        "event": "summary",
        "criterion": "nhs-desp",
        "verified": False,
        "kept": 3,
        "adequate": 2,
        "missing": [{"eye": "left", "field": "macula"}, {"eye": "left", "field": "disc"}],
    }
    words = kept_words(session, frames[0], judge)
    assert f"captured: {tmp_path / 'frame-000001.png'} (nhs-desp (unverified): adequate)" in words
    assert "2 of 3 kept adequate by nhs-desp (unverified); no programme has approved it" in words
    assert words[-1] == "still missing: macula of the left eye, disc of the left eye"


def test_the_best_frame_counts_where_nothing_was_captured(model: QualityModel, tmp_path: Path) -> None:
    judge = Judge(NHS, "right")
    frames = [macula_of_the_right(1), disc_of_the_right(2)]
    session = session_of(model, tmp_path, frames, judge, captured=False)
    assert list(judge.kept) == ["frame-000002"]
    words = kept_words(session, frames[1], judge)
    assert words[-3:] == [
        "nhs-desp (unverified): adequate",
        "1 of 1 kept adequate by nhs-desp (unverified); no programme has approved it",
        "still missing: macula of the right eye",
    ]


def test_the_operator_says_the_eye_where_the_picture_does_not() -> None:
    judge, either = Judge(NHS, "left"), Judge(NHS)
    unknown = frame(1, 0.0, 0.0)
    for each in (judge, either):
        each.keep("frame-000001", unknown, certain(unknown, each.eye))
    assert judge.kept["frame-000001"].eye == "left"
    assert either.kept["frame-000001"].eye is None
    assert either.lines()[-1] == "of 1 adequate it is not certain which eye they show: they count for neither"


def test_a_frame_of_the_other_eye_than_stated_counts_for_neither() -> None:
    judge, shown = Judge(NHS, "left"), macula_of_the_right(1)
    judge.keep("frame-000001", shown, certain(shown, "left"))
    assert judge.kept["frame-000001"].eye is None
    assert judge.missing == [("left", "macula"), ("left", "disc")]
    assert "count for neither" in judge.lines()[-1]


def test_a_criterion_of_one_field_misses_none(model: QualityModel, tmp_path: Path) -> None:
    judge = Judge(read_criterion("referral"))
    session_of(model, tmp_path, [macula_of_the_right(1)], judge, captured=True)
    assert judge.missing == []
    assert len(judge.lines()) == 1


def test_a_verified_criterion_is_not_called_unverified() -> None:
    judge = Judge(Criterion("ours", "ours", "a letter", "2026", True, NHS.macula, NHS.disc, None))
    judge.keep("frame-000001", macula_of_the_right(1, lost=0.9), "right")
    assert "unverified" not in " ".join(judge.lines()) + judge.kept["frame-000001"].adequacy.words


def test_the_page_is_told_too() -> None:
    said = grade_of(macula_of_the_right(1, lost=0.9), judge=Judge(NHS))["criterion"]
    assert not said["adequate"]
    assert not said["verified"]
    assert "clear_near_fovea" in [each["requirement"] for each in said["failed"]]
    assert json.dumps(said)
    assert "criterion" not in grade_of(macula_of_the_right(1))
