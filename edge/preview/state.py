"""The state of a session as plain JSON and Prometheus metrics; nothing in it identifies the patient."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from edge.assessment import VERDICTS
from edge.capture.graded import Graded
from edge.capture.loop import Counts
from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.session.judge import Judge
from edge.capture.session.storage import session_number
from edge.capture.session.visits import Visits
from edge.capture.visit import Captured
from edge.guidance.hint import Hint
from edge.preview.around import room

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


def frame_state(
    number: int, graded: Graded, counts: Counts, language: str = "en", judge: Judge | None = None
) -> dict[str, Any]:
    """The newest frame and the counts of all frames.

    Args:
        number: of the frame, as counted by the preview.
        graded: the frame.
        counts: of the session.
        language: of the hint; English if there is no such language.
        judge: by the criterion, if there is one.
    """
    return {
        "number": number,
        **grade_of(graded, language, judge),
        "latency_ms": round(graded.latency_ms, 1),
        "fps": round(counts.fps, 1),
        "seen": counts.seen,
        "graded": counts.graded,
        "dropped": counts.dropped,
    }


def grade_of(graded: Graded, language: str = "en", judge: Judge | None = None) -> dict[str, Any]:
    """Index, time, score, verdict and hint of a frame, and what the criterion says of it."""
    hint = graded.hint
    return {
        "index": graded.frame.index,
        "t": round(graded.t, 3),
        "score": round(graded.assessment.score, 4),
        "verdict": graded.assessment.verdict,
        "hint": None if hint is None else _hint_of(hint, language),
        **({} if judge is None else {"criterion": judge.record(graded)}),
    }


def _hint_of(hint: Hint, language: str) -> dict[str, Any]:
    text = hint.in_language(language)
    return {"code": hint.code, "clock": hint.clock, "text": text, "icon": hint.icon, "sound": hint.sound}


def visit_state(visits: Visits) -> dict[str, Any]:
    """What the current visit has, and what it lacks; whose it is, is not in it. It asks no disk."""
    visit, room = visits.now
    return {
        "number": visit.number,
        "kept_as": session_number(room.session.folder.name) or 1,  # what the list of ended visits calls it
        "state": visit.state,
        "identity": room.study is not None,
        "identified": room.study is not None and room.study.names_somebody,
        "identities": room.identities,
        "eye": visits.eye,
        "field": visits.field,
        "stated": visit.stated,
        "wanted": [asdict(each) for each in visit.wanted],
        "missing": [asdict(each) for each in visit.missing],
        "captures": [_captured(one, room.judge is not None) for one in visit.captures],
        "discarded": [_captured(one, room.judge is not None) for one in visits.discarded(visit.number)],
        "restarted": visits.restarted if visit.number == 1 else None,
    }


def _captured(one: Captured, judged: bool) -> dict[str, Any]:
    return {
        "number": one.number,
        "eye": one.eye,
        "field": one.field,
        "by": one.by,
        "told": one.told,
        "contradiction": one.contradiction,
        "question": one.question,
        "score": round(one.score, 4),
        "verdict": one.verdict,
        **({"adequate": one.adequate} if judged else {}),
    }


def metrics(counts: Counts, newest: Graded | None, kept: int, clients: int, ages_s: Collection[float]) -> str:
    """The counters of a session in the text format of Prometheus.

    Args:
        counts: of the session.
        newest: the newest graded frame, or None before the first.
        kept: captures so far.
        clients: connections to the preview.
        ages_s: seconds from taking a frame to sending its picture, for the latest pictures.
    """
    lines = [
        *_metric("efiqa_frames_seen_total", "counter", "Frames that the source gave.", counts.seen),
        *_metric("efiqa_frames_graded_total", "counter", "Frames that were graded.", counts.graded),
        *_metric("efiqa_frames_dropped_total", "counter", "Frames that a newer one replaced.", counts.dropped),
        *_metric("efiqa_frames_missed_total", "counter", "Frames lost in the camera or on the way.", counts.missed),
        *_metric("efiqa_camera_lost_total", "counter", "Times that the camera was lost.", counts.lost),
        *_metric("efiqa_captures_total", "counter", "Captures that were kept.", kept),
        *_metric("efiqa_preview_clients", "gauge", "Connections to the preview page.", clients),
        *_metric(
            "efiqa_latency_seconds",
            "summary",
            "From the frame taken to its assessment, over the last 20000 frames.",
            {f'{{quantile="{p / 100}"}}': counts.latency(p) / 1000 for p in (50, 99)},
        ),
    ]
    if ages_s:
        ages = {f'{{quantile="{q}"}}': float(np.quantile(list(ages_s), q)) for q in (0.5, 0.99, 1)}
        text = "From the frame taken to its picture sent to a client."
        lines += _metric("efiqa_preview_age_seconds", "summary", text, ages)
    if newest is not None:
        verdicts = {f'{{verdict="{v}"}}': int(v == newest.assessment.verdict) for v in VERDICTS}
        lines += _metric("efiqa_score", "gauge", "Quality score of the newest frame.", newest.assessment.score)
        lines += _metric("efiqa_verdict", "gauge", "1 for the verdict of the newest frame.", verdicts)
    return "\n".join(lines) + "\n"


def disk_metrics(housekeeper: Housekeeper | None) -> str:
    """The room for visits in the text format of Prometheus; empty for a session that saves nothing."""
    if housekeeper is None:
        return ""
    lines = _metric("efiqa_files_waiting", "gauge", "DICOM files that wait for the archive.", housekeeper.waiting)
    lines += _metric("efiqa_disk_age_seconds", "gauge", "Since the disk was asked.", round(housekeeper.space_age_s, 1))
    if (space := room(housekeeper)) is not None:
        free = int(space.free_mib * 2**20)
        lines += _metric("efiqa_disk_free_bytes", "gauge", "Room on the disk of the visits.", free)
        lines += _metric("efiqa_disk_bytes", "gauge", "Size of that disk.", int(space.total_mib * 2**20))
    return "\n".join(lines) + "\n"


def _metric(name: str, kind: str, text: str, value: float | Mapping[str, float]) -> list[str]:
    """One metric: a value, or several by their label."""
    samples = value if isinstance(value, Mapping) else {"": value}
    return [f"# HELP {name} {text}", f"# TYPE {name} {kind}", *(f"{name}{each} {samples[each]}" for each in samples)]
