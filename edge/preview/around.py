"""What a client is told beside the visit: the room on the disk, what was sent, and what ended visits still ask.

All of it is measured by other threads; nobody waits for a disk here.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.retention.space import Space
from edge.preview.context import Controls

OLD_S = 30.0  # a measure that is older says nothing of the disk


def around(controls: Controls) -> dict[str, Any]:
    """``free_mib``, ``disk``, ``delivery`` and ``unanswered`` (captures of ended visits whose eye nobody has said)."""
    keeper = controls.housekeeper
    asks = 0 if keeper is None else keeper.asks
    return {**disk_state(keeper), "delivery": _delivery(controls), "unanswered": asks}


def _delivery(controls: Controls) -> dict[str, Any] | None:
    """How far the hand-over is; None where there is none, and nothing waits for one."""
    if controls.hand_over is not None:
        return asdict(controls.hand_over.state)
    waiting = 0 if controls.housekeeper is None else controls.housekeeper.waiting
    return {"state": "waiting", "files": waiting} if waiting else None


def disk_state(housekeeper: Housekeeper | None) -> dict[str, Any]:
    """``free_mib`` and ``disk`` for the page: ``ok``, ``low``, ``full``, or ``unknown`` where it does not answer.

    None for both where nothing is kept.
    """
    if housekeeper is None:
        return {"free_mib": None, "disk": None}
    if (space := room(housekeeper)) is None:
        return {"free_mib": None, "disk": "unknown"}
    return {"free_mib": int(space.free_mib), "disk": space.level}


def room(housekeeper: Housekeeper) -> Space | None:
    """The room on the disk of the visits; None where it does not answer, as a folder in a network that hangs."""
    return housekeeper.space if housekeeper.space_age_s < OLD_S else None
