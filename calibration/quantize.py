"""Post-training quantisation to INT8 with explicit Q/DQ (modelopt, max calibration)."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from edge.errors import EdgeError


def quantize(network: nn.Module, tensors: Sequence[NDArray[np.float32]]) -> nn.Module:
    """A fake-quantised copy of a network: per-channel weights, per-tensor activations.

    Args:
        network: float, on the CPU, batch norms folded.
        tensors: calibration frames as the device prepares them, float32 (1, 3, S, S) each.

    Raises:
        EdgeError: there are no frames, or a convolution was left in float (the quantiser says nothing when it
            does not know a layer).
    """
    if not tensors:
        raise EdgeError("INT8 calibration needs frames: give --data a folder of photographs.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # modelopt warns of every transformers version it has not seen
        import modelopt.torch.quantization as mtq

        def show(model: nn.Module) -> None:
            with torch.no_grad():
                for tensor in tensors:
                    model(torch.from_numpy(tensor))

        quantized: nn.Module = mtq.quantize(copy.deepcopy(network), mtq.INT8_DEFAULT_CFG, show)
    left = [
        name for name, m in quantized.named_modules() if isinstance(m, nn.Conv2d) and not hasattr(m, "input_quantizer")
    ]
    if left:
        raise EdgeError(f"the quantiser skipped {', '.join(left)}: only plain convolution layers become INT8.")
    return quantized
