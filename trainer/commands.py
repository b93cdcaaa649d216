"""edge-train: photographs in, checkpoints and pictures out."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from edge.bundle.bundle import read_bundle
from edge.commands.console.cli import Debug, Json, Trust, err, main_of, new_app, out, quiet
from edge.commands.start import late
from edge.modality import check_fundus
from trainer.options import RUN, Data, Maps, Measured, Modality, Model, Out, OwnRecipe, Page, RecipeName, Source
from trainer.recipe import Recipe, load_recipe, recipe_for

app = new_app(
    "Train the networks of efiqa-edge, step by step or all at once. No quality label is used.\n\n"
    "Example: edge-train all --recipe quick --data photographs --out runs/mine"
)

Step = Callable[[Recipe, Path, Path], None]


def _module(name: str) -> Any:
    """A module of the trainer, loaded when it is used: torch takes seconds."""
    return late(f"trainer.{name}", "training", "train")


def _steps(maps: Path | None = None, weights: Path | None = None, start: Path | None = None) -> dict[str, Step]:
    """The four steps in their order."""
    adapter, distill, prior, vessels = (_module(f"steps.{name}") for name in ("adapter", "distill", "prior", "vessels"))
    return {
        "vessels": vessels.run,
        "prior": functools.partial(prior.run, maps=maps),
        "adapter": functools.partial(adapter.import_weights, weights=weights)
        if weights
        else functools.partial(adapter.run, maps=maps),
        "distill": functools.partial(distill.run, start=start),
    }


def _run(steps: dict[str, Step], recipe: Recipe, data: Path, run_folder: Path, as_json: bool) -> None:
    _module("loop.alone").check_apart(data, run_folder)
    processes, runs, alone = _module("loop.processes"), _module("loop.runs"), _module("loop.alone").alone_in(run_folder)
    with quiet(processes.follows()), processes.joined(), _module("loop.stopping").going_on(run_folder), alone:
        runs.check_modality(run_folder, recipe)
        for name, step in steps.items():
            start = time.perf_counter()
            step(recipe, data, run_folder)
            folder = runs.step_folder(run_folder, name, recipe)
            minutes = (time.perf_counter() - start) / 60
            if as_json:  # one line a step
                report = {"step": name, "folder": str(folder), "minutes": round(minutes, 2)}
                out.print_json(json.dumps(report | {"metrics": runs.read_metrics(folder)}), indent=None)
            look = f"; check the picture in {folder}" if any(folder.glob("*.png")) else ""
            err.print(f"{name}: {minutes:.1f} minutes{look}", markup=False)


@app.command()
def vessels(
    data: Data,
    run_folder: Out = RUN,
    recipe: RecipeName = None,
    modality: Modality = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """The vessel segmenter, from photographs with hand-drawn vessel maps.

    Example: edge-train vessels --recipe quick --data photographs --out runs/mine
    """
    _run({"vessels": _steps()["vessels"]}, recipe_for(recipe, modality), data, run_folder, as_json)


@app.command()
def prior(
    data: Data,
    run_folder: Out = RUN,
    recipe: RecipeName = None,
    modality: Modality = None,
    maps: Maps = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Stage 1: the anatomical prior, by masked inpainting of vessel maps.

    Example: edge-train prior --recipe quick --data photographs --out runs/mine
    """
    _run({"prior": _steps(maps)["prior"]}, recipe_for(recipe, modality), data, run_folder, as_json)


@app.command()
def adapter(
    data: Data,
    run_folder: Out = RUN,
    recipe: RecipeName = None,
    modality: Modality = None,
    maps: Maps = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights",
            help="Take a published linear adapter, .npy or .npz of C weights and a bias, instead of training one.",
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Stage 2: small networks on a frozen backbone, taught by the prior and by frames spoiled on purpose.

    Example: edge-train adapter --recipe quick --data photographs --out runs/mine
    """
    if maps is not None and weights is not None:
        raise typer.BadParameter("--vessel-maps teach an adapter, and --weights bring one that is taught: give one.")
    _run({"adapter": _steps(maps, weights)["adapter"]}, recipe_for(recipe, modality), data, run_folder, as_json)


@app.command()
def distill(
    data: Data,
    run_folder: Out = RUN,
    recipe: RecipeName = None,
    modality: Modality = None,
    source: Source = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """The student: the small network that runs on the device.

    Example: edge-train distill --recipe quick --data photographs --out runs/mine
    """
    start = None if source is None else _module("steps.adapt").run_named(source)
    _run({"distill": _steps(start=start)["distill"]}, recipe_for(recipe, modality), data, run_folder, as_json)


@app.command("all")
def all_steps(
    data: Data,
    run_folder: Out = RUN,
    recipe: RecipeName = None,
    modality: Modality = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """All four steps; a finished step is not repeated, an interrupted one resumes from its checkpoint.

    Example: edge-train all --recipe quick --data photographs --out runs/mine
    """
    _run(_steps(), recipe_for(recipe, modality), data, run_folder, as_json)


@app.command()
def adapt(
    photographs: Annotated[Path, typer.Argument(help="A folder of the site's own photographs, good and bad ones.")],
    source: Annotated[
        str, typer.Option("--from", help="The run to go on from: default is that of the model that ships.")
    ] = "default",
    run_folder: Out = RUN,
    model: Model = None,
    trust: Trust = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """A site's own model: float weights that ship go on with its photographs; no vessel map and no label is needed.

    Then edge-calibrate int8 OUT makes the bundle.

    Example: edge-train adapt photographs --from default --out runs/site
    """
    module = _module("steps.adapt")
    _module("loop.alone").check_apart(photographs, run_folder)
    folder = module.run_named(source)
    recipe = module.recipe_from(folder, module.check_photographs(photographs, model))
    module.take_over(folder, run_folder)
    learned = {name: step for name, step in _steps(start=folder).items() if name in ("adapter", "distill")}
    _run(learned, recipe, photographs, run_folder, as_json)


@app.command()
def fundus(
    data: Annotated[Path, typer.Option(help="A folder of photographs of retinas.")],
    others: Annotated[Path | None, typer.Option(help="A folder of pictures of anything else.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the drawn pictures.")] = 0,
    model: Model = None,
    trust: Trust = None,
    debug: Debug = False,
) -> None:
    """What is a retina at all, for the model that ships: run it again after each change of the model.

    Example: edge-train fundus --data photographs --others pictures
    """
    out.print(_module("steps.fundus").renew(data, others, seed, model))


@app.command()
def causes(
    data: Annotated[Path, typer.Option(help="A folder of photographs of retinas.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed of the drawn degradations.")] = 0,
    leave_out: Annotated[
        Path | None, typer.Option(help="CSV whose column path names photographs of whose patients none may teach.")
    ] = None,
    model: Model = None,
    trust: Trust = None,
    debug: Debug = False,
) -> None:
    """What took a part of a frame, for the model that ships: run it again after each change of the model.

    Example: edge-train causes --data photographs
    """
    out.print(_module("steps.causes").renew(data, seed, model, leave_out))


@app.command()
def evaluate(
    data: Data,
    run_folder: Out = RUN,
    recipe: OwnRecipe = None,
    model: Measured = None,
    page: Page = None,
    trust: Trust = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """What each step of a run is worth: against quality labels, against exact masks, student against teacher.

    Writes evaluation.json, evaluation.md and pictures into OUT/evaluation.

    Example: edge-train evaluate --recipe quick --data photographs --out runs/mine
    """
    if model is not None:
        check_fundus(read_bundle(model).manifest, "edge-train evaluate")  # refused now, and not after hours
    report = _module("evaluation.report")
    own = run_folder / "student" / "config.yaml"
    asked = load_recipe(recipe or (str(own) if own.is_file() else "quick"))  # without a student, see below
    result = _module("evaluation.evaluate").evaluate(asked, data, run_folder, model)
    report.write_report(result, run_folder / "evaluation")
    if page is not None:
        report.put_into(page, result, run_folder / "evaluation")
    if as_json:
        out.print_json(json.dumps(result))
        return
    out.print(report.markdown(result), markup=False)


main = main_of(app)
