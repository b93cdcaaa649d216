"""A bundle that says where disc and macula are, from the frame to the score, on the real engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edge.bundle.bundle import Bundle, Region
from edge.engines.openvino import OpenVinoEngine
from edge.errors import EdgeError
from edge.frame.prepare import prepare
from edge.model import QualityModel
from edge.phantom.retina import phantom_frame

MakeBundle = Callable[..., Bundle]
POOLING: dict[Region, float] = {"disc": 2.0, "macula": 3.0, "periphery": 1.0}


def opened(bundle: Bundle) -> QualityModel:
    return QualityModel(bundle, OpenVinoEngine(bundle, threads=1))


def test_the_maps_are_told_apart_and_weigh_in_the_score(make_bundle: MakeBundle) -> None:
    frame = phantom_frame(1)
    with opened(make_bundle(maps=3, pooling=POOLING)) as model:
        found = model.assess(frame)
        assert found.crop is not None
        maps = model.engine.infer(prepare(frame, found.crop, 32, model.manifest.mean, model.manifest.std))
    assert list(found.regions) == ["disc", "macula"]
    for ours, theirs in zip((found.map, *found.regions.values()), maps, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    degradation, disc, macula = maps.astype(np.float64)
    weights = (1 + (2 - 1) * disc + (3 - 1) * macula) * found.field
    assert found.score == pytest.approx(1 - (weights * degradation).sum() / weights.sum(), abs=1e-6)
    assert abs(found.score - (1 - degradation[found.field].mean())) > 1e-3  # the weights do something to this frame


def test_weights_that_are_equal_change_nothing(make_bundle: MakeBundle) -> None:
    """Also the first map of three is that of the network that gives it alone."""
    frame = phantom_frame(1)
    with opened(make_bundle(maps=3)) as three, opened(make_bundle(name="one.efiqa", pooling=POOLING)) as one:
        both, alone = three.assess(frame), one.assess(frame)
    assert alone.regions == {}
    np.testing.assert_allclose(both.map, alone.map, atol=1e-5)
    assert both.score == pytest.approx(alone.score, abs=1e-5)


def test_a_frame_without_a_field_has_no_regions(make_bundle: MakeBundle) -> None:
    with opened(make_bundle(maps=3, pooling=POOLING)) as model:
        assessment = model.assess(np.zeros((200, 200, 3), np.uint8))
    assert (assessment.verdict, assessment.score, assessment.regions) == ("no_fundus", 0.0, {})


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_a_map_that_is_no_number_is_refused(make_bundle: MakeBundle, broken: int) -> None:
    biases = [0.1, 0.1, 0.1]
    biases[broken] = float("nan")
    with (
        opened(make_bundle(maps=3, biases=biases, name="bad.efiqa")) as model,
        pytest.raises(EdgeError, match=r"bad\.efiqa gave a map that holds no number"),
    ):
        model.assess(phantom_frame(1))
