"""What a client is told beside the visit: the room on the disk, and what ended visits still ask.

All of it is measured by other threads; nobody waits for a disk here.
"""

from __future__ import annotations

from typing import Any

from edge.capture.retention.housekeeper import Housekeeper
from edge.preview.context import Controls


def around(controls: Controls) -> dict[str, Any]:
    """``free_mib``, ``disk`` and ``unanswered`` (captures of ended visits whose eye nobody has said)."""
    keeper = controls.housekeeper
    return {**disk_state(keeper), "unanswered": 0 if keeper is None else keeper.asks}


def disk_state(housekeeper: Housekeeper | None) -> dict[str, Any]:
    """``free_mib`` and ``disk`` (``ok``, ``low`` or ``full``) for the page; None for both where that is unknown."""
    space = None if housekeeper is None else housekeeper.space
    return {"free_mib": None if space is None else int(space.free_mib), "disk": None if space is None else space.level}
