"""The argument that names a bundle: a file, or ``default`` for the shipped one."""

from __future__ import annotations

from pathlib import Path

DEFAULT = "default"


def default_model() -> Path:
    """The bundle that ships with the package."""
    return Path(__file__).parents[1] / "models" / "default.efiqa"


def named_bundle(name: Path | str | None) -> Path:
    """The file of a bundle.

    Args:
        name: its path, or the word ``default`` (``./default`` is a file of that name); None for the one that ships.
    """
    return default_model() if name is None or name == DEFAULT else Path(name)
