"""What ``trainer.evaluation.evaluate`` measured, as the tables that docs/benchmarks.md holds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2

from edge.errors import EdgeError
from edge.images import read_image
from trainer.loop.checkpoints import write

BEGIN, END = "<!-- evaluation: written by edge-train evaluate -->", "<!-- end of evaluation -->"


def write_report(result: dict[str, Any], folder: Path) -> None:
    """Write evaluation.json and evaluation.md."""
    write(folder / "evaluation.json", (json.dumps(result, indent=1) + "\n").encode())
    write(folder / "evaluation.md", markdown(result).encode())


def put_into(page: Path, result: dict[str, Any], folder: Path) -> None:
    """Replace what stands between the two evaluation marks of a Markdown page, and its picture pictures/maps.jpg.

    Args:
        page: to be changed.
        result: of ``trainer.evaluation.evaluate``.
        folder: where the pictures of the evaluation are.

    Raises:
        EdgeError: the page cannot be read, or lacks the marks.
    """
    try:
        text = page.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EdgeError(f"{page} cannot be read ({error}): name a Markdown page.") from error
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise EdgeError(f"{page} has no place for the tables: put the lines {BEGIN} and {END} where they belong.")
    write(page, f"{before}{BEGIN}\n\n{markdown(result)}\n{END}{after}".encode())
    coded = cv2.imencode(".jpg", read_image(folder / "phantoms.png"), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    write(page.parent / "pictures" / "maps.jpg", coded.tobytes())


def markdown(result: dict[str, Any]) -> str:
    """All tables, one below the other."""
    return "\n".join(
        [
            *_labels(result["labels"]),
            *_ratings(result["ratings"]),
            *_maps(result["maps"]),
            *_severity(result["maps"]),
            *_fidelity(result["fidelity"]),
            *_steps(result["vessels"], result["prior"]),
        ]
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield "| " + " | ".join(row) + " |"
    yield ""


def _labels(sets: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The protocol of the paper: AUROC and AUPRC with intervals, and the metrics of out-of-fold predictions."""
    for name, scorers in sets.items():
        for at, task in enumerate(next(iter(scorers.values()))):
            yield f"**{name}, {task['name']}** ({task['accept']} to {task['refuse']}; 95 % intervals by bootstrap)\n"
            yield from _table(
                ("scorer", "AUROC", "AUPRC", "balanced accuracy", "F1", "MCC"),
                [
                    (
                        scorer,
                        *(_figure(found[at].get(m)) for m in ("auroc", "auprc", "balanced_accuracy", "f1", "mcc")),
                    )
                    for scorer, found in scorers.items()
                ],
            )


def _ratings(sets: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, scorers in sets.items():
        images = next(iter(scorers.values()))["images"]
        yield f"**{name}, graded score of {images} photographs**: rank correlation (95 % intervals by bootstrap)\n"
        yield from _table(("scorer", "Spearman"), [(way, _figure(found["spearman"])) for way, found in scorers.items()])


def _figure(figure: dict[str, float] | None) -> str:
    return f"{figure['value']:.4f} ({figure['low']:.3f} to {figure['high']:.3f})" if figure else ""


def _maps(sets: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, scorers in sets.items():
        kinds = [each["kind"] for each in next(iter(scorers.values()))["kinds"]]
        yield f"**Maps against exact masks, {name}**: AUROC over cells / Dice at 0.5\n"
        rows = []
        for scorer, found in scorers.items():
            separations = (_both(each) for each in (found["overall"], *found["kinds"]))
            rows.append((scorer, *separations, _percent(found["macula"]), _percent(found["false_lights"])))
        yield from _table(("map", "all", *kinds, "macula lit", "frames with a lit centre"), rows)


def _both(each: dict[str, float | None]) -> str:
    return f"{_short(each['auroc'])} / {_short(each['dice'])}"


def _severity(sets: dict[str, dict[str, Any]]) -> Iterator[str]:
    for name, scorers in sets.items():
        swept = {scorer: found["sweeps"] for scorer, found in scorers.items() if found["sweeps"]}
        if not swept:
            continue
        sweeps = next(iter(swept.values()))
        severities = ", ".join(f"{s:g}" for s in sweeps[0]["severities"])
        yield f"**Score as severity grows, {name}**: mean score at severity {severities}; `!` where it does not fall\n"
        rows = [(scorer, *(_falls(each) for each in some)) for scorer, some in swept.items()]
        yield from _table(("map", *(each["kind"] for each in sweeps)), rows)


def _falls(sweep: dict[str, Any]) -> str:
    return ", ".join(f"{s:.2f}" for s in sweep["scores"]) + ("" if sweep["falls"] else " !")


def _fidelity(said: dict[str, float]) -> Iterator[str]:
    yield "**Float student against its teacher**\n"
    yield from _table(
        ("frames", "map mean abs difference", "score rank correlation"),
        [(str(said["frames"]), f"{said['map_mae']:.4f}", f"{said['score_spearman']:.4f}")],
    )


def _steps(vessels: dict[str, dict[str, float]], prior: dict[str, float]) -> Iterator[str]:
    if vessels:
        yield "**Segmenter** on photographs that it has not seen, inside the field, at the size of the drawn map\n"
        rows = [
            (name, str(v["photographs"]), *(f"{v[m]:.3f}" for m in ("dice", "sensitivity", "specificity")))
            for name, v in vessels.items()
        ]
        yield from _table(("set", "photographs", "Dice", "sensitivity", "specificity"), rows)
    if prior:
        yield f"**Prior** on {prior['maps']} hand-drawn maps that it has not seen\n"
        yield from _table(
            ("field anomalous on empty maps", "on intact maps", "erased sector, intersection over union"),
            [(_percent(prior["empty_anomalous"]), _percent(prior["intact_anomalous"]), f"{prior['erased_iou']:.3f}")],
        )


def _short(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.3f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
