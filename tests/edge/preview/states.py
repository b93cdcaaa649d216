"""Visits as a session tells them, for the states that a page must show."""

from __future__ import annotations

from typing import Any

EYES, FIELDS = ("right", "left"), ("macula", "disc")
WANTED = [{"eye": eye, "field": field} for eye in EYES for field in FIELDS]


def captured(number: int, **changes: Any) -> dict[str, Any]:
    """One capture; four of them show what is wanted."""
    at = WANTED[(number - 1) % 4]
    said = {"contradiction": False, "question": False, "score": 0.8714, "verdict": "good", "adequate": True}
    return {"number": number, **at, "by": "auto", "told": at["eye"], **said, **changes}


def visit(kept: int = 0, **changes: Any) -> dict[str, Any]:
    """A visit of both fields of both eyes, with so many pictures."""
    captures = [captured(number) for number in range(1, kept + 1)]
    at_first = {"number": 3, "state": "open", "identity": True, "identified": False, "eye": "right", "field": "macula"}
    at_first |= {"identities": 0, "kept_as": 3, "discarded": [], "restarted": None}
    room = {"free_mib": 48_211, "disk": "ok", "unanswered": 0, "delivery": {"state": "sent", "files": 128}}
    missing = WANTED[kept:]
    return {**at_first, "stated": None, "wanted": WANTED, "missing": missing, "captures": captures, **room, **changes}


def with_questions(kept: int, **changes: Any) -> dict[str, Any]:
    """The same, where the operator stated the left eye; the newest two contradict it or tell no eye."""
    said = visit(kept, stated="left", **changes)
    for number, asked in (
        (kept, {"contradiction": True, "question": True, "eye": "left", "told": "right"}),
        (kept - 1, {"question": True, "eye": None, "told": None}),
    ):
        if number >= 1:
            said["captures"][number - 1].update(asked)
    return said


STATES = {
    "open": visit,
    "ended": lambda kept: visit(kept, state="ended"),
    "contradiction": with_questions,
    "eye unknown": lambda kept: visit(kept, eye=None, field="disc"),
    "no retina": lambda kept: visit(kept, eye=None, field=None),
    "discarded": lambda kept: visit(kept, discarded=[captured(kept + 1)]),
    "restarted": lambda kept: visit(kept, number=1, restarted=9_998),
    "not sent": lambda kept: visit(kept, delivery={"state": "failed", "files": 9_998}),
    "unanswered": lambda kept: visit(kept, unanswered=3),
    "disk low": lambda kept: visit(kept, disk="low", free_mib=812),
    "disk unknown": lambda kept: visit(kept, disk="unknown", free_mib=None),
    "disk full": lambda kept: with_questions(kept, disk="full", free_mib=45),
    "no identity": lambda kept: visit(kept, identity=False),
    "one field an eye": lambda kept: visit(
        kept, wanted=[{"eye": eye, "field": None} for eye in EYES], missing=[{"eye": "left", "field": None}]
    ),
}
