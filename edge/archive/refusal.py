"""What a server's statuses mean; nothing that it wrote itself is ever shown: its bytes may attack a terminal."""

from __future__ import annotations

_STATUSES = {
    400: "it does not understand the request",
    401: "user, password or token is wrong",
    403: "user or token may not do that there",
    404: "there is no DICOMweb server at this path",
    405: "there is no DICOMweb server at this path",
    429: "it gets too many requests",
    500: "it has an internal error",
    502: "its gateway cannot reach it",
    503: "it is overloaded or starting",
    504: "its gateway cannot reach it",
}


class ArchiveRefusedError(Exception):
    """The server's answer does not mean that it did what was asked; the message may be shown.

    Attributes:
        status: of HTTP, where that is the reason.
    """

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status


def check_status(status: int, more: dict[int, str]) -> None:
    """Refuse an answer that is none of success.

    Args:
        status: of HTTP.
        more: what further statuses mean here, or others mean instead.

    Raises:
        ArchiveRefusedError: so it is.
    """
    if 300 <= status < 400:
        raise ArchiveRefusedError(f"it answers {status}, which redirects: give the address that it moved to", status)
    if not 200 <= status < 300:
        words = {**_STATUSES, **more}.get(status)
        raise ArchiveRefusedError(f"it answers {status}" + (f": {words}" if words else ""), status)
