"""Options of what places need that are no folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.sources.dicomweb import Access
from edge.sources.elsewhere import How
from edge.sources.manifest import Listing

Column = Annotated[
    str, typer.Option("--column", metavar="NAME", help="The column of a list (.csv, .parquet) that holds the paths.")
]
Carry = Annotated[
    list[str] | None,
    typer.Option(
        "--carry",
        metavar="NAME",
        help="With --table: a column of a list that goes along (camera, site and taken fill those); may be repeated.",
    ),
]
Root = Annotated[
    Path | None, typer.Option("--root", help="The folder that paths of a list begin in; that of the list without it.")
]
Identity = Annotated[
    bool,
    typer.Option("--identity", help="With --table: write patient, study, series and instance of DICOM files too."),
]
Ca = Annotated[
    Path | None, typer.Option("--ca", metavar="FILE", help="The CA certificates (PEM) of a DICOMweb archive.")
]
Insecure = Annotated[
    bool, typer.Option("--insecure", help="Let pictures of a DICOMweb archive come unencrypted from another machine.")
]


def how_of(column: str, carry: list[str] | None, root: Path | None, access: Access) -> How:
    """The options together."""
    return How(Listing(column, tuple(carry or ()), root), access)
