"""The terms on which the photographs that a model learned from were published."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

TERMS = Path(__file__).with_name("terms.yaml")


def with_terms(photographs: Mapping[str, int]) -> list[str]:
    """A line for each source: its name, how many photographs it gave, its terms.

    Args:
        photographs: number by source, see ``trainer.data.datasets.Photograph``.
    """
    known: dict[str, str] = yaml.safe_load(TERMS.read_text(encoding="utf-8"))
    return [
        f"{source}: {count} photographs; {known.get(source.casefold(), 'terms not known here: see who owns them')}"
        for source, count in photographs.items()
    ]
