from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge.assessment import Verdict
from edge.errors import EdgeError
from edge.metrics.classification import spearman
from edge.metrics.labels import Ratings
from edge.metrics.protocol import Evaluation, Labelled, Ranking, compare_with_truth, evaluate, rank


def test_tasks_and_counts_by_hand() -> None:
    images = [
        Labelled("good", 0.9, "good"),
        Labelled("good", 0.6, "usable"),
        Labelled("usable", 0.5, "reject"),
        Labelled("usable", 0.7, "usable"),
        Labelled("reject", 0.65, "usable"),
        Labelled("reject", 0.1, "no_fundus"),
        Labelled("outlier", 0.0, "no_fundus"),
    ]
    result = evaluate(images)
    first, second = result.tasks
    assert (first.name, first.accept, first.refuse) == ("good against reject", 2, 2)
    assert first.auroc.value == 0.75  # 0.9 beats both, 0.6 beats 0.1
    assert (second.name, second.accept, second.refuse) == ("gradable against reject", 4, 2)
    assert second.auroc.value == 0.75  # 2 + 1 + 1 + 2 of 8
    assert result.verdicts["good"] == {"good": 1, "usable": 1, "reject": 0, "no_fundus": 0}
    assert result.verdicts["outlier"]["no_fundus"] == 1
    text = "\n".join(result.lines())
    assert "good against reject (2 to 2)" in text
    assert "AUROC" in text
    assert "2-fold" in text
    assert "outlier" in text
    plain = json.loads(json.dumps(result.as_dict(), allow_nan=False))
    assert plain["tasks"][0]["auroc"]["value"] == 0.75
    assert plain["tasks"][0]["folds"] == 2
    assert len(plain["tasks"][0]["thresholds"]) == 2
    assert plain["verdicts"]["reject"]["usable"] == 1


def test_without_usable_images_there_is_one_task_and_with_one_class_none() -> None:
    good, bad = Labelled("good", 0.9, "good"), Labelled("reject", 0.2, "reject")
    only = evaluate([good, bad])
    assert [task.name for task in only.tasks] == ["good against reject"]
    assert only.tasks[0].kfold is None  # one image of a class cannot be cross-validated
    assert "at least 2 images of each class" in "\n".join(only.lines())
    assert "fold" not in "\n".join(only.lines())
    assert "folds" not in only.as_dict()["tasks"][0]
    assert evaluate([good]).tasks == ()
    assert evaluate([]).verdicts == {}
    assert [task.name for task in evaluate([Labelled("usable", 0.5, "usable"), bad]).tasks] == [
        "gradable against reject"
    ]


def test_ranking_by_hand() -> None:
    # Ranks 1 2 3 4 against 1 3 2 4: 1 - 6 * 2 / (4 * 15).
    found = rank([0.1, 0.5, 0.6, 0.9], [10, 30, 20, 40])
    assert found.spearman is not None
    assert found.spearman.value == pytest.approx(0.8)
    assert found.spearman.low < 0.8 < found.spearman.high <= 1
    assert found.subject == "graded score of 4 images"
    assert str(found.spearman) in found.lines()[0]
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))["ranking"]
    assert plain["images"] == 4
    assert plain["why"] is None
    assert plain["spearman"] == {
        "value": found.spearman.value,
        "low": found.spearman.low,
        "high": found.spearman.high,
    }
    assert rank([0.1, 0.5, 0.6, 0.9], [10, 30, 20, 40]) == found
    reverse = rank([0.1, 0.5, 0.6, 0.9], [4, 3, 2, 1]).spearman
    assert reverse is not None
    assert (reverse.low, reverse.value, reverse.high) == pytest.approx((-1, -1, -1))


def test_interval_of_a_ranking_covers_as_often_as_it_says() -> None:
    """Pairs of two normals of a known correlation, whose rank correlation is 6 / pi * asin(r / 2)."""
    generator = np.random.default_rng(5)
    pairs = generator.multivariate_normal([0, 0], [[1, 0.7], [0.7, 1]], (100, 60))
    true, widths, covered = 6 / np.pi * np.arcsin(0.35), [], 0
    for drawn in pairs:
        figure = rank(drawn[:, 0].tolist(), drawn[:, 1].tolist(), draws=200).spearman
        assert figure is not None
        covered += figure.low <= true <= figure.high
        widths.append(figure.high - figure.low)
    assert 85 <= covered <= 99
    # The spread of the figure itself over the samples: an interval that is 95 % wide spans nearly four of it.
    spread = np.std([spearman(drawn[:, 0], drawn[:, 1]) for drawn in pairs])
    assert 3 < np.mean(widths) / spread < 5


def test_samples_of_equal_scores_are_left_out_of_the_interval() -> None:
    # One image of thirty differs: about a third of the samples miss it, and have no rank correlation.
    found = rank([0.9] + [0.1] * 29, [5.0] + [1.0] * 29)
    assert found.spearman is not None
    assert (found.spearman.low, found.spearman.value, found.spearman.high) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize(
    ("scores", "ratings", "why"),
    [
        ([], [], "needs 3 images or more, not 0"),
        ([0.1, 0.9], [1, 2], "needs 3 images or more, not 2"),
        ([0.1, 0.5, 0.9], [2, 2, 2], "all have the same graded score"),
        ([0.0, 0.0, 0.0], [1, 2, 3], "the model gives all the same score"),
    ],
)
def test_what_has_no_order_cannot_be_ranked(scores: list[float], ratings: list[float], why: str) -> None:
    found = rank(scores, ratings)
    assert found.spearman is None
    assert why in found.why
    assert found.lines() == [f"cannot be ranked: {found.why}"]
    plain = json.loads(json.dumps(found.as_dict(), allow_nan=False))["ranking"]
    assert plain == {"images": len(scores), "spearman": None, "why": found.why}


def test_a_score_that_is_no_number_is_never_ranked() -> None:
    with pytest.raises(EdgeError, match="not a number"):
        rank([0.1, float("nan"), 0.9], [1, 2, 3])


def test_grades_are_held_against_what_is_known_of_the_same_images() -> None:
    a, b, c, d = (Path(name) for name in "abcd")
    grades: dict[Path, tuple[float, Verdict]] = {
        d: (0.99, "good"), c: (0.9, "good"), b: (0.5, "usable"), a: (0.1, "reject"),
    }  # fmt: skip
    ranking = compare_with_truth(Ratings({a: 1, b: 2, c: 3, Path("not graded"): 0}), grades)
    assert isinstance(ranking, Ranking)
    assert ranking.images == 3
    assert ranking.spearman is not None
    assert ranking.spearman.value == pytest.approx(1)
    labels = compare_with_truth({a: "reject", b: "good", Path("not graded"): "good"}, grades)
    assert isinstance(labels, Evaluation)
    assert labels.subject == "labels of 2 graded images"
    assert labels.tasks[0].auroc.value == 1
    assert labels.verdicts["good"]["usable"] == labels.verdicts["reject"]["reject"] == 1
