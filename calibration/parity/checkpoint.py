"""The fake-quantized student on disk, so that its parity can be measured again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from calibration.int8.quantize import keep_float, quantize, quantized_layers
from edge.errors import EdgeError
from trainer.loop.checkpoints import write

FILE = "int8.safetensors"


def write_quantized(folder: Path, quantized: nn.Module, left_out: tuple[str, ...], worst: str) -> None:
    """``int8.safetensors``: weights and ranges of a fake-quantized network.

    Args:
        folder: of the run's calibration.
        quantized: see ``calibration.int8.quantize.quantize``.
        left_out: its layers that are float.
        worst: the layer that costs most as INT8.

    Raises:
        EdgeError: the folder cannot be written to.
    """
    tensors = {k: v.detach().contiguous().clone() for k, v in quantized.state_dict().items()}
    write(folder / FILE, save(tensors, {"left_out": json.dumps(left_out), "worst": worst}))


def read_quantized(folder: Path, network: nn.Module, size: int) -> tuple[nn.Module, str]:
    """The network that ``write_quantized`` wrote, and the layer that costs most.

    Args:
        folder: of the run's calibration.
        network: the float student that it was made from.
        size: side of the input.

    Raises:
        EdgeError: the file is missing, damaged, or of another student.
    """
    path = folder / FILE
    if not path.is_file():
        raise EdgeError(f"{path} is missing: run edge-calibrate int8 on this run first.")
    # Ranges of noise create the quantizers of the layers; the stored ranges then replace them.
    noise = np.random.default_rng(0).standard_normal((1, 3, size, size)).astype(np.float32)
    quantized = quantize(network, [noise])
    try:
        with safe_open(path, "pt") as stored:
            metadata = stored.metadata() or {}
            tensors = {k: stored.get_tensor(k) for k in stored.keys()}  # noqa: SIM118
        left_out, worst = json.loads(metadata["left_out"]), metadata["worst"]
        quantized.load_state_dict(tensors)
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise EdgeError(
            f"{path} is damaged or of another student ({reason}): run edge-calibrate int8 again."
        ) from error
    if unknown := set(left_out) - set(quantized_layers(quantized)):
        raise EdgeError(f"{path} names layers that the student lacks ({', '.join(sorted(unknown))}): calibrate again.")
    keep_float(quantized, left_out)
    return quantized.eval(), worst
