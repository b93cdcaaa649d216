"""What every engine can do."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edge.engines.cache import Built
from edge.engines.explain import EngineLayer


class Engine(Protocol):
    """A student compiled for one runtime and device."""

    @property
    def name(self) -> str:
        """``openvino``, ``tensorrt`` or ``tensorrt_rtx``."""

    @property
    def built(self) -> Built:
        """The engine as it lies in the cache."""

    @property
    def verified(self) -> dict[str, Any]:
        """How it was compared with its network, see ``edge.engines.verify``."""

    def infer(self, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32 RGB (1, 3, S, S) -> the maps of the manifest, float32 (K, grid, grid) in [0, 1]."""

    def describe(self) -> dict[str, str]:
        """Runtime, version, device and precision, for people and sidecars."""

    def layers(self) -> list[EngineLayer]:
        """What the engine consists of, see ``edge.engines.explain``."""

    def close(self) -> None:
        """Free memory and device; may be called twice."""
