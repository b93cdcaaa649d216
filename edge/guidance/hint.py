"""One hint for the operator, and how it is said: texts, icons and sounds lie in ``hints.yaml``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

Code = Literal[
    "too_dark", "too_bright", "blur", "haze", "reflex", "edge_shadow", "lid", "off_centre", "no_fundus", "hold",
    "other_eye", "complete",
]  # fmt: skip
CODES: tuple[Code, ...] = get_args(Code)
OF_A_VISIT: tuple[Code, ...] = ("other_eye", "complete")  # what no frame tells, but what was captured before
OF_A_FRAME: tuple[Code, ...] = tuple(code for code in CODES if code not in OF_A_VISIT)


@dataclass(frozen=True)
class Hint:
    """What the operator should know now.

    Attributes:
        code: what is wrong with the picture; ``hold`` where nothing is, and in its place ``other_eye`` where all
            that is wanted of this eye is captured, ``complete`` where all of the visit is.
        clock: where in the picture, 1 to 12 as on the face of a clock; for ``off_centre``, where to aim; None where
            it has no place.
        radius: how far from the middle of the field, in field radii; None where it has no place.
    """

    code: Code
    clock: int | None = None
    radius: float | None = None

    @property
    def text(self) -> str:
        """One short English line."""
        return self.in_language("en")

    @property
    def icon(self) -> str:
        """One character that stands for the code."""
        return str(_hints()[self.code]["icon"])

    @property
    def sound(self) -> str:
        """Name of a sound; one for each code."""
        return str(_hints()[self.code]["sound"])

    def in_language(self, language: str) -> str:
        """The same line in one of ``languages()``; English where there is no such language."""
        texts = _hints()[self.code]
        placed = texts.get("text_at")
        wanted = texts["text"] if self.clock is None or placed is None else placed
        line = str(wanted.get(language, wanted["en"]))
        return line.replace("{clock}", str(self.clock))


def languages() -> tuple[str, ...]:
    """Codes of the languages that every hint can be said in, such as ``en``."""
    return tuple(_file()["languages"])


@functools.cache
def _file() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("hints.yaml").read_text(encoding="utf-8"))
    return loaded


def _hints() -> dict[Code, dict[str, Any]]:
    hints: dict[Code, dict[str, Any]] = _file()["hints"]
    return hints
