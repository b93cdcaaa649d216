"""The options of what stays in ``--out``, and for how long."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from edge.capture.retention.housekeeper import Housekeeper
from edge.capture.retention.policy import Policy
from edge.capture.retention.sentences import gib
from edge.commands.console.reporter import Reporter

_SIZE = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?) ?([MGT])(?:iB|B)?", re.IGNORECASE)
_UNITS = {"M": 2**20, "G": 2**30, "T": 2**40}
_LEAST = 100 * 2**20  # less than one visit with its video: surely a slip


def size_of(text: str) -> int:
    """Bytes of a size such as ``20G``; units are binary, 1G is 1 GiB.

    Raises:
        typer.BadParameter: it is none, or below 100 MiB.
    """
    found = _SIZE.fullmatch(text.strip())
    size = 0 if found is None else int(float(found[1]) * _UNITS[found[2].upper()])
    if size < _LEAST:
        raise typer.BadParameter(f"'{text}' is no size of at least 100M; write 500M, 20G or 1T.")
    return size


Out = Annotated[
    Path | None,
    typer.Option(
        help="Keep the best frame, a line per frame and the overlay video here; a folder that holds anything "
        "already gets a sub-folder session-2, session-3, ... Without it nothing is written."
    ),
]
KeepDays = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=36500,
        metavar="N",
        help="Delete a visit N days after its end. With --hand-over only once all its captures have reached the "
        "archive; without it nothing ever counts as delivered, and age alone decides.",
    ),
]
MaxSize = Annotated[
    int | None,
    typer.Option(
        parser=size_of,
        metavar="SIZE",
        help="Delete the oldest visits while all together exceed this, such as 20G; what has not reached the archive "
        "of --hand-over stays.",
    ),
]


def check_retention(out: Path | None, keep_days: int | None, max_size: int | None) -> None:
    """Refuse limits for what is not kept at all.

    Raises:
        typer.BadParameter: they come without ``--out``.
    """
    if out is None and (keep_days is not None or max_size is not None):
        raise typer.BadParameter("--keep-days and --max-size are for what --out keeps: give --out a folder.")


def open_housekeeper(
    out: Path | None, keep_days: int | None, max_size: int | None, hand_over: bool, reporter: Reporter
) -> Housekeeper | None:
    """Start to keep a folder within its limits, and to watch its disk also without any; None for no folder."""
    if out is None:
        return None
    keeper = Housekeeper(out, Policy(keep_days, max_size, hand_over), reporter.note, reporter.report)
    if max_size is not None and keeper.space is not None and max_size > keeper.space.total_mib * 2**20:
        whole = gib(int(keeper.space.total_mib * 2**20))
        reporter.note(f"--max-size {gib(max_size)} is more than the disk of {out} holds ({whole}): it fills up first.")
    return keeper
