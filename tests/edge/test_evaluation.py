from __future__ import annotations

import json

from edge.evaluation import Labelled, evaluate


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
    assert "fold" not in "\n".join(only.lines())
    assert "folds" not in only.as_dict()["tasks"][0]
    assert evaluate([good]).tasks == ()
    assert evaluate([]).verdicts == {}
    assert [task.name for task in evaluate([Labelled("usable", 0.5, "usable"), bad]).tasks] == [
        "gradable against reject"
    ]
