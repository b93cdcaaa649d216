"""The records of one graded frame, and the choice of the best frame."""

from __future__ import annotations

import dataclasses
import datetime
import json
from typing import Any

import cv2
import numpy as np

import edge
from edge.assessment import Assessment
from edge.bundle.signature import Signature
from edge.capture.graded import Graded
from edge.capture.session.judge import Judge
from edge.capture.trigger import sharpness_of
from edge.findings.eye import Eye
from edge.frame.prepare import frame_step_name
from edge.model import QualityModel


def line_of(graded: Graded) -> str:
    """The line of one frame in ``session.jsonl`` and ``--json``: a JSON object."""
    assessment = graded.assessment
    return json.dumps(
        {
            "index": graded.frame.index,
            "t": round(graded.t, 4),
            "score": round(assessment.score, 4),
            "verdict": assessment.verdict,
            "coverage": round(assessment.coverage, 4),
            "hint": _hint_of(graded),
            "timings": {name: round(ms, 3) for name, ms in dataclasses.asdict(assessment.timings).items()},
            "latency_ms": round(graded.latency_ms, 3),
        }
    )


def _eye_of(assessment: Assessment, stated: Eye | None) -> dict[str, Any]:
    """The eye that was stated, and the one that the frame shows; both stay as they are where they contradict."""
    told = assessment.eye
    contradicts = None not in (stated, told) and stated != told
    probability = round(assessment.eye_probability, 4)
    return {"stated": stated, "told": told, "probability": probability, "contradicts": contradicts}


def _hint_of(graded: Graded) -> dict[str, Any] | None:
    return None if graded.hint is None else dataclasses.asdict(graded.hint)


def better(new: Graded, kept: Graded | None) -> bool:
    """Whether to keep ``new``: a retina with the higher score; of equals (to 4 digits) the sharper, then the later."""
    if new.assessment.verdict == "no_fundus":
        return False
    if kept is None:
        return True
    scores = round(new.assessment.score, 4), round(kept.assessment.score, 4)
    return scores[0] > scores[1] or (scores[0] == scores[1] and sharpness_of(new) >= sharpness_of(kept))


def _signed_by(signature: Signature | None) -> dict[str, str] | None:
    """Who signed the bundle; None where nobody was to be trusted, and so nothing was checked."""
    if signature is None:
        return None
    return {"signer": signature.signer, "key": signature.key, "signed": signature.signed, "until": signature.until}


def sidecar_of(
    graded: Graded, stated: Eye | None, model: QualityModel, source: str, judge: Judge | None = None
) -> dict[str, Any]:
    """The content of ``STEM.json``: everything needed to reproduce the verdict.

    Args:
        graded: the frame.
        stated: the eye that the operator stated, if any.
        model: what graded it.
        source: the source as given by the user.
        judge: by the criterion, if there is one.
    """
    assessment, manifest = graded.assessment, model.manifest
    taken = datetime.datetime.fromtimestamp(graded.epoch + graded.frame.timestamp, datetime.timezone.utc)
    height, width = graded.frame.picture.shape[:2]
    return {
        "software": {
            "efiqa-edge": edge.__version__,
            "opencv": cv2.__version__,
            "numpy": np.__version__,
            "frame_step": frame_step_name(),
        },
        "source": source,
        "frame": {
            "index": graded.frame.index,
            "t": round(graded.t, 4),
            "taken": taken.isoformat(timespec="milliseconds"),
            "monotonic": round(graded.frame.timestamp, 4),
            "width": width,
            "height": height,
        },
        "model": {
            "name": manifest.name,
            "sha256": model.bundle.sha256,
            "signature": _signed_by(model.bundle.signature),
            "precision": manifest.precision,
            "thresholds": dataclasses.asdict(manifest.thresholds),
            "pooling": dict(manifest.pooling),
        },
        "engine": model.engine.describe(),
        "score": assessment.score,
        "verdict": assessment.verdict,
        "coverage": assessment.coverage,
        "eye": _eye_of(assessment, stated),
        "field_definition": assessment.field_definition.kind,
        "field": str(model.field),
        "hint": _hint_of(graded),
        "crop": None if assessment.crop is None else dataclasses.asdict(assessment.crop),
        "timings": dataclasses.asdict(assessment.timings),
        "latency_ms": round(graded.latency_ms, 3),
        **({} if judge is None else {"criterion": judge.record(graded)}),
    }
