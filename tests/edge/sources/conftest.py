from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import pytest

from edge.errors import EdgeError
from edge.sources.members import Sieve
from edge.sources.shared import Shared
from edge.sources.source import Found, Source, Trouble, held


@pytest.fixture(scope="session")
def photographs() -> dict[str, bytes]:
    """Four small pictures, in two sites."""
    rng = np.random.default_rng(3)
    made = {}
    for number in range(4):
        picture = rng.integers(0, 255, (40, 40 + number, 3), np.uint8)
        made[f"{'north' if number < 2 else 'south'}/{number}.png"] = cv2.imencode(".png", picture)[1].tobytes()
    return made


class Listed:
    """What a listing gave."""

    def __init__(self, list_members: Callable[[Sieve], Iterator[Found]], archive: object, inside: str = "") -> None:
        self.passed: list[str] = []
        found = list(list_members(Sieve(str(archive), lambda name, head: self.passed.append(name), inside)))
        self.sources: list[Source] = [each for each in found if not isinstance(each, Trouble)]
        self.troubles = [each.words for each in found if isinstance(each, Trouble)]
        self.members = [each.name.partition("!/")[2] for each in self.sources]


@pytest.fixture
def listing() -> type[Listed]:
    return Listed


@pytest.fixture
def content() -> Callable[[Any], bytes]:
    """The bytes of a source, as decoders get them."""

    def read(source: Source) -> bytes:
        with held(source, Shared()) as found:
            data = found.path.read_bytes()
            assert len(data) == found.size
            return data

    return read


@pytest.fixture(scope="session")
def complaint() -> Callable[[Source], str]:
    """What is wrong with the bytes of a source; nothing where they are as declared."""

    def read(source: Source) -> str:
        try:
            with held(source, Shared()) as found:
                assert source.size in (None, found.size)
        except EdgeError as error:
            return str(error)
        return ""

    return read
