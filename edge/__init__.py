"""efiqa-edge on the device: a label-free quality map for every frame of a fundus camera."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from edge.errors import EdgeError, EngineError

if TYPE_CHECKING:
    from edge.assessment import Assessment, Timings, Verdict
    from edge.model import QualityModel

__all__ = ["Assessment", "EdgeError", "EngineError", "QualityModel", "Timings", "Verdict", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import on first use: edge-doctor must start where OpenCV is missing, to say so."""
    if name in ("Assessment", "Timings", "Verdict"):
        return getattr(importlib.import_module("edge.assessment"), name)
    if name == "QualityModel":
        return importlib.import_module("edge.model").QualityModel
    raise AttributeError(f"module 'edge' has no attribute '{name}'")
