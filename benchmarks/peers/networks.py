"""The networks themselves, in plain torch: shapes as published, weights random, which changes no time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.peers.published import VIT_L16, PeerBackbone, new_transformer

VIT_S16 = PeerBackbone("DINOv3 ViT-S/16", hidden=384, layers=12, heads=6, intermediate=1536)


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
    """A layer of DenseNet: what it makes is put behind what it got."""

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


class _Three(nn.Module):
    """Three networks on three colour spaces and one decision, as MCF-Net has them."""

    def __init__(self) -> None:
        super().__init__()
        self.networks = nn.ModuleList(densenet121(3) for _ in range(3))
        self.join = nn.Linear(9, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.join(torch.cat([network(x) for network in self.networks], 1)))


class _Map(nn.Module):
    """A transformer and a 1x1 convolution over its patches: the paper's inference."""

    def __init__(self, backbone: PeerBackbone) -> None:
        super().__init__()
        # The plain products, which every exporter knows.
        self.transformer: Any = new_transformer(backbone, attention="eager")
        self.adapter = nn.Conv2d(backbone.hidden, 1, 1)
        self.shape = (1, backbone.hidden, backbone.grid, backbone.grid)
        self.skip = 1 + backbone.registers

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.transformer(x).last_hidden_state[:, self.skip :]
        return torch.as_tensor(self.adapter(tokens.transpose(1, 2).reshape(self.shape)).sigmoid())


def vit_l16() -> nn.Module:
    """DINOv3 ViT-L/16 and the paper's adapter: 303 million weights."""
    return _Map(VIT_L16)


def vit_s16() -> nn.Module:
    """DINOv3 ViT-S/16 and an adapter: 21.6 million weights."""
    return _Map(VIT_S16)


def mcf_net() -> nn.Module:
    """Three DenseNet-121 of three classes."""
    return _Three()
