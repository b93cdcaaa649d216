"""Bundles by name: those that ship, and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.bundle.named import default_model, named_bundle, shipped_models, shown_name


def test_the_default_serves_where_none_is_named() -> None:
    assert named_bundle(None) == named_bundle("default") == default_model()
    assert default_model().is_file()


def test_every_model_that_ships_has_a_name_and_the_default_comes_first() -> None:
    assert shipped_models()[0] == default_model()
    for path in shipped_models():
        assert named_bundle(path.stem) == path
        assert shown_name(path) == path.stem


@pytest.mark.parametrize("name", ["./default", "default.efiqa", "models/default", "no-such-model"])
def test_anything_else_is_a_file(name: str) -> None:
    assert named_bundle(name) == Path(name)


def test_a_file_is_shown_without_its_folder(tmp_path: Path) -> None:
    assert shown_name(tmp_path / "clinic.efiqa") == "clinic.efiqa"
