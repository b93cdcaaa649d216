"""Post-training quantization to INT8 with explicit Q/DQ (modelopt), by several ways to choose the ranges."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.errors import EdgeError

Method = Literal["max", "percentile", "entropy", "mse"]
METHODS: tuple[Method, ...] = get_args(Method)
_PERCENTILE = 99.99  # of absolute values; what lies beyond saturates


def quantize(network: nn.Module, tensors: Sequence[NDArray[np.float32]], method: Method = "max") -> nn.Module:
    """A fake-quantized copy of a network: per-channel weights by their maximum, per-tensor activations.

    Args:
        network: float, on the CPU, batch norms folded.
        tensors: calibration frames as the device prepares them, float32 (1, 3, S, S) each.
        method: what the range of an activation is: its largest value, or the one that a histogram says loses least:
            a percentile, by relative entropy, or by mean squared error.

    Raises:
        EdgeError: there are no frames, or a convolution was left in float (the quantizer says nothing when it
            does not know a layer).
    """
    if not tensors:
        raise EdgeError("INT8 calibration needs frames: give --data a folder of photographs.")

    def show(model: nn.Module) -> None:
        with torch.no_grad():
            for tensor in tensors:
                model(torch.from_numpy(tensor))

    # modelopt warns of every transformers version it has not seen, and prints where --json is to stand.
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        import modelopt.torch.quantization as mtq

        quantized: nn.Module = mtq.quantize(copy.deepcopy(network), mtq.INT8_DEFAULT_CFG, show)
        left = [
            name
            for name, m in quantized.named_modules()
            if isinstance(m, nn.Conv2d) and not hasattr(m, "input_quantizer")
        ]
        if left:
            raise EdgeError(f"the quantizer skipped {', '.join(left)}: only plain convolution layers become INT8.")
        if method != "max":
            _by_histogram(quantized, show, method)
    return quantized


def _by_histogram(quantized: nn.Module, show: Any, method: Method) -> None:
    """Choose the ranges of all activations anew."""
    from modelopt.torch.quantization.calib import HistogramCalibrator

    inputs = [module.input_quantizer for module in quantized_layers(quantized).values()]
    for quantizer in inputs:
        quantizer._calibrator = HistogramCalibrator(8, None, False)
        quantizer.disable_quant()
        quantizer.enable_calib()
    show(quantized)
    for quantizer in inputs:
        if method == "mse":
            quantizer.amax = _least_squares(quantizer._calibrator)
        else:
            quantizer.load_calib_amax(method, **({"percentile": _PERCENTILE} if method == "percentile" else {}))
        quantizer.enable_quant()
        quantizer.disable_calib()


def _least_squares(calibrator: Any) -> Tensor:
    """The range that loses least: clipping and rounding, squared, over the histogram.

    The calibrator's own search hands its arguments to the wrong parameters (modelopt 0.47): its ranges are too small.
    """
    counts, edges = np.asarray(calibrator._calib_hist, np.float64), np.asarray(calibrator._calib_bin_edges, np.float64)
    values = (edges[1:] + edges[:-1]) / 2
    ranges = edges[-1] * np.geomspace(0.02, 1, 200)
    steps = ranges[:, None] / 127
    lost = (np.clip(np.rint(values / steps), -127, 127) * steps - values) ** 2 @ counts
    return torch.tensor(ranges[int(lost.argmin())], dtype=torch.float32)


def quantized_layers(network: nn.Module) -> dict[str, Any]:
    """The layers of a fake-quantized network that have an INT8 form, by name, in the order of the data."""
    both = ("input_quantizer", "weight_quantizer")  # a normalisation has the first alone
    return {n: module for n, module in network.named_modules() if all(hasattr(module, each) for each in both)}


def keep_float(network: nn.Module, names: Sequence[str]) -> None:
    """Leave some layers of a fake-quantized network in float, and no others."""
    for name, layer in quantized_layers(network).items():
        for quantizer in (layer.input_quantizer, layer.weight_quantizer):
            (quantizer.disable if name in names else quantizer.enable)()


@contextmanager
def only(network: nn.Module, name: str) -> Iterator[None]:
    """All layers but one in float, for a while; afterwards all are INT8."""
    keep_float(network, [other for other in quantized_layers(network) if other != name])
    try:
        yield
    finally:
        keep_float(network, [])


def maps(network: nn.Module, tensors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Degradation maps float32 (N, grid, grid) of prepared frames."""
    with torch.no_grad():
        found: list[Tensor] = [network(torch.from_numpy(tensor))[0, 0] for tensor in tensors]
    return torch.stack(found).numpy()
