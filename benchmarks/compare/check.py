"""Can edge-bench compare be trusted here? Pairs of equals, and pairs with a planted slowdown.

``python -m benchmarks.compare.check`` takes 200 of the first and 100 of the second, some seconds each.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import Progress

from benchmarks.compare.ab_test import CALLS, COLD, ROUNDS, judge, take_turns
from benchmarks.compare.subjects import SHIPPED, open_rival
from benchmarks.run.frames import phantom_frames
from benchmarks.run.latency import Tick
from calibration.timing import Call, milliseconds
from edge.commands.console.cli import err, main_of, new_app, out

app = new_app("Check edge-bench compare on this machine.")


@dataclass(frozen=True)
class Checked:
    """What came out.

    Attributes:
        equals, called_different: pairs of A against A, and those called slower or faster.
        planted, found: pairs of which B was made slower, and those called slower.
        seconds: of one pair, median.
    """

    equals: int
    called_different: int
    planted: int
    found: int
    seconds: float


def slowed(call: Call, share: float) -> Call:
    """The same, and then busy for a share of what it usually takes."""
    extra = share * float(np.median([milliseconds(call, index) for index in range(50)])) / 1000

    def slow(index: int) -> None:
        call(index)
        until = time.perf_counter() + extra
        while time.perf_counter() < until:
            pass

    return slow


def check(call: Call, equals: int, planted: int, share: float, rounds: int, tick: Tick = lambda done: None) -> Checked:
    """Compare a call with itself, and with itself made slower.

    Raises:
        KeyboardInterrupt: Ctrl-C, whenever it came: a pair that is not whole is not counted.
    """
    seconds, different, found = [], 0, 0
    for number in range(equals + planted):
        began = time.perf_counter()
        other = call if number < equals else slowed(call, share)
        a_ms, b_ms, interrupted = take_turns(call, other, rounds)
        if interrupted:
            raise KeyboardInterrupt
        finding = judge(a_ms, b_ms).finding
        seconds.append(time.perf_counter() - began)
        different += number < equals and finding != "no difference"
        found += number >= equals and finding == "slower"
        tick(number + 1)
    return Checked(equals, different, planted, found, float(np.median(seconds)))


@app.command()
def compare_check(
    model: Annotated[Path | None, typer.Argument(help="A .efiqa bundle; the shipped model if left out.")] = None,
    equals: Annotated[int, typer.Option(min=1, help="Pairs of A against A.")] = 200,
    planted: Annotated[int, typer.Option(min=1, help="Pairs with a slowdown.")] = 100,
    percent: Annotated[float, typer.Option(min=0.1, max=100, help="How much slower B is made.")] = 3.0,
    rounds: Annotated[int, typer.Option(min=10, help="Turns of each in a pair.")] = ROUNDS,
) -> None:
    """How often equals are called different, and a slowdown found. Prints a row for docs/benchmarks.md.

    Example: python -m benchmarks.compare.check --equals 200 --planted 100
    """
    frames = phantom_frames().images
    with open_rival(SHIPPED if model is None else str(model), frames, None) as rival:
        assert rival.assess is not None
        with Progress(console=err, transient=True, disable=not err.is_terminal) as bar:
            task = bar.add_task("pairs", total=equals + planted)
            done = check(
                rival.assess, equals, planted, percent / 100, rounds, lambda done: bar.update(task, completed=done)
            )
    out.print(
        f"| {done.called_different} of {done.equals} | {done.found} of {done.planted} at {percent:g} % | "
        f"{rounds} x {CALLS} of each (and {COLD} uncounted a turn) | {done.seconds:.1f} |"
    )


if __name__ == "__main__":
    main_of(app)()
