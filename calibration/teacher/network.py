"""The foundation model as one network, backbone and adapter, and its INT8 form with the residual path left alone."""

from __future__ import annotations

import bisect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from calibration.int8.quantize import Tensors, keep_float, maps, quantized_layers, quiet_modelopt, switch
from trainer.steps.teacher import Teacher

Smoothing = Literal["max", "smoothquant"]
QUANTIZED = (nn.Linear, nn.Conv2d)


class Whole(nn.Module):
    """RGB (1, 3, S, S) -> degradation map (1, 1, g, g) in [0, 1]: backbone and adapter as one graph."""

    def __init__(self, teacher: Teacher) -> None:
        super().__init__()
        # Plain products and a softmax: the fused attention of torch exports to a graph of special cases.
        if hasattr(teacher.backbone.net, "set_attn_implementation"):
            cast(Any, teacher.backbone.net).set_attn_implementation("eager")
        self.net = teacher.backbone.net  # named here so that the quantizer finds its layers
        _fix_positions(cast(Any, self.net), teacher.size)
        self.adapter = teacher.adapter
        self.features = teacher.backbone.features
        self.cpu().eval().requires_grad_(False)

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.adapter(self.features(image)))


class _Fixed(nn.Module):
    """Returns the same tensors whatever its input is."""

    def __init__(self, *tensors: Tensor) -> None:
        super().__init__()
        for n, tensor in enumerate(tensors):
            self.register_buffer(f"part{n}", tensor.detach().clone())

    def forward(self, *_: Any, **__: Any) -> tuple[Tensor, ...]:
        return tuple(self.buffers())


def _fix_positions(net: Any, size: int) -> None:
    """Store the positions of patches, which depend on the size alone, as constants of the graph (DINOv3, DINOv2)."""
    net.cpu()
    with torch.no_grad():
        if hasattr(net, "rope_embeddings"):
            net.rope_embeddings = _Fixed(*net.rope_embeddings(torch.zeros(1, 3, size, size)))
        embeddings: Any = getattr(net, "embeddings", None)
        if hasattr(embeddings, "interpolate_pos_encoding"):
            patches = (size // int(np.max(net.config.patch_size))) ** 2
            tokens = torch.zeros(1, patches + 1, int(net.config.hidden_size))
            positions = embeddings.interpolate_pos_encoding(tokens, size, size).clone()
            embeddings.interpolate_pos_encoding = lambda *_, **__: positions


@dataclass(frozen=True)
class Quantized:
    """The result of ``quantize_whole``.

    Attributes:
        network: fake-quantized.
        trials: mean absolute difference of the map by method, all layers in INT8.
        method: the best of them.
        left_out: layers that stay in float, and the relative error that INT8 alone makes in the output of each.
        layers: how many there are.
        map_mae: of the network as it is.
    """

    network: nn.Module
    trials: dict[Smoothing, float]
    method: Smoothing
    left_out: dict[str, float]
    layers: int
    map_mae: float


def quantize_whole(make: Callable[[], nn.Module], frames: Tensors, held: Tensors, most: float) -> Quantized:
    """Both ways to quantize, the better of them, and the worst layers left in float until the map is within ``most``.

    Only weights and inputs of linear layers and convolutions become INT8: additions of the residual path,
    normalisation and attention's products stay in float, because rounding them is what destroys transformers.

    Args:
        make: the float network, a fresh copy each time; no more than two are held at once.
        frames: to choose ranges on, float32 (1, 3, S, S) each.
        held: others, to judge by.
        most: mean absolute difference of the degradation map.
    """
    float_maps = maps(make(), held)
    trials: dict[Smoothing, float] = {}
    best: tuple[float, Smoothing, nn.Module] | None = None
    for method in get_args(Smoothing):
        network = _quantize(make(), frames, method)
        trials[method] = _apart(network, held, float_maps)
        if best is None or trials[method] < best[0]:
            best = trials[method], method, network
        del network
    assert best is not None
    moved, method, network = best
    errors = _layer_errors(network, held)
    ranked = sorted(errors, key=lambda name: -errors[name])

    def fits(number: int) -> bool:
        keep_float(network, ranked[:number])
        return _apart(network, held, float_maps) <= most

    # The fewest of the worst that have to be float, by halving.
    kept = ranked[: bisect.bisect_left(range(len(ranked)), True, key=fits)] if moved > most else []
    keep_float(network, kept)
    left_out = {name: errors[name] for name in kept}
    return Quantized(network, trials, method, left_out, len(ranked), _apart(network, held, float_maps))


def _quantize(network: nn.Module, frames: Tensors, method: Smoothing) -> nn.Module:
    with quiet_modelopt() as mtq:
        from modelopt.torch.quantization.nn import TensorQuantizer

        settings = {"max": mtq.INT8_DEFAULT_CFG, "smoothquant": mtq.INT8_SMOOTHQUANT_CFG}[method]
        quantized: nn.Module = mtq.quantize(network, settings, lambda model: maps(model, frames))
    for module in quantized.modules():
        if isinstance(module, TensorQuantizer):
            module.disable()
    for layer in quantized_layers(quantized).values():
        switch(layer, int8=isinstance(layer, QUANTIZED))
    return quantized


def _layer_errors(network: nn.Module, tensors: Tensors) -> dict[str, float]:
    """Relative error of each layer's output from its own rounding, all frames in one pass.

    Quantizing each layer by itself and comparing maps, as for the student, takes hours with 150 layers.
    """
    layers = quantized_layers(network)
    lost, whole = dict.fromkeys(layers, 0.0), dict.fromkeys(layers, 1e-12)

    def watch(name: str) -> Any:
        def hook(layer: Any, inputs: tuple[Tensor, ...], float_output: Tensor) -> None:
            switch(layer, int8=True)
            int8_output = type(layer).forward(layer, *inputs)  # not a call: that would come back here
            switch(layer, int8=False)
            lost[name] += float((int8_output - float_output).square().sum())
            whole[name] += float(float_output.square().sum())

        return hook

    keep_float(network, list(layers))
    hooks = [layer.register_forward_hook(watch(name)) for name, layer in layers.items()]
    try:
        maps(network, tensors)
    finally:
        for hook in hooks:
            hook.remove()
        keep_float(network, [])
    return {name: float(np.sqrt(lost[name] / whole[name])) for name in layers}


def _apart(network: nn.Module, tensors: Tensors, float_maps: NDArray[np.float32]) -> float:
    return float(np.abs(maps(network, tensors) - float_maps).mean(dtype=np.float64))
