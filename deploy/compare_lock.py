"""Whether a lock is what the index gives today: python deploy/compare_lock.py LOCK FRESH, folders with the same files.

Packages and versions must be the same. A hash of the lock must be one that the index gives for that package: another
would let a foreign file be installed. The index may have more by now, of wheels that were added to a version.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def packages(path: Path) -> dict[str, set[str]]:
    """Hashes by the line of a package: its name, version and marker."""
    found: dict[str, set[str]] = {}
    for line in re.sub(r" \\\n\s*", " ", path.read_text("utf-8")).splitlines():
        package, *hashes = line.split(" --hash=")
        found.setdefault(package.strip(), set()).update(map(str.strip, hashes))
    return found


def faults(lock: Path, fresh: Path) -> list[str]:
    """What is wrong with a lock, a sentence each."""
    wrong = []
    for path in sorted(lock.glob("*.txt")):
        here, there = packages(path), packages(fresh / path.name)
        if here.keys() != there.keys():
            wrong.append(f"{path} does not fit pyproject.toml: run make lock, and commit what it changes")
        for package in here.keys() & there.keys():
            if not here[package]:
                wrong.append(f"{path} has no hash of {package}: run make lock")
            if strange := here[package] - there[package]:
                wrong.append(f"{path} has a hash of {package} that the index does not give: who added {min(strange)}?")
    return wrong


def main() -> None:
    """Compare, print."""
    wrong = faults(Path(sys.argv[1]), Path(sys.argv[2]))
    if wrong:
        raise SystemExit("\n".join(f"error: {line}" for line in wrong))


if __name__ == "__main__":
    main()
