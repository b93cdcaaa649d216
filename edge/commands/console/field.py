"""The option ``--field``, apart from the others: it wants OpenCV, without which edge-doctor must start."""

from __future__ import annotations

from typing import Annotated

import typer

from edge.errors import EdgeError
from edge.field.known import field_setting


def _known(field: str | None) -> str | None:
    """The argument of ``--field``, if it can be one."""
    if field is not None:
        try:
            field_setting(field)
        except EdgeError as error:
            raise typer.BadParameter(str(error)) from error
    return field


FieldSetting = Annotated[
    str | None,
    typer.Option(
        "--field",
        callback=_known,
        metavar="FIELD",
        help="The camera's field of view: circle:X,Y,R in pixels, a mask file, learn (from the clearest frames so far) "
        "or frame (from each frame alone).",
    ),
]
