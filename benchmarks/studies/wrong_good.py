"""How often a bad frame is called good: shadows and light over clear photographs, and pictures without a retina.

    python -m benchmarks.studies.wrong_good PHOTOGRAPHS... [--others PICTURES] [--each 20]

The first ``--each`` photographs of a folder that are good untouched are spoiled in every way. With ``--before`` and
``--after``, two CSV files of edge-grade, it prints instead how many verdicts stayed the same, one row a folder.
"""

from __future__ import annotations

import csv
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from edge.assessment import VERDICTS, Verdict
from edge.commands.console.cli import main_of, new_app
from edge.field.find import MASK_SIZE, Field, find_field
from edge.images import find_images, read_image
from edge.model import QualityModel

app = new_app("How often a bad frame is called good.")
Picture = NDArray[np.uint8]
Points = NDArray[np.float64]
SHAPES = ("straight", "crescent", "disc", "moon", "lune", "square", "corner", "wavy")
SHARES, SOFT, LIGHT = (0.35, 0.5), (0.0, 0.02, 0.05, 0.1, 0.15), (0.0, 0.06, 0.12)
GAINS = (1.6, 2.0, 2.6, 3.5)


def clear_photographs(model: QualityModel, folders: Sequence[Path], each: int) -> Iterator[Picture]:
    """The first ``each`` of each folder that are good untouched."""
    for folder in folders:
        pictures = (read_image(path) for path in find_images([folder]))
        yield from itertools.islice((p for p in pictures if model.assess(p).verdict == "good"), each)


def in_frame(field: Field, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A field at every pixel of its frame: bool (H, W)."""
    scale = field.crop.side / MASK_SIZE
    onto = np.array([[scale, 0, field.crop.x], [0, scale, field.crop.y]])
    return np.asarray(cv2.warpAffine(field.mask, onto, (shape[1], shape[0]), flags=cv2.INTER_NEAREST) > 0)


def shadowed(picture: Picture, shape: str, angle: float, share: float, soft: float, light: float) -> Picture:
    """A shadow over a share of the field.

    Args:
        picture: uint8 BGR (H, W, 3), with a field.
        shape: ``straight``, ``crescent`` (all that is far from a point beyond the rim), ``disc``, ``moon`` (all beyond
            a circle as large as the field, off its middle), ``lune`` (all around a circle that touches the rim from
            inside), ``square`` (all around one), ``corner`` or ``wavy``.
        angle: where it comes from.
        share: of the field that it takes.
        soft: width of its edge, as a share of the field's diameter.
        light: what it lets through, as a share.
    """
    field = find_field(picture)
    assert field is not None
    half = field.crop.side / 2
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    y, x = (y - field.crop.y - half) / half, (x - field.crop.x - half) / half
    inside = in_frame(field, picture.shape)
    depth = depth_of(shape, x, y, angle, inside, share)
    edge = np.quantile(depth[inside], 1 - share)
    dark = np.clip((depth - edge) / max(2 * soft, 1e-3) + 0.5, 0, 1)[:, :, None]
    return np.asarray(picture * (1 - (1 - light) * dark), np.uint8)


def depth_of(
    shape: str, x: Points, y: Points, angle: float, inside: NDArray[np.bool_], share: float
) -> NDArray[np.float64]:
    """How deep in a shadow each pixel is, on any scale.

    Args:
        shape: as for ``shadowed``.
        x, y: of each pixel, from the middle of the field, in its radii.
        angle: where the shadow comes from.
        inside: whether a pixel is field.
        share: of the field that it takes.
    """
    right, down = float(np.cos(angle)), float(np.sin(angle))
    along, across = x * right + y * down, y * right - x * down
    if shape == "crescent":
        return np.hypot(along - 1.2, across)
    if shape == "disc":
        return -np.hypot(along - 0.5, across)
    if shape == "moon":  # moved so far that the share lies beyond it
        moves = np.linspace(0.0, 2.0, 81)
        moved = next((m for m in moves if (np.hypot(along - m, across)[inside] > 1).mean() >= share), 2.0)
        return np.hypot(along - moved, across)
    if shape == "lune":
        return np.hypot(along - 1 + math.sqrt(1 - share), across)
    if shape == "square":
        return np.maximum(np.abs(along - 0.2), np.abs(across))
    if shape == "corner":
        return np.maximum(along, across)
    return along + 0.12 * np.sin(8 * across) if shape == "wavy" else along


def burnt(picture: Picture, gain: float) -> Picture:
    """The picture with ``gain`` times the light."""
    return np.asarray(np.clip(picture * gain, 0, 255), np.uint8)


def spoiled(model: QualityModel, pictures: Sequence[Picture]) -> Iterator[tuple[str, Counter[Verdict]]]:
    """Verdicts by way of spoiling."""
    rng = np.random.default_rng(0)
    for shape, soft in itertools.product(SHAPES, SOFT):
        found: Counter[Verdict] = Counter()
        for picture, share in itertools.product(pictures, SHARES):
            angle, light = float(rng.uniform(0, 2 * np.pi)), float(rng.choice(LIGHT))
            found[model.assess(shadowed(picture, shape, angle, share, soft, light)).verdict] += 1
        yield f"shadow, {shape}, edge {soft:.0%} of the diameter", found
    for gain in GAINS:
        yield f"{gain:g} times the light", Counter(model.assess(burnt(each, gain)).verdict for each in pictures)


def _verdicts(table: Path) -> dict[str, str]:
    with table.open(encoding="utf-8", newline="") as file:
        return {row["path"]: row["verdict"] or "error" for row in csv.DictReader(file)}


def kept_verdicts(before: Path, after: Path) -> Iterator[tuple[str, int, int, Counter[str]]]:
    """For each folder: photographs, how many kept their verdict, and what the others became."""
    old, new = _verdicts(before), _verdicts(after)
    for folder in sorted({str(Path(path).parent) for path in old}):
        paths = [path for path in old if str(Path(path).parent) == folder and path in new]
        changed = Counter(f"{old[path]} to {new[path]}" for path in paths if old[path] != new[path])
        yield folder, len(paths), len(paths) - changed.total(), changed


@app.command()
def wrong_good(
    photographs: Annotated[list[Path] | None, typer.Argument(help="Folders of photographs, one camera each.")] = None,
    others: Annotated[Path | None, typer.Option(help="A folder of pictures that show no retina.")] = None,
    each: Annotated[int, typer.Option(min=1, help="Clear photographs of each folder.")] = 20,
    before: Annotated[Path | None, typer.Option(help="A CSV of edge-grade by an earlier version.")] = None,
    after: Annotated[Path | None, typer.Option(help="A CSV of edge-grade of the same photographs by this one.")] = None,
) -> None:
    """Print a table in Markdown."""
    if before is not None and after is not None:
        print("| folder | photographs | verdicts kept | changed |\n| --- | --- | --- | --- |")
        for folder, number, kept, changed in kept_verdicts(before, after):
            changes = ", ".join(f"{count} {what}" for what, count in changed.most_common())
            print(f"| {folder} | {number} | {kept} = {kept / max(number, 1):.1%} | {changes} |")
        return
    print("| spoiled by | good | usable | reject | no_fundus |\n| --- | --- | --- | --- | --- |")
    with QualityModel.load() as model:
        pictures = list(clear_photographs(model, photographs or [], each))
        _print_row("nothing", Counter(["good"] * len(pictures)))
        for name, found in spoiled(model, pictures):
            _print_row(name, found)
        if others is not None:
            shown = Counter(model.assess(read_image(path)).verdict for path in find_images([others]))
            _print_row(f"no retina: {others.name}", shown)


def _print_row(name: str, found: Counter[Verdict]) -> None:
    print(f"| {name} | {' | '.join(str(found[verdict]) for verdict in VERDICTS)} |")


if __name__ == "__main__":
    main_of(app)()
