from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("efficientnet_lite_pytorch")

from edge.errors import EdgeError
from edge.phantom.retina import make_retina
from trainer.foundation import extract, load_backbone

PICTURES = [make_retina(seed, 100).image for seed in range(3)]


def test_the_offline_backbone_has_learned_weights() -> None:
    backbone = load_backbone("efficientnet-lite0")
    features = extract(backbone, PICTURES, 96)
    assert features.shape == (3, 152, 6, 6)
    assert np.isfinite(features).all()
    # A random network of this kind tells two eyes apart hardly at all.
    assert np.abs(features[0] - features[1]).mean() > 0.1


def test_a_size_that_is_no_multiple_of_the_patch_is_said() -> None:
    with pytest.raises(EdgeError, match="multiple of 16, not 100"):
        extract(load_backbone("efficientnet-lite0"), PICTURES, 100)


def test_dino_from_a_local_folder_yields_patch_tokens_only(tmp_path: Path) -> None:
    """The real architecture, small and with random weights: class token and registers must not end up in the map."""
    transformers = pytest.importorskip("transformers")
    config = transformers.DINOv3ViTConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_register_tokens=4
    )
    net = transformers.DINOv3ViTModel(config).eval()
    net.save_pretrained(tmp_path / "dino")
    backbone = load_backbone(str(tmp_path / "dino"))
    assert (backbone.name, backbone.channels, backbone.patch) == ("dino", 32, 16)
    images = torch.rand(2, 3, 64, 64)
    features = backbone.features(images)
    assert features.shape == (2, 32, 4, 4)
    with torch.no_grad():
        tokens = net(pixel_values=images).last_hidden_state
    assert torch.allclose(features[0, :, 0, 1], tokens[0, 5 + 1], atol=1e-5)


def test_a_backbone_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(EdgeError, match="cannot be loaded"):
        load_backbone(str(tmp_path / "nothing"))
