"""Marks of two readers, errors in disc radii, and the tables."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.studies.landmarks.__main__ import MARKS, app, report
from benchmarks.studies.landmarks.measure import Errors, Seen, errors_of
from benchmarks.studies.landmarks.tables import eyes_row, places_row
from benchmarks.studies.landmarks.truth import (
    Marks,
    eye_by_disc,
    eye_by_name,
    filed_as_both,
    nasal_phantom,
    phantom,
    read_marks,
)
from edge.assessment import Assessment, Timings
from edge.errors import EdgeError
from edge.field.find import Crop

HEAD = "path,fovea1_x,fovea1_y,fovea2_x,fovea2_y,disc1_x,disc1_y,disc2_x,disc2_y,disc1_diameter,disc2_diameter\n"


def test_readers_who_disagree_leave_a_place_out(tmp_path: Path) -> None:
    table = tmp_path / "marks.csv"
    rows = ("a,100,50,104,50,20,50,20,52,40,40", "b,100,50,111,50,20,50,20,50,40,40", "c,,,100,50,180,50,180,50,40,44")
    table.write_text(HEAD + "\n".join(rows))
    marks = read_marks(table)
    assert (marks["a"].fovea, marks["a"].disc, marks["a"].eye) == ((102, 50), (20, 51), "left")
    assert (marks["b"].fovea, marks["c"].fovea, marks["c"].radius) == (None, None, 21)
    assert (marks["b"].eye, marks["c"].disc) == (None, (180, 50))
    for broken in ("path,fovea1_x\na,1\n", HEAD + "a,1,1,1,1,1,1,1,1,,\n"):
        table.write_text(broken)
        with pytest.raises(EdgeError, match=r"cannot be read as marks of two readers"):
            read_marks(table)


def test_the_marks_of_the_repository_are_150_and_4_are_left_out() -> None:
    marks = read_marks(MARKS)
    assert (len(marks), sum(each.fovea is None for each in marks.values())) == (150, 4)


def test_an_eye_by_its_file_and_by_its_disc() -> None:
    assert [eye_by_name(Path(name)) for name in ("tvhl/left/1.jpg", "chasedb1/images/Image_01R.jpg", "hrf/a.jpg")] == [
        "left",
        "right",
        None,
    ]
    crop = Crop(100, 0, 400)
    assert [eye_by_disc((x, 200, 30), crop) for x in (150, 290, 450)] == ["left", None, "right"]


def test_a_file_that_is_filed_under_both_eyes_tells_neither(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("right/1.jpg", "left/1.jpg", "right/2.jpg", "right/3.jpg", "1.jpg")}
    for name, path in files.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"other" if name == "right/2.jpg" else b"right only" if "3" in name else b"one")
    assert filed_as_both(files.values()) == {files["right/1.jpg"], files["left/1.jpg"]}


def test_errors_are_in_disc_radii() -> None:
    grid = 32
    y, x = np.mgrid[:grid, :grid]
    disc, macula = (np.asarray(np.hypot(x - place, y - 16) < 3, np.float32) for place in (24, 8))
    field = np.ones((grid, grid), bool)
    found = Assessment(
        1.0, "good", disc * 0, field, Crop(0, 0, 320), Timings(0, 0, 0), {"disc": disc, "macula": macula}
    )
    errors = errors_of(found, Marks(30.0, (85.0 + 15, 165.0), (245.0, 165.0)))
    assert errors.disc == pytest.approx(0, abs=0.01)
    assert errors.fovea == pytest.approx(0.5, abs=0.01)
    nothing = Assessment(0.0, "no_fundus", disc, field, None, Timings(0, 0, 0))
    assert errors_of(nothing, Marks(30.0, (1.0, 1.0), None)) == Errors(math.inf, None, None)


def test_synthetic_eyes_have_their_landmarks_where_they_say() -> None:
    for seed in range(950_000, 950_003):
        eye, nasal = phantom(seed), nasal_phantom(seed)
        assert eye.marks is not None
        if eye.marks.eye is not None:
            assert eye.marks.eye == eye.eye
        disc_in_the_picture = int(nasal.image[:, :, 1].max(axis=0).argmax())
        assert (disc_in_the_picture < 256) == (nasal.eye == "right")  # the macula would lie farther to the left


def test_rows_count_what_was_seen() -> None:
    seen = [
        Seen("a", True, "right", "right", "left", Errors(0.2, 0.1, 1.0)),
        Seen("b", True, "right", "left", "left", Errors(1.5, 0.1, 1.2)),
        Seen("c", True, None, "left", None, Errors(None, 0.1, 1.1)),
        Seen("d", True, "left", None, None, None),
        Seen("e", False, "left", "left", "right", None),
    ]
    assert eyes_row("x", seen) == (
        "x",
        "4",
        "3 of 4 (75.0 %)",
        "2 of 3",
        "1 of 2 (50.0 %)",
        "1 / 1 / 1",
        "1, 1, 1 of 1",
    )
    assert places_row("x", seen)[1:4] == ("3", "1", "1 of 2 (50.0 %)")
    told = report({"x": [*seen, Seen("f", True, None, "left", "right", None, filed_as_both=True)]}, "a machine")
    assert "the wrong eye is told: b." in told
    assert "as a left eye, so not known: f." in told


def test_it_prints_tables_and_writes_them_into_a_page(tmp_path: Path) -> None:
    (tmp_path / "tvhl" / "right").mkdir(parents=True)
    right = phantom(950_001)
    assert right.eye == "right"
    cv2.imwrite(str(tmp_path / "tvhl" / "right" / "a.png"), right.image)
    page = tmp_path / "page.md"
    page.write_text(
        "before\n<!-- landmarks: written by benchmarks.studies.landmarks -->\n<!-- end of landmarks -->\nafter\n"
    )
    done = CliRunner().invoke(app, ["--data", str(tmp_path), "--phantoms", "1", "--page", str(page)])
    assert done.exit_code == 0, done.stderr
    assert "| tvhl | 1 | 1 of 1 (100.0 %) | 1 of 1 | 1 of 1 (100.0 %) | 1 / 0 / 0 | 0, 0, 0 of 0 |" in done.stdout
    assert done.stdout.strip() in page.read_text()
    done = CliRunner().invoke(app, ["--data", str(tmp_path / "tvhl")])
    assert isinstance(done.exception, EdgeError)
    assert "has none of the folders tvhl, chasedb1," in str(done.exception)
