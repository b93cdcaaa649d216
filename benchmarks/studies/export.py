"""Whether the exported graph says what the program says: ``python -m benchmarks.studies.export --data PHOTOGRAPHS``.

Every photograph below a folder is graded by the program and by the graph of ``edge-compile --export`` in onnxruntime,
on one thread each. One row for each folder in it, and why the two differ where they do: another field of view, or, in
the same field, what comes after.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

import cv2
import typer

from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL, Debug, Json, main_of, new_app
from edge.errors import EdgeError
from edge.export.check import run_export, session_of
from edge.export.frame_graph import frame_graph
from edge.images import find_images, read_image
from edge.model import QualityModel
from edge.progress import followed

app = new_app("How often the exported graph says what the program says.")
CLOSE = 0.01  # scores that differ by no more are alike
_HEAD = """\
| set | photographs | same verdict | score within 0.01 | apart by | same crop | program, ms | graph, ms | changed |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |"""


@dataclass
class Compared:
    """Photographs of one folder.

    Attributes:
        photographs: how many.
        verdicts, scores, crops: of how many the graph has the same verdict, a score within 0.01, the same crop.
        score_max: the largest difference of two scores.
        program_ms, graph_ms: spent on all of them.
        changed: what verdicts became, and why -> how many.
        paths: of these.
    """

    photographs: int = 0
    verdicts: int = 0
    scores: int = 0
    crops: int = 0
    score_max: float = 0.0
    program_ms: float = 0.0
    graph_ms: float = 0.0
    changed: Counter[str] = field(default_factory=Counter)
    paths: list[str] = field(default_factory=list)

    def add(self, path: Path, model: QualityModel, session: Any) -> None:
        """Grade one more photograph both ways."""
        frame = read_image(path)
        start = time.perf_counter()
        ours = model.assess(frame)
        between = time.perf_counter()
        theirs = run_export(session, frame)
        self.graph_ms += (time.perf_counter() - between) * 1000
        self.program_ms += (between - start) * 1000
        apart, same_crop = abs(ours.score - theirs.score), ours.crop == theirs.crop
        self.photographs += 1
        self.verdicts += ours.verdict == theirs.verdict
        self.scores += apart <= CLOSE
        self.crops += same_crop
        self.score_max = max(self.score_max, apart)
        if ours.verdict != theirs.verdict:
            why = "the same field" if same_crop and (ours.field == theirs.field).all() else "another field"
            self.changed[f"{ours.verdict} to {theirs.verdict} ({why})"] += 1
            self.paths.append(str(path))

    def plus(self, other: Compared) -> Compared:
        """Both together."""
        sums = {name: getattr(self, name) + getattr(other, name) for name in asdict(self) if name != "score_max"}
        return Compared(**sums, score_max=max(self.score_max, other.score_max))


@app.command()
def export(
    data: Annotated[Path, typer.Option(help="A folder with a folder of photographs for each set.")],
    model: Annotated[Path | None, typer.Option(parser=named_bundle, metavar="FILE", help=MODEL)] = None,
    without: Annotated[str, typer.Option(help="Names of folders that hold no photographs.")] = "vessels,fov,mask",
    every: Annotated[int, typer.Option(min=1, help="Of each set only every so manieth photograph.")] = 1,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Print a table in Markdown."""
    cv2.setNumThreads(1)
    with QualityModel.load(model, threads=1) as program:
        session = session_of(frame_graph(program.bundle), threads=1)
        sets, total = {}, Compared()
        if not as_json:
            print(_HEAD)
        for name, compared in _compared(data, without.split(","), every, program, session):
            sets[name], total = compared, total.plus(compared)
            if not as_json:
                print(row_of(name, compared), flush=True)
    if as_json:
        print(json.dumps({name: asdict(each) for name, each in {**sets, "all": total}.items()}, indent=1))
    else:
        print(row_of("all", total))


def _compared(
    data: Path, without: Sequence[str], every: int, model: QualityModel, session: Any
) -> Iterator[tuple[str, Compared]]:
    """Each folder of a folder, compared."""
    folders = sorted(each for each in data.iterdir() if each.is_dir())
    if not folders:
        raise EdgeError(f"{data} holds no folder: name one that holds a folder of photographs for each set.")
    for folder in folders:
        paths = [path for path in find_images([folder]) if not {*without} & {*path.relative_to(data).parts}]
        compared = Compared()
        chosen = paths[::every]
        for path in followed(chosen, folder.name, len(chosen)):
            compared.add(path, model, session)
        yield folder.name, compared


def row_of(name: str, compared: Compared) -> str:
    """A row of the table in Markdown."""
    number = max(compared.photographs, 1)
    changes = ", ".join(f"{count} {what}" for what, count in compared.changed.most_common())
    return (
        f"| {name} | {compared.photographs} | {compared.verdicts} = {compared.verdicts / number:.2%} | "
        f"{compared.scores} = {compared.scores / number:.2%} | {compared.score_max:.4f} | {compared.crops} | "
        f"{compared.program_ms / number:.0f} | {compared.graph_ms / number:.0f} | {changes} |"
    )


if __name__ == "__main__":
    main_of(app)()
