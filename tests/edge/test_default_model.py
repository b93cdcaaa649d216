"""The model that ships tells a clear eye from a ruined one, and scores as it did when it was made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge.engines.verify import golden_score
from edge.model import QualityModel
from edge.phantom.degradation import degrade
from edge.phantom.retina import make_retina


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as model:
        yield model


def test_golden_frames_get_their_scores(model: QualityModel) -> None:
    golden = model.manifest.golden
    scores = [each.score for each in golden]
    assert max(scores) - min(scores) > 0.4  # so that no constant gets them
    for each in golden:
        assert golden_score(model.engine, model.manifest, each.seed) == pytest.approx(each.score, abs=0.05), each.seed


@pytest.mark.parametrize("seed", [3, 4])
def test_a_clean_eye_scores_high_and_a_ruined_one_low(model: QualityModel, seed: int) -> None:
    image = make_retina(seed, 512).image
    ruined, _ = degrade(image, "blur", 0.9)
    clean = model.assess(image).score
    assert clean > 0.85
    assert model.assess(ruined).score < clean - 0.3
