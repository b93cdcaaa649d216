"""What every engine can do."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Engine(Protocol):
    """A student compiled for one runtime and device."""

    @property
    def name(self) -> str:
        """``openvino``, ``tensorrt`` or ``tensorrt_rtx``."""

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 RGB (1, 3, S, S) -> the maps of the manifest, float32 (K, grid, grid) in [0, 1]."""

    def describe(self) -> dict[str, str]:
        """Runtime, version, device and precision, for people and sidecars."""

    def close(self) -> None:
        """Give memory and device back; may be called twice."""
