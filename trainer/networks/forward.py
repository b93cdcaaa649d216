"""A frozen convolutional backbone on a CPU: OpenVINO runs it six times faster than torch."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.engines.quiet import import_openvino
from edge.errors import first_line

log = logging.getLogger(__name__)

Forward = Callable[[NDArray[np.float32]], NDArray[np.float32]]  # images (N, 3, S, S) -> features (N, C, g, g)


def in_torch(features: Callable[[Tensor], Tensor], device: torch.device) -> Forward:
    """The network as it is."""

    def forward(images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.no_grad():
            return features(torch.from_numpy(images).to(device)).float().cpu().numpy()

    return forward


def compiled(features: Callable[[Tensor], Tensor], size: int) -> Forward | None:
    """The same in float32 by OpenVINO, within 1e-4 of torch; None where it is not installed or cannot run this network.

    Args:
        features: of a network on the CPU, of any number of images.
        size: of the images.
    """
    try:
        openvino = import_openvino()
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of tracing: the size is the same each time
            network = openvino.convert_model(_Features(features).eval(), example_input=torch.zeros(2, 3, size, size))
        network.reshape([-1, 3, size, size])
        settings = {"INFERENCE_NUM_THREADS": torch.get_num_threads(), "INFERENCE_PRECISION_HINT": "f32"}
        run: Any = openvino.compile_model(network, "CPU", settings)
    except Exception as error:
        log.debug("the backbone runs in torch: %s", first_line(error))
        return None
    return lambda images: np.asarray(run(images)[0], np.float32)


class _Features(nn.Module):
    """A function as a module, which is what OpenVINO reads."""

    def __init__(self, features: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.features = features

    def forward(self, images: Tensor) -> Tensor:
        return self.features(images)
