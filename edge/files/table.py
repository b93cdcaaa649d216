"""Rows as CSV that a spreadsheet can open without running anything."""

from __future__ import annotations

import re
from collections.abc import Sequence

# How a formula begins, also in full width, and what is left away before one.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
# In a sentence, what a program that parts cells at other signs than commas would make a formula of.
_PARTED = re.compile("([;\t])(?=[=+@\\-\t\r\n\uff1d\uff0b\uff0d\uff20])")


def csv_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows as CSV.

    A spreadsheet takes what begins with ``=``, ``+``, ``-`` or ``@`` for a formula, and runs it. A path that does, and
    the error that begins with it, get ``./`` before them: still the path of that file, and no formula.
    """
    return "".join(",".join(text_cell(text) for text in row) + "\n" for row in rows)


def text_cell(text: str) -> str:
    """One cell of text; see ``csv_text``. A number needs none of this, and a negative one would become text."""
    return _cell(tame(text))


def whole_sentence(text: str) -> str:
    """A sentence that stays without a formula where cells are parted at semicolons or tabs."""
    return _PARTED.sub(r"\1 ", text)


def tame(text: str) -> str:
    """Text of which a spreadsheet makes no formula; of a path the same file."""
    return f"./{text}" if text.startswith(_FORMULA) else text


def _cell(text: str) -> str:
    """A cell as it is, in quotes where a reader could take it for more; some part cells at semicolons or tabs."""
    if any(mark in text for mark in ',;"\r\n\t'):
        return '"' + text.replace('"', '""') + '"'
    return text
