"""edge-bench submit: a result as a file to share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.commands.shared import write_file
from benchmarks.report.schema import read_result
from benchmarks.report.submission import make_submission
from edge.commands.console.cli import Debug, out
from edge.files.output import check_output
from trainer.pages import check_report


def submit(
    result: Annotated[Path, typer.Argument(help="A result that edge-bench --out wrote.")],
    target: Annotated[Path, typer.Option("--output", "-o", help="The zip to write.")] = Path("edge-bench.zip"),
    debug: Debug = False,
) -> None:
    """Pack a result and the state of its machine for sharing; nothing is sent anywhere.

    What names a folder, a machine or its owner is refused.

    Example: edge-bench submit result.json -o ours.zip
    """
    check_report("the page of a submission")
    check_output(target, "the zip", [result])
    packed = make_submission(read_result(result))
    write_file(target, packed, "-o")
    out.print(f"{target}: {len(packed) / 1024:.0f} KiB; look into it before you send it", markup=False)
