"""Sources without their secrets, to be printed and stored."""

from __future__ import annotations

import re

# User and password before a host; a password may hold any character but a space, even one that should be escaped.
_USER = re.compile(r"(?<=://)(?:[^/\s]*|[^/\s:]+:(?!\d+/)\S*)@")
_QUERY = re.compile(r"(?<=://)([^\s?]*)\?[^\s\"']*")  # what follows a question mark is often a token
_NAMED = re.compile(r"\b(user-id|user-pw|proxy-id|proxy-pw|password|passphrase)=(\"[^\"]*\"|'[^']*'|\S+)")


def without_secrets(source: str) -> str:
    """A source, an address, a pipeline, or a message about one, without user, password and tokens."""
    return _NAMED.sub(r"\1=***", _QUERY.sub(r"\1", _USER.sub("", source)))
