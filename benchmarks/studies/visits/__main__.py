"""Visits played to the end: ``python -m benchmarks.studies.visits play DATA``, and ``... two-eyes``."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.studies.visits import archive, two_eyes
from benchmarks.studies.visits.eyes import PlayedEye, marked_eyes, sorted_eyes
from benchmarks.studies.visits.gaps import GAPS
from benchmarks.studies.visits.play import Played, Player
from edge.capture.archive.study import begin_study
from edge.capture.archive.target import read_target
from edge.capture.guided import GuidedSession
from edge.commands.console.cli import main_of, new_app, out
from edge.commands.console.reporter import Reporter
from edge.commands.visiting import Keeping, open_visits
from edge.criteria.criterion import read_criterion
from edge.model import QualityModel
from edge.progress import progress

app = new_app("Visits played to the end.")


@app.command()
def play(
    data: Annotated[Path, typer.Argument(help="The folder of the data sets.")],
    kept: Annotated[Path, typer.Option("--out", help="Keep the visits here; a new folder.")],
    visits: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
    criterion: Annotated[str, typer.Option(help="That asks for two fields an eye.")] = "nhs-desp",
    hand_over: Annotated[str | None, typer.Option(help="As for edge-capture; else a folder beside them.")] = None,
    orthanc: Annotated[str | None, typer.Option(help="REST address of the Orthanc behind it, to read back.")] = None,
    seed: Annotated[int, typer.Option(help="Of photographs, hands and what goes wrong.")] = 20,
) -> None:
    """Play visits of two eyes and two fields from photographs, hand them over, and compare what arrived."""
    wanted = read_criterion(criterion)
    arrived = kept.parent / f"{kept.name}-archive"
    folders: dict[str, Path] = {}
    with QualityModel.load(threads=1, field="learn") as model, Reporter(json_lines=False) as reporter:
        people = list(itertools.islice(_people(model, data, seed), visits))
        guided = GuidedSession(model, criterion=wanted, warn=reporter.note)
        with contextlib.ExitStack() as closing, progress("visits", len(people)) as tick:
            target = read_target(hand_over or str(arrived))
            study = begin_study({"PatientID": "visit-1"})
            keeping = Keeping(kept, "photographs", 15.0, False, False, study, target, 1, None, wanted)
            opened = open_visits(keeping, guided, model, reporter, closing).visits
            player, played = Player(guided, opened), list[Played]()
            for number, eyes in enumerate(people, 1):
                folders[f"visit-{number}"] = opened.room.session.folder
                played.append(player.play(eyes, seed * 1000 + number))
                tick(number)
                if number < len(people):
                    opened.next(number, {"patient_id": f"visit-{number + 1}"})
    _print(played)
    images = archive.from_folder(arrived) if orthanc is None else archive.from_orthanc(orthanc)
    out.print_json(json.dumps(asdict(archive.compare(images, folders))))


def _people(model: QualityModel, data: Path, seed: int) -> Iterator[tuple[PlayedEye, PlayedEye]]:
    """Patients of two eyes, in turns of the two data sets; which eye is shown first changes too."""
    sources = [sorted_eyes(model, data, seed), marked_eyes(model, data, seed)]
    waiting: list[dict[str, list[PlayedEye]]] = [{"right": [], "left": []} for _ in sources]
    for number in itertools.count():
        eyes = waiting[number % 2]
        while not (eyes["right"] and eyes["left"]):
            found = next(sources[number % 2])
            eyes[found.eye].append(found)
        first = ("right", "left") if number % 4 < 2 else ("left", "right")
        yield eyes[first[0]].pop(0), eyes[first[1]].pop(0)


def _print(played: list[Played]) -> None:
    for number, one in enumerate(played, 1):
        said = [
            f"{each.captured.eye or '?'} {each.captured.field}{'' if each.captured.adequate else ' (not adequate)'}"
            f"{' by hand' if each.captured.by == 'hand' else ''}{'' if each.right else ' WRONG'}"
            for each in one.shown
        ]
        lacks = [f"{each.eye} {each.field}" for each in one.missing]
        out.print(
            f"{number:3} {one.seconds:5.1f} s  {'; '.join(said)}{'; missing: ' if lacks else ''}{', '.join(lacks)}"
        )
    shown = [each for one in played for each in one.shown]
    asked = sum(each.captured.question for each in shown)
    right = sum(each.right for each in shown)
    there = sum(len({(each.eye, each.field) for each in one.shown if each.right}) for one in played)
    out.print(
        f"{len(played)} visits, {sum(not one.missing for one in played)} complete; {there} of {4 * len(played)} fields "
        f"there, {4 * len(played) - sum(len(one.missing) for one in played)} adequate; {len(shown)} captures, of which "
        f"{right} with the eye and field that were shown, {asked} asked about, "
        f"{sum(len(one.wrong) for one in played)} wrong; {sum(one.twice for one in played)} fired twice; "
        f"{sum(each.captured.by == 'hand' for each in shown)} by hand; "
        f"longest {max(one.seconds for one in played):.0f} s"
    )


@app.command("two-eyes")
def play_two_eyes(
    each: Annotated[int, typer.Option(min=1, help="Pairs of synthetic eyes for each gap and length.")] = 5,
    since: Annotated[int, typer.Option(help="First seed.")] = 700,
) -> None:
    """Play two synthetic eyes with every kind of gap between them."""
    seeds = two_eyes.pairs(each, since)
    plays = list(itertools.product(GAPS, two_eyes.SECONDS, seeds))
    done: list[two_eyes.Sequel] = []
    with QualityModel.load(threads=1, field="learn") as model, progress("playing", len(plays)) as tick:
        for gap, seconds, pair in plays:
            done.append(two_eyes.play(model, gap, seconds, pair))
            model.field.forget()
            tick(len(done))
    for gap in GAPS:
        of = [one for one in done if one.gap == gap]
        out.print(f"{gap:9} both fired in {sum(one.both for one in of)} of {len(of)}")
    told = [eye for one in done for eye in one.captured]
    out.print(
        f"both fired in {sum(one.both for one in done)} of {len(done)}, neither twice in "
        f"{sum(one.once for one in done)}, no wrong name in {sum(one.right for one in done)}; "
        f"{told.count(None)} of {len(told)} captures do not tell the eye"
    )
    for one in done:
        if not (one.both and one.once and one.right):
            named = Counter(zip(one.shown, one.captured, strict=True))
            out.print(f"  {one.gap} {one.seconds} s, seeds {one.seeds} {one.eyes}: {dict(named)}")


if __name__ == "__main__":
    main_of(app)()
