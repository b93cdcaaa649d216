"""Options that several commands of edge-train share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL

Data = Annotated[Path, typer.Option(help="Folder of photographs; SET/images beside SET/vessels is an annotated set.")]
Out = Annotated[
    Path, typer.Option("--out", help="The run folder: each step writes weights, config, metrics and a picture there.")
]
RUN = Path("runs/mine")
RecipeName = Annotated[str, typer.Option("--recipe", help="quick, default, open, paper, or a YAML file.")]
Maps = Annotated[
    Path | None,
    typer.Option(
        "--vessel-maps",
        help="Folder of vessel maps of another segmenter, laid out like --data; binary, or in artery/vein colours.",
    ),
]
Model = Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=MODEL)]
