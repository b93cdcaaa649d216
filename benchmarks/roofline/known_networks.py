"""Networks with published latencies, as layers: counting them needs no weights and no framework."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.roofline.layers import Layer

Block = Callable[[int, int], list[tuple[int, int, int]]]  # width and stride -> convolutions (width, kernel, stride)


def resnet18(int8: bool) -> tuple[Layer, ...]:
    """ResNet-18 at 224x224: 11.7 million weights, 1.8 billion multiplications."""
    return _resnet(int8, (2, 2, 2, 2), lambda width, stride: [(width, 3, stride), (width, 3, 1)])


def resnet50(int8: bool) -> tuple[Layer, ...]:
    """ResNet-50 at 224x224, stride in the 3x3: 25.6 million weights, 4.1 billion multiplications."""
    return _resnet(int8, (3, 4, 6, 3), lambda width, stride: [(width, 1, 1), (width, 3, stride), (4 * width, 1, 1)])


def _resnet(int8: bool, depths: tuple[int, int, int, int], block: Block) -> tuple[Layer, ...]:
    net = _Net(int8)
    net.convolve(64, 7, 2)
    net.side //= 2  # max pooling, which multiplies nothing
    for stage, depth in enumerate(depths):
        for number in range(depth):
            net.residual(block(64 << stage, 2 if stage and not number else 1))
    return net.end()


def mobilenetv2(int8: bool) -> tuple[Layer, ...]:
    """MobileNetV2 at 224x224: 3.5 million weights, 0.3 billion multiplications."""
    net = _Net(int8)
    net.convolve(32, 3, 2)
    rows = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
    for widens, width, blocks, stride in rows:
        for block in range(blocks):
            inner = net.width * widens
            if widens > 1:
                net.convolve(inner, 1, 1)
            net.convolve(inner, 3, stride if block == 0 else 1, groups=inner)
            net.convolve(width, 1, 1)
    net.convolve(1280, 1, 1)
    return net.end()


NETWORKS = {"ResNet-18": resnet18, "ResNet-50": resnet50, "MobileNetV2": mobilenetv2}


class _Net:
    """Layers one after the other, from a picture of 224x224 in three colours."""

    def __init__(self, int8: bool) -> None:
        self.width, self.side = 3, 224
        self._int8, self._layers = int8, list[Layer]()

    def convolve(self, width: int, kernel: int, stride: int, groups: int = 1) -> None:
        """A square convolution that keeps the size but for its stride."""
        inputs = self.width * self.side**2
        self.side = -(-self.side // stride)
        self._add(width * (self.width // groups) * kernel**2, inputs, width, self.side**2)

    def residual(self, rows: list[tuple[int, int, int]]) -> None:
        """Convolutions (width, kernel, stride) and a path around them, with a 1x1 where the shapes differ."""
        width, side = self.width, self.side
        for row in rows:
            self.convolve(*row)
        if (width, side) != (self.width, self.side):  # the 1x1 reads only the pixels it keeps
            self._add(width * self.width, width * self.side**2, self.width, self.side**2)

    def end(self) -> tuple[Layer, ...]:
        """Mean over the picture, then a thousand classes."""
        self._add(self.width * 1000, self.width, 1000, 1)
        return tuple(self._layers)

    def _add(self, weights: int, inputs: int, width: int, pixels: int) -> None:
        name = f"layer {len(self._layers)}"
        self._layers.append(Layer(name, self._int8, pixels * weights, weights, inputs, width * pixels))
        self.width = width
