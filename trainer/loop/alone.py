"""One training at a time in a run folder: two would take away each other's checkpoints and photographs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edge.errors import EdgeError
from trainer.loop.processes import by_first


@contextmanager
def alone_in(run: Path) -> Iterator[None]:
    """Hold a run folder, which is made where it is missing; of several processes of one training the first holds it.

    One that was made here and stayed empty is removed again. A folder that cannot be made or locked, as on some network
    disks, is not held: the step says what is wrong with it.

    Raises:
        EdgeError: another training holds it.
    """
    held: list[int] = []
    missing = not run.exists()
    try:
        by_first(lambda: _hold(run, held))
        yield
    finally:
        if held:
            if missing:
                with suppress(OSError):
                    run.rmdir()  # nothing was written
            os.close(held[0])


def _hold(run: Path, held: list[int]) -> None:
    try:
        import fcntl

        run.mkdir(parents=True, exist_ok=True)
        folder = os.open(run, os.O_RDONLY)
    except (ImportError, OSError):
        return
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        held.append(folder)
    except BlockingIOError:
        os.close(folder)
        raise EdgeError(f"another training is at work in {run}: wait for it, or choose another --out.") from None
    except OSError:
        os.close(folder)


def check_apart(data: Path, run_folder: Path) -> None:
    """See that a run folder does not lie among the photographs, where its own pictures would teach.

    Raises:
        EdgeError: it does.
    """
    if run_folder.resolve().is_relative_to(data.resolve()):
        raise EdgeError(
            f"{run_folder} lies in {data}, and the pictures of the run would be taken for photographs: choose an --out "
            "elsewhere."
        )
