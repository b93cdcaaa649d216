"""The argument that names a bundle: a file, or the name of one that ships, such as ``default``."""

from __future__ import annotations

from pathlib import Path

DEFAULT = "default"
SUFFIX = ".efiqa"
_SHIPPED = Path(__file__).parents[1] / "models"


def default_model() -> Path:
    """The bundle that ships with the package and serves where none is named."""
    return _SHIPPED / f"{DEFAULT}{SUFFIX}"


def shipped_models() -> list[Path]:
    """All bundles that ship with the package, the default first."""
    return sorted(_SHIPPED.glob(f"*{SUFFIX}"), key=lambda path: (path != default_model(), path.name))


def named_bundle(name: Path | str | None) -> Path:
    """The file of a bundle.

    Args:
        name: its path, or the name of one that ships (``./default`` is a file of that name); None for the default.
    """
    if name is None:
        return default_model()
    # A path is never a name: whoever has one has chosen a file.
    named = {path.stem: path for path in shipped_models()} if isinstance(name, str) else {}
    return named.get(str(name), Path(name))


def shown_name(path: Path) -> str:
    """How to name a bundle in a command line: by its name where it ships, else by its file's."""
    return path.stem if path in shipped_models() else path.resolve().name
