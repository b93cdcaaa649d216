"""Whether bundles must be signed, and where the public keys of whom is trusted are: asked for, or ``EFIQA_TRUST``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge.errors import EdgeError

TRUST = "EFIQA_TRUST"
Named = Path | str | Sequence[Path | str]
NAME_ONE = "name the .pub.pem file of edge-calibrate keygen, or a folder of such files"


def demand_of(trust: Named | None) -> list[Path] | None:
    """Where the trusted keys are, as given or else as ``EFIQA_TRUST`` says; None where any bundle may be used.

    Raises:
        EdgeError: trust is asked for, and no key is named.
    """
    named: Sequence[Path | str]
    if trust is not None:
        named, source = [trust] if isinstance(trust, (str, Path)) else trust, "trust"
    elif (said := os.environ.get(TRUST)) is not None:
        named, source = said.split(os.pathsep), TRUST
    else:
        return None
    # An empty name would be the current folder: it comes from an unset variable, and must not switch the check off.
    if not named or not all(map(str, named)):
        raise EdgeError(f"{source} names no key, or an empty one: {NAME_ONE}, or leave {source} out.")
    return [Path(each).expanduser() for each in named]


@contextlib.contextmanager
def demanding(named: Sequence[str]) -> Iterator[None]:
    """Let all bundles that are read inside, by processes that start there too, be signed by one of these keys.

    Args:
        named: files or folders; where there are none, all stays as it is.
    """
    before = os.environ.get(TRUST)
    if named:
        os.environ[TRUST] = os.pathsep.join(named)
    try:
        yield
    finally:
        if named:
            os.environ.pop(TRUST)
            os.environ.update({} if before is None else {TRUST: before})
