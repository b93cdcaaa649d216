"""edge-train: photographs in, checkpoints and pictures out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from edge.commands.cli import Debug, Json, err, main_of, new_app, out
from edge.errors import EdgeError
from trainer.recipe import Recipe, load_recipe

app = new_app(
    "Train the networks of efiqa-edge, step by step or all at once. No quality label is used.\n\n"
    "Example: edge-train all --recipe quick --data photographs --out runs/mine"
)

Data = Annotated[Path, typer.Option(help="Folder of photographs; SET/images beside SET/vessels is an annotated set.")]
Out = Annotated[
    Path, typer.Option("--out", help="The run folder: each step writes weights, config, metrics and a picture there.")
]
RUN = Path("runs/mine")
RecipeName = Annotated[str, typer.Option("--recipe", help="quick, default, or a YAML file.")]


def _steps() -> dict[str, Callable[[Recipe, Path, Path], None]]:
    """The four steps in their order; torch is imported only now, so that --help is instant."""
    try:
        from trainer import adapter, distill, prior, vessels
    except ImportError as error:
        raise EdgeError(f'training needs {error.name}: pip install "efiqa-edge[train]".') from error
    return {"vessels": vessels.run, "prior": prior.run, "adapter": adapter.run, "distill": distill.run}


def _run(names: list[str], recipe_name: str, data: Path, run_folder: Path, as_json: bool) -> None:
    recipe, steps = load_recipe(recipe_name), _steps()
    from trainer.runs import read_metrics

    for name in names:
        start = time.perf_counter()
        steps[name](recipe, data, run_folder)
        folder = run_folder / ("student" if name == "distill" else name)
        minutes = (time.perf_counter() - start) / 60
        if as_json:  # one line a step
            said = {"step": name, "folder": str(folder), "minutes": round(minutes, 2), "metrics": read_metrics(folder)}
            out.print_json(json.dumps(said), indent=None)
        err.print(f"{name}: {minutes:.1f} minutes; look at the picture in {folder}", markup=False)


@app.command()
def vessels(
    data: Data, run_folder: Out = RUN, recipe: RecipeName = "quick", as_json: Json = False, debug: Debug = False
) -> None:
    """The vessel segmenter, from photographs with hand-drawn vessel maps.

    Example: edge-train vessels --recipe quick --data photographs --out runs/mine
    """
    _run(["vessels"], recipe, data, run_folder, as_json)


@app.command()
def prior(
    data: Data, run_folder: Out = RUN, recipe: RecipeName = "quick", as_json: Json = False, debug: Debug = False
) -> None:
    """Stage 1: the anatomical prior, by masked inpainting of vessel maps.

    Example: edge-train prior --recipe quick --data photographs --out runs/mine
    """
    _run(["prior"], recipe, data, run_folder, as_json)


@app.command()
def adapter(
    data: Data, run_folder: Out = RUN, recipe: RecipeName = "quick", as_json: Json = False, debug: Debug = False
) -> None:
    """Stage 2: a 1x1 convolution on a frozen backbone, taught by the prior.

    Example: edge-train adapter --recipe quick --data photographs --out runs/mine
    """
    _run(["adapter"], recipe, data, run_folder, as_json)


@app.command()
def distill(
    data: Data, run_folder: Out = RUN, recipe: RecipeName = "quick", as_json: Json = False, debug: Debug = False
) -> None:
    """The student: the small network that runs on the device.

    Example: edge-train distill --recipe quick --data photographs --out runs/mine
    """
    _run(["distill"], recipe, data, run_folder, as_json)


@app.command("all")
def all_steps(
    data: Data, run_folder: Out = RUN, recipe: RecipeName = "quick", as_json: Json = False, debug: Debug = False
) -> None:
    """All four steps; a step that stands finished is not repeated, a killed one is taken up where it was.

    Example: edge-train all --recipe quick --data photographs --out runs/mine
    """
    _run(["vessels", "prior", "adapter", "distill"], recipe, data, run_folder, as_json)


@app.command()
def evaluate(
    data: Data, run_folder: Out = RUN, recipe: RecipeName = "quick", as_json: Json = False, debug: Debug = False
) -> None:
    """How well each step of a run tells good photographs from bad ones, on the labelled sets below --data.

    Example: edge-train evaluate --recipe quick --data photographs --out runs/mine
    """
    _steps()
    from trainer.evaluate import evaluate as measure

    result = measure(load_recipe(recipe), data, run_folder)
    if as_json:
        out.print_json(json.dumps(result))
        return
    for name, table in result.items():
        out.print(f"{name}: AUROC", markup=False)
        for scorer, value in table.items():
            out.print(f"  {scorer:<32} {value:.4f}")


main = main_of(app)
