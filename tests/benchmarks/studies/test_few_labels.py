from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.studies.few_labels import app, draw, to_markdown
from calibration.site.criterion import Judged
from edge.bundle.bundle import Thresholds
from edge.errors import EdgeError

OWN = Thresholds(0.05, 0.6, 0.8)


def judged(accepted: list[float], refused: list[float]) -> Judged:
    scores = np.array([[*accepted, *refused]])
    return Judged(({"periphery": 1.0},), scores, ("good",) * len(accepted) + ("reject",) * len(refused))


def test_labels_that_separate_are_learned_whatever_the_threshold_was() -> None:
    apart = judged(list(np.linspace(0.7, 0.9, 20)), list(np.linspace(0.1, 0.2, 20)))
    for start in (OWN, Thresholds(0.05, 0.95, 0.97)):
        found = draw(apart, start, 10, 5)
        assert (found.mean, found.deviation, found.worst, found.draws) == (1.0, 0.0, 1.0, 5)


def test_what_is_measured_was_not_drawn() -> None:
    """Scores without meaning: on the drawn ones some threshold always looks well, on the rest it is a coin."""
    rng = np.random.default_rng(0)
    noise = judged(list(rng.random(60)), list(rng.random(60)))
    assert draw(noise, OWN, 10, 30).mean == pytest.approx(0.5, abs=0.08)


def test_the_rest_must_not_be_empty() -> None:
    with pytest.raises(EdgeError, match="some must be left to measure on"):
        draw(judged([0.9] * 5, [0.1] * 5), OWN, 10, 3)


@pytest.mark.parametrize(
    ("option", "text"), [("starts", "low"), ("starts", "0.3,2"), ("starts", "nan"), ("numbers", "²"), ("numbers", "")]
)
def test_wrong_arguments_leave_with_2(option: str, text: str, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, [str(tmp_path), f"--{option}", text]).exit_code == 2


def test_one_line_for_each() -> None:
    row = draw(judged([0.9] * 9, [0.1] * 9), OWN, 4, 3)
    assert to_markdown([row]).splitlines()[-1] == "| 4 | 0.600 | 3 | 1.0000 | 0.0000 | 1.0000 |"
