from __future__ import annotations

import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from edge.phantom.retina import make_retina
from trainer.networks import backbone as backbones
from trainer.networks.backbone import extract, load_backbone
from trainer.networks.forward import compiled, in_torch

PICTURES = [make_retina(seed, 100).image for seed in range(5)]


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((3, 3, 96, 96)).astype(np.float32)


def test_openvino_and_torch_agree_for_any_number_of_images(images: np.ndarray) -> None:
    pytest.importorskip("openvino")
    features = load_backbone("efficientnet-lite0").features
    fast, slow = compiled(features, 96), in_torch(features, torch.device("cpu"))
    assert fast is not None
    for number in (3, 1, 2):
        wanted = slow(images[:number])
        found = fast(images[:number])
        assert found.dtype == wanted.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())


def test_what_was_returned_stays_when_more_is_computed(images: np.ndarray) -> None:
    pytest.importorskip("openvino")
    fast = compiled(load_backbone("efficientnet-lite0").features, 96)
    assert fast is not None
    first = fast(images)
    kept = first.copy()
    fast(images * 2)
    np.testing.assert_array_equal(first, kept)


def test_many_pictures_are_run_by_openvino_and_few_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino")
    backbone = load_backbone("efficientnet-lite0")
    few = extract(backbone, PICTURES, 96)
    monkeypatch.setattr(backbones, "_MANY", len(PICTURES))
    many = extract(backbone, PICTURES, 96)
    assert not np.array_equal(many, few)  # rounded otherwise: another program
    np.testing.assert_allclose(many, few, atol=1e-4 * np.abs(few).max())


def test_without_openvino_torch_does_it(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    backbone = load_backbone("efficientnet-lite0")
    assert compiled(backbone.features, 96) is None
    few = extract(backbone, PICTURES, 96)
    monkeypatch.setattr(backbones, "_MANY", len(PICTURES))
    np.testing.assert_array_equal(extract(backbone, PICTURES, 96), few)
