"""A site's own model: a run's float weights go on with the site's photographs, without vessel maps and labels.

Segmenter and prior stay as they are: they say what should be there. Stage 2 is trained on the site's photographs and on
frames made of them and of synthetic eyes, and the student goes on from the run's own.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from edge.errors import EdgeError
from edge.images import read_image
from edge.modality import check_fundus
from edge.model import QualityModel
from trainer.data.datasets import Photograph, find_photographs, in_threads, or_left_out
from trainer.loop import runs
from trainer.loop.checkpoints import write
from trainer.loop.processes import by_first
from trainer.recipe import Recipe, load_recipe
from trainer.steps.distill import load_student
from trainer.steps.prior import load_prior
from trainer.steps.teacher import kinds_of
from trainer.steps.vessels import load_segmenter

RUNS = Path(__file__).parents[1] / "runs"  # those that ship
FEWEST = 50  # photographs of retinas: with fewer, a student learns these few by heart
_KEPT = ("vessels", "prior")  # steps that are taken over as they are
_NEEDED = (*_KEPT, "student")  # of the run to go on from
_STEPS, _RATE = 1500, 0.5e-3  # of distillation: the student knows most of it
_FRAMES_A_PHOTOGRAPH, _MOST_FRAMES = 6, 6000
_RETINAS, _ONE_EYE = 0.7, 0.95  # shares of the photographs

log = logging.getLogger(__name__)


def run_named(name: str) -> Path:
    """The folder of a run that ships (``default``), or any other run folder.

    Raises:
        EdgeError: there is no finished student in it.
    """
    folder = RUNS / name if (RUNS / name).is_dir() else Path(name)
    if not (folder / "student" / runs.WEIGHTS).is_file():
        shipped = ", ".join(sorted(p.parents[1].name for p in RUNS.glob(f"*/student/{runs.WEIGHTS}"))) or "none here"
        raise EdgeError(
            f"{name} is no finished run: give --from the folder that `edge-train all` wrote, or one that ships "
            f"({shipped})."
        )
    return folder


def recipe_from(source: Path, photographs: Sequence[Photograph]) -> Recipe:
    """The recipe of a run, shorter, for so many photographs of one site.

    Raises:
        EdgeError: the run is of another modality, or see ``load_recipe``.
    """
    recipe = load_recipe(str(source / "student" / "config.yaml"))
    if recipe.modality != "fundus":
        raise EdgeError(
            f"edge-train adapt is for photographs of the fundus, and {source} is a run of {recipe.modality}: give "
            "--from a run of the fundus; edge-train all trains this one anew."
        )
    number = min(_MOST_FRAMES, _FRAMES_A_PHOTOGRAPH * len(photographs))
    return replace(
        recipe,
        name=f"{recipe.name}, adapted",
        exclude=(),
        only=(),
        frames=replace(recipe.frames, number=number, phantoms=min(recipe.frames.phantoms, number // 10)),
        adapter=replace(recipe.adapter, kinds=kinds_of(recipe, recipe.adapter.teacher)),
        distill=replace(recipe.distill, steps=min(_STEPS, recipe.distill.steps), rate=min(_RATE, recipe.distill.rate)),
    )


def take_over(source: Path, out: Path) -> None:
    """Copy the steps that stay into the run folder.

    Raises:
        EdgeError: one of the run's steps is missing, damaged or of another network, or ``out`` is the run itself or
            holds other steps; or see ``checkpoints.write``.
    """
    if source.resolve() == out.resolve():
        raise EdgeError(f"{out} is both --from and --out, and would be written over: choose another --out.")

    def work() -> None:
        for step in _NEEDED:
            if not (source / step / runs.WEIGHTS).is_file():
                raise EdgeError(
                    f"{source} lacks {step}/{runs.WEIGHTS}: give --from the whole folder of a run, which holds "
                    f"{', '.join(_NEEDED)}."
                )
        for step in _KEPT:
            ours, theirs = source / step / runs.WEIGHTS, out / step / runs.WEIGHTS
            if theirs.is_file() and theirs.read_bytes() != ours.read_bytes():
                raise EdgeError(f"{out} holds {step} of another run: choose another --out.")

    by_first(work)
    recipe = load_recipe(str(source / "student" / "config.yaml"))
    for load in (load_segmenter, lambda run: load_prior(run, recipe), load_student):
        load(source)  # one that is damaged or of another recipe is told of now, and not after hours
    for step in _KEPT:
        for name in ("config.yaml", "metrics.json", runs.WEIGHTS):  # the weights last: a step that has them is finished
            if (source / step / name).is_file():
                write(out / step / name, (source / step / name).read_bytes())


def check_photographs(data: Path, model: Path | None = None) -> list[Photograph]:
    """See that a folder is what a model can be adapted to; a model, that which ships for None, looks at each.

    Raises:
        EdgeError: too few photographs show a retina, or too many show something else.
    """
    photographs = find_photographs(data)
    seen = list(_looked_at(photographs, model))
    retinas = [eye for is_retina, eye, _ in seen if is_retina]
    others = [path for is_retina, _, path in seen if not is_retina]
    if len(retinas) < _RETINAS * len(seen):
        raise EdgeError(
            f"{data} does not hold photographs of retinas alone: {len(others)} of {len(seen)} show something else, "
            f"such as {others[0].name}: move those elsewhere."
        )
    if len(retinas) < FEWEST:
        besides = f" ({len(others)} of {len(seen)} show something else, such as {others[0].name})" if others else ""
        raise EdgeError(
            f"{data} holds {len(retinas)} photographs of retinas{besides}, and at least {FEWEST} are needed: add more "
            "of this camera, of good and of bad quality."
        )
    eyes = Counter(eye for eye in retinas if eye)
    if eyes and max(eyes.values()) > _ONE_EYE * sum(eyes.values()) and sum(eyes.values()) >= FEWEST // 2:
        log.warning(
            "%s: nearly all photographs are of the %s eye: the other is learned from mirrored ones; add some of it.",
            data, max(eyes, key=lambda eye: eyes[eye]),
        )  # fmt: skip
    return photographs


def _looked_at(photographs: Sequence[Photograph], bundle: Path | None) -> Iterator[tuple[bool, str | None, Path]]:
    """Of each that can be read: whether it shows a retina, which eye, its path."""
    with QualityModel.load(bundle, threads=1) as model:
        check_fundus(model.manifest, "edge-train adapt")

        def look(photograph: Photograph) -> tuple[bool, str | None, Path]:
            found = model.assess(read_image(photograph.path))
            return found.verdict != "no_fundus", found.eye, photograph.path

        for each in in_threads(or_left_out(look), photographs, "adapt: looking at photographs", threads=1):
            if each is not None:
                yield each
