"""efiqa-edge on the device: a label-free quality map for every frame of a fundus camera."""

import importlib
from typing import Any

from edge.errors import EdgeError, EngineError, InputError, MisfitError

# Loaded on first use: OpenCV takes most of a second, and edge-doctor must start where it is missing, to say so.
# ``__init__.pyi`` declares the same for type checkers.
_LATER = {
    "Adequacy": "edge.criteria.adequacy",
    "Assessment": "edge.assessment",
    "Camera": "edge.camera.protocol",
    "Capture": "edge.capture.visit",
    "Captured": "edge.capture.visit",
    "Cause": "edge.findings.cause",
    "Criterion": "edge.criteria.criterion",
    "Crop": "edge.field.find",
    "FieldDefinition": "edge.findings.field_definition",
    "Failure": "edge.criteria.adequacy",
    "Frame": "edge.camera.protocol",
    "Graded": "edge.capture.graded",
    "GradedFile": "edge.grading",
    "GuidedSession": "edge.capture.guided",
    "Hint": "edge.guidance.hint",
    "Landmark": "edge.findings.landmarks",
    "Manifest": "edge.bundle.manifest",
    "QualityModel": "edge.model",
    "Requirements": "edge.criteria.criterion",
    "Step": "edge.capture.visit",
    "Thresholds": "edge.bundle.manifest",
    "Timings": "edge.assessment",
    "Verdict": "edge.assessment",
    "Visit": "edge.capture.visit",
    "Wanted": "edge.capture.visit",
    "assess_batch": "edge.model",
    "draw_overlay": "edge.overlay",
    "grade_files": "edge.grading",
    "open_camera": "edge.camera.open",
    "judge": "edge.criteria.adequacy",
    "read_criterion": "edge.criteria.criterion",
    "read_image": "edge.images",
}
__all__ = ["EdgeError", "EngineError", "InputError", "MisfitError", "__version__", *_LATER]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'edge' has no attribute '{name}'")
    found = getattr(importlib.import_module(_LATER[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
