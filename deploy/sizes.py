"""What an install takes: python deploy/sizes.py EXTRAS=MIB[/MIB[/MIB]]..., in an environment that has these extras.

Sums the files of the package and of all that the extras bring, as far as they are installed here; exit 1 where that
is more than the limit behind ``=``, or where a part is missing. Behind the first ``/`` is the limit without compiled
modules, as ``pip install --no-compile`` leaves it, behind the second one that after deploy/slim.py. Wheels in dist/ are
measured too.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.util import cache_from_source
from math import inf
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from slim import spare

PACKAGE = "efiqa-edge"
WHEEL = 12  # MiB
_SHOWN = 5


def brought(name: str, extras: frozenset[str], found: dict[str, Distribution | None]) -> dict[str, Distribution | None]:
    """A package and all that it needs with these extras, by name; None for what is not installed.

    Args:
        name: as in a requirement.
        extras: of that package.
        found: what is known; filled in.
    """
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [(canonicalize_name(name), extras)]
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        try:
            found[each[0]] = installed = distribution(each[0])
        except PackageNotFoundError:
            found[each[0]] = None
            continue
        for line in installed.requires or ():
            needed = Requirement(line)
            wanted = [needed.marker.evaluate({"extra": extra}) for extra in ("", *each[1])] if needed.marker else [True]
            if any(wanted):
                waiting.append((canonicalize_name(needed.name), frozenset(needed.extras)))
    return found


def files_of(installed: Distribution) -> set[Path]:
    """Files of an installed package, and of its modules what pip has compiled, or Python since."""
    paths = {Path(str(file.locate())).resolve() for file in installed.files or ()}
    paths |= {Path(cache_from_source(str(path))) for path in paths if path.suffix == ".py"}
    return {path for path in paths if path.is_file()}


def mib(paths: Iterable[Path]) -> float:
    """What they take together."""
    return sum(path.stat().st_size for path in paths) / 2**20


def measure(extras: str, most: float, most_bare: float = inf, most_slim: float = inf) -> list[str]:
    """Print what these extras take, in MiB; what is wrong, a line each.

    Args:
        extras: separated by commas.
        most: as installed.
        most_bare: without compiled modules.
        most_slim: after ``deploy/slim.py``.
    """
    parts = brought(PACKAGE, frozenset(extras.split(",")), {})
    missing = sorted(name for name, part in parts.items() if part is None)
    files = {name: files_of(part) for name, part in parts.items() if part is not None}
    sizes = sorted(((mib(paths), name) for name, paths in files.items()), reverse=True)
    total = sum(size for size, _ in sizes)
    largest = ", ".join(f"{name} {size:.0f}" for size, name in sizes[:_SHOWN])
    folders = {Path(str(part.locate_file(""))) for part in parts.values() if part is not None}
    every = set().union(*files.values())
    bare = total - mib(path for path in every if path.suffix == ".pyc")
    slim = total - mib(every & {path.resolve() for folder in folders for path in spare(folder)})
    figures = (
        (total, most, ""),
        (bare, most_bare, " without compiled modules"),
        (slim, most_slim, " after deploy/slim.py"),
    )
    said = ", ".join(f"{size:.0f} MiB of {limit:g}{how}" for size, limit, how in figures)
    print(f"{PACKAGE}[{extras}]: {said}; {len(sizes)} packages: {largest}")
    wrong = [
        f"{PACKAGE}[{extras}] takes {size:.0f} MiB{how}, more than {limit:g}"
        for size, limit, how in figures
        if size > limit
    ]
    return wrong + ([f"not installed here, so not measured: {', '.join(missing)}"] if missing else [])


def main() -> None:
    """Measure all that is asked for."""
    wrong = []
    for asked in sys.argv[1:]:
        extras, _, limits = asked.partition("=")
        wrong += measure(extras, *(float(limit or "inf") for limit in limits.split("/")))
    for wheel in sorted((Path(__file__).parents[1] / "dist").glob("*.whl")):
        size = wheel.stat().st_size / 2**20
        print(f"{wheel.name}: {size:.2f} MiB of {WHEEL}")
        wrong += [f"{wheel.name} takes {size:.1f} MiB, more than {WHEEL}"] if size > WHEEL else []
    if wrong:
        raise SystemExit("\n".join(f"error: {line}" for line in wrong))


if __name__ == "__main__":
    main()
