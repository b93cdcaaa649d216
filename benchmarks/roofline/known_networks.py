"""Networks that others have published latencies of, as layers: no weights and no framework are needed to count them."""

from __future__ import annotations

from benchmarks.roofline.layers import Layer


def resnet18(int8: bool) -> tuple[Layer, ...]:
    """ResNet-18 at 224x224: 11.7 million weights, 1.8 billion multiplications."""
    net = _Net(int8)
    net.convolve(64, 7, 2)
    net.shrink()
    for width, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for block in range(2):
            net.residual([(width, 3, stride if block == 0 else 1), (width, 3, 1)])
    return net.end()


def resnet50(int8: bool) -> tuple[Layer, ...]:
    """ResNet-50 at 224x224, stride in the 3x3: 25.6 million weights, 4.1 billion multiplications."""
    net = _Net(int8)
    net.convolve(64, 7, 2)
    net.shrink()
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            net.residual([(width, 1, 1), (width, 3, stride if block == 0 else 1), (4 * width, 1, 1)])
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
        self.width = 3
        self._int8, self._side, self._layers = int8, 224, list[Layer]()

    def convolve(self, width: int, kernel: int, stride: int, groups: int = 1) -> None:
        """A square convolution that keeps the size but for its stride."""
        side = -(-self._side // stride)
        each = self.width // groups * kernel * kernel
        self._add(side * side * width * each, width * each, self.width * self._side**2, width * side * side)
        self.width, self._side = width, side

    def residual(self, rows: list[tuple[int, int, int]]) -> None:
        """Convolutions (width, kernel, stride) beside a path around them, with a 1x1 where the shapes differ."""
        width, side = self.width, self._side
        for row in rows:
            self.convolve(*row)
        if (width, side) != (self.width, self._side):
            pixels = self._side**2
            self._add(
                pixels * self.width * width, width * self.width, width * pixels, self.width * pixels
            )  # the 1x1 reads only the pixels it keeps

    def shrink(self) -> None:
        """Max pooling by two, which multiplies nothing."""
        self._side //= 2

    def end(self) -> tuple[Layer, ...]:
        """Mean over the picture, then a thousand classes."""
        self._add(self.width * 1000, self.width * 1000, self.width, 1000)
        return tuple(self._layers)

    def _add(self, macs: int, weights: int, inputs: int, outputs: int) -> None:
        self._layers.append(Layer(f"layer {len(self._layers)}", self._int8, macs, weights, inputs, outputs))
