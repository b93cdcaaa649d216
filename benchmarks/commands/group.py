"""edge-bench: a group of commands, and ``run`` where none is named."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from benchmarks.commands.acceptance import ACCEPTANCE_HELP, acceptance
from benchmarks.commands.capture import CAPTURE_HELP, capture
from benchmarks.commands.compare import compare
from benchmarks.commands.run import run
from benchmarks.commands.submit import submit
from benchmarks.commands.tables import tables
from edge.commands.console.cli import main_of, new_app


class _RunUnlessNamed(TyperGroup):
    """``edge-bench model.efiqa`` is ``edge-bench run model.efiqa``; a file called compare is ``./compare``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0].partition("=")[0] == "--acceptance":  # what one would type first
            args = ["acceptance", *args[0].split("=", 1)[1:], *args[1:]]
        if args[:1] != ["--help"] and (not args or args[0] not in self.commands):
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = new_app(
    "Time a model on this machine, and compare what was timed. Without a command: run.\n\n"
    "Example: edge-bench --runs 1000 --out result.json"
)
app.callback(cls=_RunUnlessNamed)(lambda: None)
app.command()(run)
app.command()(compare)
app.command()(submit)
app.command(help=CAPTURE_HELP)(capture)
app.command(help=ACCEPTANCE_HELP)(acceptance)
app.command()(tables)

main = main_of(app)

if __name__ == "__main__":
    main()
