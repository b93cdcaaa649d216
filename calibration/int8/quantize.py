"""Post-training quantization to INT8 with explicit Q/DQ (modelopt), by several ways to choose the ranges."""

from __future__ import annotations

import contextlib
import copy
import io
import warnings
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.errors import EdgeError

Method = Literal["max", "percentile", "entropy", "mse"]
METHODS: tuple[Method, ...] = get_args(Method)
Tensors = Sequence[NDArray[np.float32]]
_PERCENTILE = 99.99  # of absolute values; larger ones saturate


def quantize(network: nn.Module, tensors: Tensors, method: Method = "max") -> nn.Module:
    """A fake-quantized copy of a network: per-channel weights by their maximum, per-tensor activations.

    Args:
        network: float, on the CPU, batch norms folded.
        tensors: calibration frames as the device prepares them, float32 (1, 3, S, S) each.
        method: what the range of an activation is: its largest value, or the one that loses least by a histogram:
            a percentile, by relative entropy, or by mean squared error.

    Raises:
        EdgeError: there are no frames, or a convolution was left in float (the quantizer does not report layers that
            it does not know).
    """
    if not tensors:
        raise EdgeError("INT8 calibration needs frames: give --data a folder of photographs.")
    with quiet_modelopt() as mtq:
        quantized = mtq.quantize(copy.deepcopy(network), mtq.INT8_DEFAULT_CFG, lambda model: maps(model, tensors))
        if skipped := skipped_layers(quantized, nn.Conv2d):
            raise EdgeError(f"the quantizer skipped {', '.join(skipped)}: only plain convolution layers become INT8.")
        if method != "max":
            _by_histogram(quantized, tensors, method)
    return quantized  # type: ignore[no-any-return]


@contextlib.contextmanager
def quiet_modelopt() -> Iterator[Any]:
    """``modelopt.torch.quantization``, without its warnings about transformers and without its prints into --json."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        import modelopt.torch.quantization as mtq

        yield mtq


def _by_histogram(quantized: nn.Module, tensors: Tensors, method: Method) -> None:
    """Choose the ranges of all activations again."""
    from modelopt.torch.quantization.calib import HistogramCalibrator

    inputs = [module.input_quantizer for module in quantized_layers(quantized).values()]
    for quantizer in inputs:
        quantizer._calibrator = HistogramCalibrator(8, None, False)
        quantizer.disable_quant()
        quantizer.enable_calib()
    maps(quantized, tensors)
    for quantizer in inputs:
        if method == "mse":
            quantizer.amax = _least_squares(quantizer._calibrator)
        else:
            quantizer.load_calib_amax(method, **({"percentile": _PERCENTILE} if method == "percentile" else {}))
        quantizer.enable_quant()
        quantizer.disable_calib()


def _least_squares(calibrator: Any) -> Tensor:
    """The range with the least squared error of clipping and rounding over the histogram.

    The calibrator's own search passes its arguments to the wrong parameters (modelopt 0.47): its ranges are too small.
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


def skipped_layers(network: nn.Module, *kinds: type[nn.Module]) -> list[str]:
    """Layers of these kinds without an INT8 form, by name: the quantizer skips subclasses without a message."""
    known = quantized_layers(network)
    return [name for name, layer in network.named_modules() if isinstance(layer, kinds) and name not in known]


def keep_float(network: nn.Module, names: Collection[str]) -> None:
    """Leave some layers of a fake-quantized network in float, and no others."""
    for name, layer in quantized_layers(network).items():
        switch(layer, int8=name not in names)


def switch(layer: Any, int8: bool) -> None:
    """Run a fake-quantized layer as INT8 or as float."""
    for quantizer in (layer.input_quantizer, layer.weight_quantizer):
        (quantizer.enable if int8 else quantizer.disable)()


def maps(network: nn.Module, tensors: Tensors) -> NDArray[np.float32]:
    """Degradation maps float32 (N, grid, grid) of prepared frames."""
    with torch.no_grad():
        found: list[Tensor] = [network(torch.from_numpy(tensor))[0, 0] for tensor in tensors]
    return torch.stack(found).numpy()
