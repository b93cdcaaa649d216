"""The networks in plain torch: shapes as published, weights random, which does not change their time."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers.published import VIT_L16, PeerBackbone

VIT_S16 = PeerBackbone(
    "DINOv3 ViT-S/16", hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536
)


def _convolve(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution and batch norm, which an engine folds into one."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(outputs))


class _Residual(nn.Module):
    """Two 3x3 convolutions and a way around them."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.one, self.two = _convolve(inputs, outputs, 3, stride), _convolve(outputs, outputs, 3)
        same = inputs == outputs and stride == 1
        self.around = nn.Identity() if same else _convolve(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.two(F.relu(self.one(x))) + self.around(x))


def resnet18(classes: int = 1000) -> nn.Module:
    """ResNet-18 (He et al. 2016): 11.7 million weights with 1000 classes."""
    blocks = [
        _Residual(inputs, outputs, stride)
        for start, outputs, first in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))
        for inputs, stride in ((start, first), (outputs, 1))
    ]
    stem = (*_convolve(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


class _Dense(nn.Module):
    """A layer of DenseNet: its output is appended to its input."""

    def __init__(self, inputs: int, growth: int = 32) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.ReLU(),
            nn.Conv2d(inputs, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.layers(x)], 1)


def densenet121(classes: int = 1000) -> nn.Module:
    """DenseNet-121 (Huang et al. 2017): 8.0 million weights with 1000 classes."""
    width = 64
    layers: list[nn.Module] = [*_convolve(3, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    for block, depth in enumerate((6, 12, 24, 16)):
        for _ in range(depth):
            layers.append(_Dense(width))
            width += 32
        if block < 3:
            layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width // 2, 1, bias=False), nn.AvgPool2d(2)]
            width //= 2
    layers += [nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)]
    return nn.Sequential(*layers)


class McfNet(nn.Module):
    """MCF-Net: three DenseNet-121 of three classes, on three colour spaces, and one decision."""

    def __init__(self) -> None:
        super().__init__()
        self.networks = nn.ModuleList(densenet121(3) for _ in range(3))
        self.join = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.join(torch.cat([network(x) for network in self.networks], 1)))


class PatchMap(nn.Module):
    """A DINOv3 and a 1x1 convolution over its patches: the paper's inference.

    Args:
        backbone: dimensions of the transformer.
        attention: how transformers computes it; None for its default.
    """

    def __init__(self, backbone: PeerBackbone, attention: str | None = None) -> None:
        from transformers import DINOv3ViTConfig, DINOv3ViTModel

        super().__init__()
        dimensions = asdict(backbone)
        dimensions.pop("name")
        config = DINOv3ViTConfig(**dimensions)
        config._attn_implementation = attention
        self.transformer: Any = DINOv3ViTModel(config)
        self.adapter = nn.Conv2d(backbone.hidden_size, 1, 1)
        self.shape = (1, backbone.hidden_size, backbone.grid, backbone.grid)
        self.skip = 1 + backbone.num_register_tokens

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.transformer(x).last_hidden_state[:, self.skip :]
        return torch.as_tensor(self.adapter(tokens.transpose(1, 2).reshape(self.shape)).sigmoid())


# An exporter needs the plain products of attention. 303 million and 21.6 million weights.
vit_l16 = partial(PatchMap, VIT_L16, "eager")
vit_s16 = partial(PatchMap, VIT_S16, "eager")
