"""What a DICOM node's refusals mean, in our own words: what it wrote itself is never shown."""

from __future__ import annotations

from edge.capture.archive.answer import REASONS

_ASSOCIATION = {  # PS3.8, table 9-21: source, and reason
    (1, 2): "it does not know this kind of association",
    (1, 3): "it does not know our AE title: have it registered there, or give --aet another one",
    (1, 7): "it does not know the AE title in its address",
    (2, 2): "it does not know our version of the protocol",
    (3, 1): "it is overloaded",
    (3, 2): "it has too many associations",
}


class PeerFailedError(Exception):
    """The node could not be reached, or went away; the message may be shown."""


class PeerRefusedError(Exception):
    """The node answers, but refuses; the message may be shown."""


def refusal_of(source: int, reason: int) -> str:
    """Why a node rejects an association (PS3.8, table 9-21)."""
    return f"it refuses the association: {_ASSOCIATION.get((source, reason), 'it gives no reason')}"


def store_refusal(status: int) -> str:
    """Why a node does not store a file, by the status of its answer (PS3.4, table B.2-1)."""
    why = REASONS.get(status) or next((words for low, high, words in _RANGES if low <= status <= high), None)
    return f"it refuses the file with status {status:04X}H" + (f": {why}" if why else "")


_RANGES = (
    (0xA700, 0xA7FF, "out of resources"),
    (0xA900, 0xA9FF, "the file does not match its SOP class"),
    (0xC000, 0xCFFF, "it does not understand the file"),
)
