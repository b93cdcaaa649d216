"""One play through model, guide and trigger, and its result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from benchmarks.capture.sequences import Shown
from edge.camera.protocol import Frame
from edge.capture.graded import Graded
from edge.capture.guided import GuidedSession
from edge.capture.session.record import better
from edge.capture.trigger import Strictness
from edge.guidance.hint import OF_A_VISIT
from edge.model import QualityModel
from edge.phantom import GRADABLE

GRACE_S = 0.5  # after the onset of a cause, before the hint is judged
SETTLED = 1e-6


@dataclass(frozen=True)
class Moment:
    """One frame without its picture."""

    t: float
    truth: float | None
    cause: str | None
    score: float
    hint: str  # code
    clock: int | None


@dataclass(frozen=True)
class JudgedSequence:
    """The result of one play.

    Attributes:
        name: of the play.
        moments: its frames.
        fired: indices into ``moments`` of the best frame of each capture.
        fired_at: when each fired, in seconds.
        kept: index of the frame that a session would keep: the best that fired, the best of all where nothing did;
            None where no frame showed a retina.
    """

    name: str
    moments: tuple[Moment, ...]
    fired: tuple[int, ...]
    fired_at: tuple[float, ...]
    kept: int | None


def judge(name: str, frames: Iterable[Shown], model: QualityModel, strictness: Strictness) -> JudgedSequence:
    """Play frames as on a device that grades every one.

    Raises:
        EdgeError: a frame cannot be read, or the engine failed.
    """
    session = GuidedSession(model, strictness)
    moments: list[Moment] = []
    best: Graded | None = None
    best_fired: Graded | None = None
    fired: list[tuple[int, float]] = []
    for shown in frames:
        # Numbered by their place in the list: a recording may lack frames.
        step = session.update_frame(Frame(shown.image, len(moments), shown.t), shown.t)
        hint, score = step.hint, step.assessment.score
        code = "hold" if hint.code in OF_A_VISIT else hint.code  # what the frame tells is judged
        moments.append(Moment(shown.t, shown.truth, shown.cause, score, code, hint.clock))
        best = step.graded if better(step.graded, best) else best
        if (capture := step.capture) is not None:
            first = capture.frames[0]
            fired.append((first.frame.index, capture.t))
            if best_fired is None or first.assessment.score > best_fired.assessment.score:
                best_fired = first
    kept = best_fired or best
    return JudgedSequence(
        name,
        tuple(moments),
        tuple(index for index, _ in fired),
        tuple(t for _, t in fired),
        None if kept is None else kept.frame.index,
    )


def right_hints(judged: JudgedSequence) -> dict[str, tuple[int, int]]:
    """By cause: frames whose hint was right and frames counted, those at least ``GRACE_S`` after its onset."""
    counted: dict[str, tuple[int, int]] = {}
    cause, since = None, 0.0
    for moment in judged.moments:
        if moment.cause != cause:
            cause, since = moment.cause, moment.t
        if cause is None or moment.t - since < GRACE_S - SETTLED:
            continue
        right, of = counted.get(cause, (0, 0))
        counted[cause] = right + (moment.hint == ("hold" if cause == "clear" else cause)), of + 1
    return counted


def most_changes(judged: JudgedSequence) -> int:
    """Most changes of the hint (text or direction) within any one second."""
    hints = [(m.hint, m.clock) for m in judged.moments]
    at = [judged.moments[i].t for i in range(1, len(hints)) if hints[i] != hints[i - 1]]
    return max((sum(1 for other in at if 0 <= other - t < 1 - SETTLED) for t in at), default=0)


def better_share(judged: JudgedSequence) -> float | None:
    """Share of the frames that are truly better than the one kept; None where the truth of either is not known."""
    truths = np.array([m.truth for m in judged.moments if m.truth is not None])
    if judged.kept is None or (kept := judged.moments[judged.kept].truth) is None or not truths.size:
        return None
    return float((truths > kept + SETTLED).mean())


def first_gradable(judged: JudgedSequence) -> float | None:
    """When the first frame could be graded, by its truth; None where none could or the truth is unknown."""
    return next((m.t for m in judged.moments if m.truth is not None and m.truth >= GRADABLE), None)
