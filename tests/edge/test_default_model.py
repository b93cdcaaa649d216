"""The model that ships tells a clear eye from a ruined one, and scores as it did when it was made."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from edge.field.find import find_field
from edge.frame.prepare import prepare
from edge.model import QualityModel
from edge.phantom.degradation import degrade
from edge.phantom.golden import golden_frame
from edge.phantom.retina import make_retina
from edge.score import score_of


@pytest.fixture(scope="module")
def model() -> Iterator[QualityModel]:
    with QualityModel.load(threads=1) as model:
        yield model


def test_golden_frames_get_their_scores(model: QualityModel) -> None:
    golden = model.manifest.golden
    scores = [each.score for each in golden]
    assert max(scores) - min(scores) > 0.4  # so that no constant gets them
    about = model.manifest
    for each in golden:  # of the network alone: what light has taken is not in them
        frame = golden_frame(each.seed)
        field = find_field(frame)
        assert field is not None
        maps = model.engine.infer(prepare(frame, field.crop, about.input_size, about.mean, about.std))
        assert score_of(maps, field.on_grid(about.grid), about.pooling) == pytest.approx(each.score, abs=0.05), (
            each.seed
        )


@pytest.mark.parametrize("seed", [3, 4])
def test_a_clean_eye_scores_high_and_a_ruined_one_low(model: QualityModel, seed: int) -> None:
    image = make_retina(seed, 512).image
    ruined, _ = degrade(image, "blur", 0.9)
    clean = model.assess(image).score
    assert clean > 0.85
    assert model.assess(ruined).score < clean - 0.3
