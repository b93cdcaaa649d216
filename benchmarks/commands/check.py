"""Can edge-bench compare be trusted here? Pairs of equals, and pairs with a planted slowdown.

``python -m benchmarks.commands.check`` takes 200 of the first and 100 of the second, some seconds each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.compare.ab_test import CALLS, COLD, ROUNDS
from benchmarks.compare.check import Checked, check
from benchmarks.compare.subjects import open_rival
from benchmarks.run.frames import phantom_frames
from edge.bundle.named import named_bundle
from edge.commands.console.cli import MODEL, main_of, new_app, out
from edge.progress import progress

app = new_app("Check edge-bench compare on this machine.")


@app.command()
def compare_check(
    model: Annotated[Path | None, typer.Argument(parser=named_bundle, metavar="[MODEL]", help=MODEL)] = None,
    equals: Annotated[int, typer.Option(min=1, help="Pairs of A against A.")] = 200,
    planted: Annotated[int, typer.Option(min=1, help="Pairs with a slowdown.")] = 100,
    percent: Annotated[float, typer.Option(min=0.1, max=100, help="How much slower B is made.")] = 3.0,
    rounds: Annotated[int, typer.Option(min=10, help="Turns of each in a pair.")] = ROUNDS,
) -> None:
    """How often equals are called different, and a slowdown found. Prints a row for docs/benchmarks.md.

    Example: python -m benchmarks.commands.check --equals 200 --planted 100
    """
    done = check_compare(model, None, equals, planted, percent / 100, rounds)
    out.print(
        f"| {done.called_different} of {done.equals} | {done.found} of {done.planted} at {percent:g} % | "
        f"{rounds} x {CALLS} of each (and {COLD} uncounted a turn) | {done.seconds:.1f} |"
    )


def check_compare(
    model: Path | None, threads: int | None, equals: int, planted: int, share: float, rounds: int
) -> Checked:
    """Check how often edge-bench compare is right on this machine; arguments as for ``check``."""
    with open_rival(str(named_bundle(model)), phantom_frames().images, threads) as rival:
        assert rival.assess is not None  # it is a bundle
        with progress("pairs of compare", equals + planted) as tick:
            return check(rival.assess, equals, planted, share, rounds, tick)


if __name__ == "__main__":
    main_of(app)()
