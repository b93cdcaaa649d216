"""efiqa-edge on the device: a label-free quality map for every frame of a fundus camera."""

from edge.assessment import Assessment, Timings, Verdict
from edge.errors import EdgeError
from edge.model import QualityModel

__all__ = ["Assessment", "EdgeError", "QualityModel", "Timings", "Verdict", "__version__"]
__version__ = "0.1.0"
