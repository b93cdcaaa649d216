"""The networks that we train: plain dense convolutions, so that INT8 pays on every device.

The segmenter and the student share one encoder, so that the student can start from what the segmenter knows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = (32, 64, 128, 128)  # channels at stride 2, 4, 8, 16


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """3x3 convolution, batch norm, ReLU. Padding lies inside the convolution, where the quantizer expects it."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Encoder(nn.Module):
    """RGB (N, 3, S, S) -> features at strides 2, 4, 8 and 16.

    Space-to-depth first: the same receptive field as a convolution at full size, for a quarter of the work.
    """

    def __init__(self, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        inputs = (12, *widths[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(conv(i, o, 1 if n == 0 else 2), conv(o, o))
            for n, (i, o) in enumerate(zip(inputs, widths, strict=True))
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        x = F.pixel_unshuffle(image, 2)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return features


class Segmenter(nn.Module):
    """RGB (N, 3, S, S), S a multiple of 16 -> vessel logits (N, 1, S, S)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.joins = nn.ModuleList(
            conv(deep + skip, skip) for deep, skip in zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True)
        )
        self.head = nn.Conv2d(WIDTHS[0], 4, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        *skips, x = self.encoder(image)
        for join, skip in zip(self.joins, reversed(skips), strict=True):
            x = join(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), skip], dim=1))
        return F.pixel_shuffle(self.head(x), 2)


class Student(nn.Module):
    """RGB (N, 3, S, S) -> logits of degradation, disc and macula (N, 3, g, g): the network that runs on the device.

    Args:
        stride: pixels of the input per cell of the map, 8 or 16: g = S / stride.
        width: of all layers, relative to the segmenter's encoder.
        maps: 3, or 1 for a modality without landmarks: degradation alone.
    """

    def __init__(self, stride: int = 8, width: float = 1.0, maps: int = 3) -> None:
        super().__init__()
        self.stride, self.width = stride, width
        *widths, head = (scaled(channels, width) for channels in (*WIDTHS, 96))
        self.encoder = Encoder(widths)
        # What one place looks like is judged against its surroundings (stride 16) and the whole frame (the mean).
        self.context = nn.Conv2d(widths[3], widths[2], 1)
        self.join = nn.Sequential(conv(widths[2], head), conv(head, head))
        self.map = nn.Conv2d(head, maps, 1)
        # Vessels at half size, only while training: it keeps the encoder looking at anatomy.
        self.vessels = nn.Conv2d(head, (stride // 2) ** 2, 1)

    def features(self, image: Tensor) -> Tensor:
        """(N, C, g, g). The sum of the two strides, not their concatenation: every engine keeps it in INT8."""
        _, _, eighth, sixteenth = self.encoder(image)
        around = self.context(sixteenth + 0.5 * F.adaptive_avg_pool2d(sixteenth, 1))
        if self.stride == 8:
            around = eighth + F.interpolate(around, scale_factor=2.0, mode="nearest")
        return cast(Tensor, self.join(around))

    def forward(self, image: Tensor) -> Tensor:
        return cast(Tensor, self.map(self.features(image)))

    def with_vessels(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the three maps (N, 3, g, g) and of vessels (N, 1, S/2, S/2)."""
        x = self.features(image)
        return self.map(x), F.pixel_shuffle(self.vessels(x), self.stride // 2)


def scaled(channels: int, width: float) -> int:
    """So many times the channels, a multiple of eight, as INT8 kernels want them."""
    return max(8, 8 * round(width * channels / 8))


def copy_encoder(source: Encoder, target: Encoder, seed: int) -> None:
    """Let an encoder of any width begin with what another one knows.

    A wider one holds channels of the source twice, and whoever reads both takes a share of each: at first it computes
    the same (Net2Net, Chen 2016, arXiv 1511.05641), but for a little noise, so that the two part while learning. A
    narrower one keeps the channels with the largest gains.
    """
    rng = np.random.default_rng(seed)
    taken = torch.arange(12)  # which channels of the source the inputs of the next layer are
    for old, new in zip(_layers(source), _layers(target), strict=True):
        convolution, norm = cast(nn.Conv2d, old[0]), cast(nn.BatchNorm2d, old[1])
        kept = _channels(norm.weight.detach().abs(), cast(nn.Conv2d, new[0]).out_channels, rng)
        shares = torch.bincount(taken, minlength=convolution.in_channels)[taken].clamp(min=1)
        weight = convolution.weight.detach()[kept][:, taken] / shares[None, :, None, None]
        if len(kept) > convolution.out_channels:
            noise = torch.from_numpy(rng.standard_normal(weight.shape, np.float32))
            weight = weight + 0.05 * weight.std() * noise
        new[0].load_state_dict({"weight": weight})
        new[1].load_state_dict({k: v[kept] if v.ndim else v for k, v in norm.state_dict().items()})
        taken = kept


def _layers(encoder: Encoder) -> list[nn.Sequential]:
    return [cast(nn.Sequential, layer) for stage in encoder.stages for layer in cast(nn.Sequential, stage)]


def _channels(gains: Tensor, number: int, rng: np.random.Generator) -> Tensor:
    """Numbers of the channels that ``number`` new ones are copied from: all and some twice, or the strongest."""
    if number <= len(gains):
        return torch.argsort(gains, descending=True)[:number].sort().values
    rounds = [torch.from_numpy(rng.permutation(len(gains))) for _ in range(number // len(gains))]
    return torch.cat([torch.arange(len(gains)), *rounds])[:number]


class Adapter(nn.Module):
    """Features of a frozen backbone (N, C, g, g) -> degradation logits (N, 1, g, g).

    Args:
        channels: C.
        convolutional: two 3x3 convolutions of 128 channels; otherwise one 1x1 convolution, C + 1 parameters.
        like: features (N, C, g, g) by whose mean and deviation the input is standardised; None leaves it as it is.
    """

    def __init__(self, channels: int, convolutional: bool, like: NDArray[np.floating] | None = None) -> None:
        super().__init__()
        mean, scale = torch.zeros(channels), torch.ones(channels)
        if like is not None:
            values = torch.from_numpy(np.asarray(like, np.float32))
            mean, scale = values.mean(dim=(0, 2, 3)), 1 / (values.std(dim=(0, 2, 3)) + 1e-6)
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", mean[None, :, None, None])
        self.register_buffer("scale", scale[None, :, None, None])
        first = (nn.Conv2d(channels, 128, 1, bias=False), nn.BatchNorm2d(128), nn.ReLU())
        hidden = (*first, conv(128, 128), conv(128, 128))
        self.last = nn.Conv2d(128 if convolutional else channels, 1, 1)
        self.hidden = nn.Sequential(*(hidden if convolutional else ()))

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.last(self.hidden((features - self.mean) * self.scale)))

    def shift(self, logit: float) -> None:
        """Move every logit."""
        assert self.last.bias is not None
        with torch.no_grad():
            self.last.bias += logit


class Together(nn.Module):
    """Several adapters as one: the logit of the mean of their maps."""

    def __init__(self, adapters: Sequence[nn.Module]) -> None:
        super().__init__()
        self.adapters = nn.ModuleList(adapters)

    def forward(self, features: Tensor) -> Tensor:
        maps = [torch.sigmoid(adapter(features)) for adapter in self.adapters]
        return torch.logit(torch.stack(maps).mean(dim=0), eps=1e-6)


class Prior(nn.Module):
    """The anatomical prior f (paper, section 3.1): vessel map (N, 1, S, S) in {0, 1} -> what is missing, same shape.

    A U-Net with SiLU. ``unshuffle`` = 2 does it on half-size blocks of four pixels, for CPUs; the paper's is 1. Once
    trained, what is missing is averaged over ``smooth`` of the side (a Gaussian's sigma): where a drawn vessel lies a
    little beside the expected one, what is to be added and what is to be taken away cancel.
    """

    def __init__(self, base: int, unshuffle: int, depth: int = 4, smooth: float = 0.0) -> None:
        super().__init__()
        self.unshuffle, self.smooth = unshuffle, smooth
        widths = [min(base << n, 8 * base) for n in range(depth)]
        inputs = [unshuffle**2, *widths[:-1]]
        self.down = nn.ModuleList(_pair(i, o) for i, o in zip(inputs, widths, strict=True))
        self.up = nn.ModuleList(_pair(d + s, s) for d, s in zip(widths[:0:-1], widths[-2::-1], strict=True))
        self.head = nn.Conv2d(widths[0], unshuffle**2, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(cast(Tensor, self.head.bias))

    def forward(self, vessels: Tensor) -> Tensor:
        x = F.pixel_unshuffle(vessels, self.unshuffle)
        skips = []
        for n, stage in enumerate(self.down):
            x = stage(F.max_pool2d(x, 2) if n else x)
            skips.append(x)
        for stage, skip in zip(self.up, reversed(skips[:-1]), strict=True):
            x = stage(torch.cat([F.interpolate(x, scale_factor=2.0, mode="bilinear"), skip], dim=1))
        missing = F.pixel_shuffle(self.head(x), self.unshuffle)
        return missing if self.training or not self.smooth else _averaged(missing, self.smooth * missing.shape[-1])


def _averaged(maps: Tensor, sigma: float) -> Tensor:
    """Maps (N, 1, S, S) under a Gaussian; float32."""
    reach = math.ceil(3 * sigma)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=maps.device) / sigma) ** 2)
    weights = weights / weights.sum()
    padded = F.pad(maps.float(), (reach,) * 4, mode="reflect")
    with torch.autocast(maps.device.type, enabled=False):
        return F.conv2d(F.conv2d(padded, weights[None, None, None]), weights[None, None, :, None])


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for i in (inputs, outputs):
        layers += [nn.Conv2d(i, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.SiLU(inplace=True)]
    return nn.Sequential(*layers)
