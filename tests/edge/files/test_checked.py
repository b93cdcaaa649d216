"""What is wrong with a file of settings, in one sentence."""

from __future__ import annotations

import datetime
import subprocess
import sys
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ConfigDict, Field

from edge.errors import EdgeError
from edge.files.checked import read_fields

LEAST = "steps is 0, but should be greater than or equal to 1"


@dataclass(frozen=True)
class Part:
    steps: Annotated[int, Field(ge=1)]
    rate: float | None = None


@dataclass(frozen=True)
class Whole:
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    name: str
    ready: bool
    colour: tuple[float, float, float]
    parts: tuple[Part, ...]
    named: dict[str, Part]


def sound() -> dict[str, Any]:
    return {
        "name": "a",
        "ready": True,
        "colour": [1, 0.5, 0],
        "parts": [{"steps": 3, "rate": None}],
        "named": {"b": {"steps": 4, "rate": 1}},
    }


def refusal(tree: object) -> str:
    with pytest.raises(EdgeError) as caught:
        read_fields(Whole, tree, "mine.yaml", "mend it")
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 300
    assert said.startswith("mine.yaml: ")
    assert said.endswith(": mend it")
    return said[len("mine.yaml: ") : -len(": mend it")]


def test_a_sound_tree_becomes_the_dataclass_and_whole_numbers_floats() -> None:
    read = read_fields(Whole, sound(), "mine.yaml", "mend it")
    assert read == Whole("a", True, (1.0, 0.5, 0.0), (Part(3),), {"b": Part(4, 1.0)})
    assert all(type(value) is float for value in read.colour)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": 5}, "name is 5, but should be text, in quotes"),
        ({"name": b"a"}, "name is b'a', but should be text, in quotes"),
        ({"ready": 1}, "ready is 1, but should be true or false"),
        ({"ready": "yes"}, "ready is 'yes', but should be true or false"),
        ({"colour": [1, 0.5]}, "colour is [1, 0.5], but should be longer"),
        ({"colour": [1, 0.5, 0, 0]}, "colour is [1, 0.5, 0, 0], but should be shorter"),
        ({"colour": [1, 0.5, True]}, "colour is True, but should be a valid number"),
        ({"colour": [1, 0.5, "0"]}, "colour is '0', but should be a valid number"),
        ({"colour": [1, 0.5, float("nan")]}, "colour is nan, but should be a finite number"),
        ({"colour": [1, 0.5, 10**400]}, "colour is 1000"),
        ({"colour": [1, 0.5, 16**5000]}, "colour is far too long, but"),
        ({"colour": "abc"}, "colour is 'abc', but should be a list"),
        ({"colour": datetime.date(2020, 1, 1)}, "colour is datetime.date(2020, 1, 1), but should be a list"),
        (
            {"parts": [{"steps": 3, "rate": 1}, {"steps": 0, "rate": 1}]},
            f"parts[1]: {LEAST}",
        ),
        ({"parts": [{"steps": 3.0}]}, "parts[0]: steps is 3.0, but should be a valid integer"),
        ({"parts": [{}]}, "parts[0] lacks steps"),
        ({"parts": [{"steps": 3}]}, "parts[0] lacks rate"),
        ({"parts": [3]}, "parts is 3, but should hold settings by name"),
        ({"named": {"b": {"steps": 4, "rate": 1, "more": 1}}}, "named.b has the unknown setting more"),
        ({"named": {1: {"steps": 4}}}, "named has the name 1, which should be text, in quotes"),
        ({"named": []}, "named is [], but should hold values by name"),
        ({"\x1b[2J": 1}, "it has the unknown setting '\\x1b[2J'"),
        ({"x" * 5000: 1}, "it has the unknown setting 'xxx"),
        ({1: 1}, "it has the unknown setting 1"),
    ],
)
def test_the_first_fault_is_named_with_what_is_wanted(change: dict[Any, Any], said: str) -> None:
    assert refusal({**sound(), **change}).startswith(said)


@pytest.mark.parametrize("tree", [None, [], "text", 3])
def test_what_is_no_mapping(tree: object) -> None:
    assert refusal(tree) == f"it is {tree!r}, but should hold settings by name"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers() | st.none(), inner),
    ),
    st.sampled_from(sorted(sound())),
)
def test_anything_in_any_place_is_read_or_refused_in_one_sentence(value: object, place: str) -> None:
    tree = {**sound(), place: value}
    try:
        read = read_fields(Whole, tree, "mine.yaml", "mend it")
    except EdgeError:
        refusal(tree)
    else:
        assert isinstance(read, Whole)


def test_a_model_is_read_without_the_whole_of_pydantic() -> None:
    """It takes 50 ms, which every start of a camera would pay."""
    code = (
        "import sys; from edge.bundle.bundle import default_model, read_bundle\n"
        "read_bundle(default_model()); print('pydantic_core' in sys.modules, 'pydantic' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "True False\n"
