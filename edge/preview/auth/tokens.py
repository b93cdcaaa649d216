"""Refuse tokens that are too easily guessed."""

from __future__ import annotations

import secrets

from edge.errors import EdgeError

SHORTEST = 12
LONGEST = 256
_LEAST_FREE = 8  # characters that do not follow from those before them
_LEAST_DIFFERENT = 5
# Common sequences: alphabet, digits, and the rows of keyboards.
_ROWS = (
    *("abcdefghijklmnopqrstuvwxyz", "0123456789abcdef", "1234567890"),
    *("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn"),
)


def check_token(token: str) -> None:
    """Refuse a token that can be guessed; the message offers a good one and does not repeat the bad one.

    Raises:
        EdgeError: it is too short or long, has characters not allowed in a header, or too little variety.
    """
    if not (SHORTEST <= len(token) <= LONGEST and token.isascii() and token.isprintable() and token == token.strip()):
        raise EdgeError(
            f"the token must have {SHORTEST} to {LONGEST} plain characters without a space at either end; "
            f"a good one: {fresh_token()}"
        )
    if not _varied(token):
        raise EdgeError(
            "the token must have more variety than a repeated letter or word, or a row of the alphabet or keyboard; "
            f"a good one: {fresh_token()}"
        )


def fresh_token() -> str:
    """A random token."""
    while True:
        token = secrets.token_hex(8)
        if _varied(token):
            return token


def _varied(token: str) -> bool:
    folded = token.lower()
    if any(folded == (folded[:period] * len(folded))[: len(folded)] for period in range(1, len(folded) // 2 + 1)):
        return False
    free = sum(not _follows(folded, index) for index in range(len(folded)))
    return free >= _LEAST_FREE and len(set(folded)) >= _LEAST_DIFFERENT


def _follows(token: str, index: int) -> bool:
    """Whether a character continues the sequence of the two before it, or repeats an earlier group of three."""
    if index < 2:
        return False
    three = token[index - 2 : index + 1]
    if len(set(three)) == 1 or three in token[:index]:
        return True
    return any(three in row or three[::-1] in row for row in _ROWS)
