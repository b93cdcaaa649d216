"""edge-curate: what is in the table of an archive."""

from __future__ import annotations

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from edge.commands.console import cli, places
from edge.commands.curate_words import aside, note, say, tell, write
from edge.commands.start import late
from edge.files.output import check_output
from edge.files.table import csv_text
from edge.grading.table.columns import format_of
from edge.sources.dicomweb import Access
from edge.sources.elsewhere import How

_WHAT, _EXTRA = "edge-curate", "curate"

TableFile = Annotated[Path, typer.Argument(metavar="TABLE", help="What edge-grade --table has written.")]
Root = Annotated[
    Path, typer.Option("--root", help="The folder that the paths of the table are relative to; this one without it.")
]
PageFile = Annotated[Path, typer.Option("-o", "--out", help="Where the page goes.")]


class OnceName(str, Enum):
    """Of which photographs one is taken."""

    exact = "exact"
    near = "near"


Keep = Annotated[
    str | None, typer.Option(help="What to take, such as \"score > 0.9 and eye == 'right'\"; all without it.")
]
Drop = Annotated[str | None, typer.Option(help="What not to take, likewise.")]
Once = Annotated[
    OnceName | None, typer.Option(help="Of photographs with the same bytes (exact), or also of one picture, the best.")
]

app = cli.new_app(
    "What an archive holds, from the table that edge-grade --table wrote: a report, choices, duplicates, tags.\n\n"
    "Example: edge-curate report archive.parquet -o archive.html"
)
main = cli.main_of(app)


_REPORT_HELP = """Make one HTML page that needs no network: scores and causes by camera, site, time, eye and field.

\b
Examples:
  edge-curate report archive.parquet
  edge-curate report archive.csv -o archive.html --no-pictures
"""


@app.command(help=_REPORT_HELP)
def report(
    table: TableFile,
    out: PageFile = Path("report.html"),
    root: Root = Path(),
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Put up to 500 photographs, small, into the page.")
    ] = True,
    ca: places.Ca = None,
    insecure: places.Insecure = False,
    json_lines: cli.Json = False,
    debug: cli.Debug = False,
) -> None:
    """Make the page."""
    check_output(out, "the page", [table])
    made = late("edge.curate.report", _WHAT, _EXTRA).make_report(
        table, root, pictures, How(access=Access(ca, insecure))
    )
    write(out, made.page)
    if json_lines:
        told = {"photographs": made.rows, "pictures": made.pictures, "missing": made.missing, "bytes": len(made.page)}
        say(json.dumps({"page": str(out), **told}))
        return
    if made.missing:
        note(
            f"{made.missing} photographs are not there for their pictures: give --root the folder that paths begin in, "
            "or see that the servers of the others answer"
        )
    say(f"{out}: {made.rows} photographs, {made.pictures} pictures, {len(made.page) / 1e6:.1f} MB")


_SELECT_HELP = """Choose photographs, and print their paths, or write a list, links or copies.

\b
Examples:
  edge-curate select archive.parquet --keep "score > 0.9 and eye == 'right'"
  edge-curate select archive.parquet --keep "verdict in ['good', 'usable']" --once near -o kept.csv
  edge-curate select archive.parquet --drop "cause == 'blur' or score is None" --links kept
"""


@app.command(help=_SELECT_HELP)
def select(
    table: TableFile,
    keep: Keep = None,
    drop: Drop = None,
    once: Once = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="A list: .txt (paths), .csv, .jsonl or .parquet (their rows).")
    ] = None,
    links: Annotated[Path | None, typer.Option(help="Link the photographs into this folder.")] = None,
    copies: Annotated[Path | None, typer.Option(help="Copy the photographs into this folder.")] = None,
    root: Root = Path(),
    ca: places.Ca = None,
    insecure: places.Insecure = False,
    json_lines: cli.Json = False,
    debug: cli.Debug = False,
) -> None:
    """Choose photographs, and print their paths, or write a list, links or copies."""
    if out is not None:
        check_output(out, "the list", [table])
        if out.suffix.lower() != ".txt":
            format_of(out)
    module = late("edge.curate.select", _WHAT, _EXTRA)
    choice = module.select_rows(table, keep, once.value if once else None, drop, rows=out is not None)
    paths = choice.table.column("path").to_pylist()
    if out is not None:
        module.write_list(choice, out)
    failed, how = 0, How(access=Access(ca, insecure))
    for folder, placing in ((links, "link"), (copies, "copy")):
        if folder is not None:
            failed += tell(module.place_files(paths, root, folder, placing, how))
    listed = out is None and links is None and copies is None
    for path in paths if listed else ():
        say(json.dumps({"path": path}) if json_lines else path)
    if json_lines:
        say(json.dumps({"summary": {"chosen": len(paths), "of": choice.of, "failed": failed}}))
    else:  # of a list beside it, which a program may read
        counted = f"{len(paths)} of {choice.of} photographs" + (f", {failed} failed" if failed else "")
        (aside if listed else say)(counted)
    if failed:
        raise typer.Exit(1)


_TAGS_HELP = """Write photographs and what the model says of them as tasks of a labelling tool (Label Studio's JSON).

\b
Examples:
  edge-curate tags archive.parquet -o tags.json
  edge-curate tags archive.parquet --keep "0.8 < score < 0.9" --once near -o tags.json
"""


@app.command(help=_TAGS_HELP)
def tags(
    table: TableFile,
    out: Annotated[Path, typer.Option("-o", "--out", help="Where the JSON goes.")] = Path("tags.json"),
    keep: Keep = None,
    drop: Drop = None,
    once: Once = None,
    prefix: Annotated[
        str, typer.Option(help="How addresses of photographs begin in the tool, such as /data/local-files/?d=.")
    ] = "",
    json_lines: cli.Json = False,
    debug: cli.Debug = False,
) -> None:
    """Choose photographs, and write their tags."""
    check_output(out, "the tags", [table])
    choice = late("edge.curate.select", _WHAT, _EXTRA).select_rows(table, keep, once.value if once else None, drop)
    late("edge.curate.tags", _WHAT, _EXTRA).write_tags(choice, out, prefix)
    told = {"tasks": choice.table.num_rows, "of": choice.of}
    say(json.dumps({"summary": told}) if json_lines else f"{out}: {told['tasks']} tasks of {told['of']} photographs")


_DUPLICATES_HELP = """Name photographs that are there several times: the same bytes, or the same picture saved again.

\b
Examples:
  edge-curate duplicates archive.parquet
  edge-curate duplicates archive.parquet --distance 8 -o duplicates.csv
"""


@app.command(help=_DUPLICATES_HELP)
def duplicates(
    table: TableFile,
    distance: Annotated[
        int, typer.Option(min=0, max=15, help="Bits of 256 in which the hashes of one picture may differ.")
    ] = 15,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write group,kind,keep,score,path here, as CSV.")
    ] = None,
    json_lines: cli.Json = False,
    debug: cli.Debug = False,
) -> None:
    """Name them."""
    if out is not None:
        check_output(out, "the list", [table])
    rows, crowded = late("edge.curate.named", _WHAT, _EXTRA).name_duplicates(table, distance)
    if crowded:
        note(f"{crowded} photographs look like very many others and were compared only with those most like them")
    if out is not None:
        header = ("group", "kind", "keep", "score", "path")
        lines = [(str(row.group), row.kind, "yes" if row.keep else "no", row.shown, row.path) for row in rows]
        write(out, csv_text([header, *lines]).encode())
    more = {kind: sum(row.kind == kind and not row.keep for row in rows) for kind in ("exact", "near")}
    if json_lines:
        for row in rows if out is None else ():
            say(json.dumps(vars(row) | {"score": row.score}))
        say(json.dumps({"summary": {"groups": len({row.group for row in rows}), **more}}))
        return
    for row in rows if out is None else ():
        say(f"{row.group:>6}  {'keep' if row.keep else row.kind:<5}  {row.shown:>6}  {row.path}")
    groups = len({row.group for row in rows})
    say(f"{groups} groups: {more['exact']} photographs are copies of another, {more['near']} show the same picture")


if __name__ == "__main__":
    main()
