"""The layers that ``edge.findings.cause_network`` computes on the device."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edge.findings.cause import CAUSES
from edge.findings.cause_network import CHANNELS, CLASSES, INSIDE, Weights

_NEAR, _FAR, _WHOLE, _MIXED = 32, 48, 64, 48  # channels


class CauseLayers(nn.Module):
    """From facts to what took each cell and each frame."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(CHANNELS, _NEAR, 3, 2, 1),
                nn.Conv2d(_NEAR, _FAR, 3, 2, 1),
                nn.Linear(2 * _FAR + CHANNELS, _WHOLE),
                nn.Linear(_NEAR + _FAR + _WHOLE, _MIXED),
                nn.Linear(_MIXED, CLASSES),
                nn.Linear(_WHOLE + CLASSES, _MIXED),
                nn.Linear(_MIXED, 2 * len(CAUSES)),
            ]
        )

    def forward(self, facts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of cells (N, grid / 2, grid / 2, 8), of the main cause (N, 7), and of each cause's presence (N, 7).

        Args:
            facts: of ``edge.findings.cause_network.facts_of``, (N, 15, grid, grid).
        """
        near = torch.relu(self.layers[0](facts))
        far = torch.relu(self.layers[1](near))
        field = facts[:, INSIDE]
        means = facts.sum((2, 3)) / field.sum((1, 2)).clamp(min=1)[:, None]
        whole = torch.relu(self.layers[2](torch.cat([far.mean((2, 3)), far.amax((2, 3)), means], 1)))
        side = near.shape[2]
        around = nn.functional.interpolate(far, scale_factor=2)[:, :, :side, :side]
        everywhere = whole[:, :, None, None].expand(-1, -1, side, side)
        joined = torch.cat([near, around, everywhere], 1).permute(0, 2, 3, 1)
        cells = self.layers[4](torch.relu(self.layers[3](joined)))
        inside = nn.functional.avg_pool2d(field[:, None], 2)[:, 0]
        found = (torch.softmax(cells, 3) * inside[..., None]).sum((1, 2)) / inside.sum((1, 2)).clamp(min=1)[:, None]
        main, present = self.layers[6](torch.relu(self.layers[5](torch.cat([whole, found], 1)))).chunk(2, 1)
        return cells, main, present

    def start_from(self, weights: Weights) -> None:
        """Take weights as the device reads them.

        Raises:
            RuntimeError: they are of other layers.
        """
        for number, layer in enumerate(self.layers, 1):
            layer.load_state_dict(
                {"weight": torch.from_numpy(weights[f"w{number}"]), "bias": torch.from_numpy(weights[f"b{number}"])}
            )

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """As the device reads them: w1, b1 to w7, b7."""
        return {
            f"{kind[0]}{number}": part.detach().numpy().copy()
            for number, layer in enumerate(self.layers, 1)
            for kind, part in layer.state_dict().items()
        }
