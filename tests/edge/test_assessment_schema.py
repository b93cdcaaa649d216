"""What ``Assessment.to_dict`` says of real frames is JSON that fits the published schema."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edge
from edge.assessment import Assessment, Verdict
from edge.assessment_schema import json_schema
from edge.model import QualityModel
from edge.phantom.degradation import degrade
from edge.phantom.retina import phantom_frame

jsonschema = pytest.importorskip("jsonschema")
PUBLISHED = Path(edge.__file__).with_name("assessment.schema.json")
FRAMES: dict[Verdict, Any] = {
    "good": phantom_frame(3),
    "reject": degrade(phantom_frame(3), "shadow", 0.8, rng=np.random.default_rng(3))[0],
    "no_fundus": np.zeros((240, 320, 3), np.uint8),
}


@pytest.fixture(scope="module")
def seen() -> Iterator[dict[Verdict, Assessment]]:
    with QualityModel.load(threads=1) as model:
        yield {verdict: model.assess(frame) for verdict, frame in FRAMES.items()}


def test_the_published_schema_is_that_of_the_program() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    # In a process of its own: ``typing`` remembers in which order whoever came first wrote the values of a Literal.
    command = [sys.executable, "-m", "edge.assessment_schema"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert PUBLISHED.read_text() == made, "python -m edge.assessment_schema > edge/assessment.schema.json"


@pytest.mark.parametrize("verdict", FRAMES)
def test_a_real_assessment_fits_and_survives_json(seen: dict[Verdict, Assessment], verdict: Verdict) -> None:
    said = seen[verdict].to_dict()
    assert said["verdict"] == verdict
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    schema = json.loads(PUBLISHED.read_text())
    jsonschema.validate(said, schema)
    assert list(said) == list(schema["properties"])
    jsonschema.validate(said | {"path": "eye.jpg", "error": None}, schema)


def test_what_is_known_is_said(seen: dict[Verdict, Assessment]) -> None:
    good, reject, nothing = (seen[verdict].to_dict() for verdict in FRAMES)
    assert good["eye"] in ("left", "right")
    assert good["landmarks"]["disc"]["seen"]
    assert good["field_definition"]["fovea"] is not None
    assert reject["cause"] == reject["causes"][0]["code"] == "edge_shadow"
    assert reject["causes"][0]["clock"] in range(1, 13)
    assert nothing["crop"] is nothing["focus"] is nothing["cause"] is nothing["landmarks"]["disc"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("score", 1.2), ("verdict", "fine"), ("cause", "dust"), ("schema", 2), ("eye_probability", 0.4), ("crop", {})],
)
def test_the_schema_refuses_what_cannot_be(seen: dict[Verdict, Assessment], name: str, value: object) -> None:
    said = seen["reject"].to_dict()
    for wrong in (said | {name: value}, {key: said[key] for key in said if key != name}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, json_schema())


def test_a_score_of_numpy_is_plain_in_the_end(seen: dict[Verdict, Assessment]) -> None:
    made = dataclasses.replace(seen["good"], score=np.float32(0.5), coverage=np.float32(0.25))  # type: ignore[arg-type]
    said = json.loads(json.dumps(made.to_dict(), allow_nan=False))
    assert (said["score"], said["coverage"]) == (0.5, 0.25)
