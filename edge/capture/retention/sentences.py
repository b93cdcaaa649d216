"""What the operator is told about visits that go, and about those that do not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge.capture.retention.policy import Cleaned, Plan, Policy
from edge.capture.retention.visits import Visit

_GIB = 2**30


def cleaned_words(out: Path, policy: Policy, cleaned: Cleaned) -> str:
    """What was removed, and why."""
    parts = [f"{len(cleaned.old)} older than {days_of(policy)}"] if cleaned.old else []
    parts += [f"{len(cleaned.large)} to stay below {gib(policy.max_bytes or 0)}"] if cleaned.large else []
    gone = (*cleaned.old, *cleaned.large)
    arrived = sum(each.arrived for each in gone)
    were = f"; {arrived} of them had reached the archive" if policy.hand_over and arrived < len(gone) else ""
    return f"{counted(len(gone))} in {out} {verb(len(gone), 'is', 'are')} deleted: {', '.join(parts)}{were}."


def held_words(out: Path, policy: Policy, wanted: Plan) -> str:
    """Why visits stay although the policy wants them gone."""
    number = len(wanted.held)
    files = sum(each.waiting for each in wanted.held)
    why = (
        f"{counted(number)} in {out} ({gib(size_of(wanted.held))}) {verb(number, 'holds', 'hold')} captures that have "
    )
    why += f"not reached the archive{f' ({files} DICOM files wait)' if files else ''} and {verb(number, 'is', 'are')} "
    if wanted.excess:
        return (
            why + f"kept although all visits together exceed {gib(policy.max_bytes or 0)}: see to the archive, or "
            "delete them by hand, before the disk is full."
        )
    return why + f"kept although older than {days_of(policy)}: see to the archive, or delete them by hand."


def low_words(out: Path, visits: Sequence[Visit]) -> str:
    """What may be deleted where the disk runs low; empty if there is nothing."""
    arrived = [each for each in visits if each.arrived and not each.running]
    waiting = [each for each in visits if each.waiting]
    parts = [f"{counted(len(arrived))} ({gib(size_of(arrived))}) reached the archive and may go"] if arrived else []
    parts += [f"{counted(len(waiting))} ({gib(size_of(waiting))}) still wait for it"] if waiting else []
    return f"in {out} {', '.join(parts)}." if parts else ""


def size_of(visits: Sequence[Visit]) -> int:
    """Bytes of all of them."""
    return sum(each.size for each in visits)


def gib(size: int) -> str:
    """A size for people."""
    return f"{size / _GIB:.1f} GiB" if size >= _GIB / 10 else f"{size / 2**20:.1f} MiB"


def days_of(policy: Policy) -> str:
    """The age limit for people."""
    return "1 day" if policy.keep_days == 1 else f"{policy.keep_days} days"


def counted(number: int) -> str:
    """A number of visits."""
    return "1 visit" if number == 1 else f"{number} visits"


def verb(number: int, one: str, many: str) -> str:
    """The form of a verb for a number."""
    return one if number == 1 else many
