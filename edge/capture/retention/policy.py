"""Which visits go by themselves: those beyond an age or a total size, delivered ones first, undelivered ones never.

A capture that has not reached the archive may be the only picture of that eye. So what waits for the archive is never
removed by age or size, not even as the last thing that is left: then the disk fills, which is warned of, and further
captures are refused with an error. Only a person deletes it, from the page or with ``delete_visit``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edge.capture.retention.delete import BusyVisitError, NoSuchVisitError, remove
from edge.capture.retention.visits import Visit, all_visits
from edge.errors import EdgeError

_DAY_S = 86400.0
_NO_CLOCK = 1767225600.0  # 2026, before which this software did not exist: the clock of the device had not been set


@dataclass(frozen=True)
class Policy:
    """What may stay.

    Attributes:
        keep_days: days that a visit stays after its end; None for no limit.
        max_bytes: total size of all visits, running ones included; None for no limit.
        hand_over: whether captures go to an archive: then only visits go that have nothing left to deliver.
    """

    keep_days: int | None = None
    max_bytes: int | None = None
    hand_over: bool = False


@dataclass(frozen=True)
class Clock:
    """The time, and as much as is known of how far its setting can be trusted.

    Attributes:
        now: seconds since 1970.
        began: the same when the program started,
        lasts: and seconds since then by a clock that nobody sets.
    """

    now: float
    began: float
    lasts: float


def start_clock() -> Clock:
    """A clock that starts now."""
    return Clock(time.time(), time.time(), 0.0)


@dataclass(frozen=True)
class Plan:
    """What a policy wants.

    Attributes:
        old, large: visits to remove for their age, and for the total size, in this order.
        held: those that would go too, but are not delivered.
        excess: bytes above the limit that remain.
    """

    old: tuple[Visit, ...] = ()
    large: tuple[Visit, ...] = ()
    held: tuple[Visit, ...] = ()
    excess: int = 0


@dataclass(frozen=True)
class Cleaned:
    """What was done.

    Attributes:
        plan: of it.
        old, large: visits that are gone.
        troubles: one sentence for each that could not be removed.
    """

    plan: Plan = field(default_factory=Plan)
    old: tuple[Visit, ...] = ()
    large: tuple[Visit, ...] = ()
    troubles: tuple[str, ...] = ()


def age_s(visit: Visit, clock: Clock) -> float:
    """How long ago a visit ended, never more than is certain.

    0 for one that ended in the future (the clock was set back), or before this software existed (the clock had not been
    set). One that ended since the program started is no older than that, however far the clock was set ahead.
    """
    if visit.ended < _NO_CLOCK:
        return 0.0
    age = clock.now - visit.ended
    return max(0.0, min(age, clock.lasts) if visit.ended >= clock.began else age)


def must_stay(visit: Visit, policy: Policy) -> bool:
    """Whether something of a visit has still to reach the archive."""
    return visit.waiting > 0 or visit.pending > 0 or (policy.hand_over and visit.unsent > 0)


def plan(visits: Sequence[Visit], policy: Policy, clock: Clock) -> Plan:
    """Decide what goes; the newest visit and running ones never do.

    Args:
        visits: all of them, those that run included.
        policy: what may stay.
        clock: the time.
    """
    ended = [visit for visit in sorted(visits, key=lambda each: each.number)[:-1] if not visit.running]
    free = sorted((each for each in ended if not must_stay(each, policy)), key=lambda e: (not e.arrived, e.number))
    bound = [each for each in ended if must_stay(each, policy)]
    days, most = policy.keep_days, policy.max_bytes
    old = [each for each in free if days is not None and age_s(each, clock) > days * _DAY_S]
    held = [each for each in bound if days is not None and age_s(each, clock) > days * _DAY_S]
    large: list[Visit] = []
    excess = 0 if most is None else max(0, sum(each.size for each in visits) - sum(each.size for each in old) - most)
    for visit in free:
        if excess > 0 and visit not in old:
            large.append(visit)
            excess = max(0, excess - visit.size)
    return Plan(tuple(old), tuple(large), tuple(bound if excess > 0 else held), excess)


def clean(out: Path, policy: Policy, clock: Clock | None = None) -> Cleaned:
    """Remove what a policy does not keep; see ``plan``.

    Args:
        out: the folder of all sessions.
        policy: what may stay.
        clock: the time; the system's if left out.
    """
    wanted = plan(all_visits(out), policy, clock or start_clock())
    gone: dict[int, Visit] = {}
    troubles: list[str] = []
    for visit in (*wanted.old, *wanted.large):
        try:
            remove(visit)
            gone[visit.number] = visit
        except (BusyVisitError, NoSuchVisitError):  # another process, or the page, was quicker
            continue
        except EdgeError as error:
            troubles.append(str(error))
    old, large = (tuple(each for each in group if each.number in gone) for group in (wanted.old, wanted.large))
    return Cleaned(wanted, old, large, tuple(troubles))
