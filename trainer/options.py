"""Options that several commands of edge-train share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge.bundle.manifest import ModalityName
from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL

Data = Annotated[Path, typer.Option(help="Folder of photographs; SET/images beside SET/vessels is an annotated set.")]
Out = Annotated[
    Path, typer.Option("--out", help="The run folder: each step writes weights, config, metrics and a picture there.")
]
RUN = Path("runs/mine")
RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe", help="quick, default, open, paper, octa, or a YAML file; else quick, or that of --modality."
    ),
]
Modality = Annotated[
    ModalityName | None, typer.Option("--modality", help="What the pictures are, where the recipe says otherwise.")
]
Maps = Annotated[
    Path | None,
    typer.Option(
        "--vessel-maps",
        help="Folder of vessel maps of another segmenter, laid out like --data; binary, or in artery/vein colours.",
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        "--from", metavar="RUN", help="A run whose student goes on learning, as default; else it begins anew."
    ),
]
Model = Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=MODEL)]
OwnRecipe = Annotated[str | None, typer.Option("--recipe", help="The run's own without it; a name, or a YAML file.")]
Measured = Annotated[
    Path | None,
    typer.Option(
        "--model",
        parser=named_bundle,
        metavar="FILE",
        help="A bundle made of this run, to be measured beside its steps; default is the one that ships.",
    ),
]
Page = Annotated[
    Path | None, typer.Option("--page", help="A Markdown page whose tables are to be replaced, between its two marks.")
]
