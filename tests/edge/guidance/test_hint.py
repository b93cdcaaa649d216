"""What an operator reads: complete in every language, short, and never with a hole in it."""

from __future__ import annotations

import pytest

from edge.guidance.hint import CODES, Hint, languages


def test_the_languages_are_those_promised() -> None:
    assert set(languages()) >= {"en", "de", "es", "pt", "hi"}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("language", languages())
@pytest.mark.parametrize("clock", [None, 1, 12])
def test_every_hint_is_one_short_line_of_its_language(code: str, language: str, clock: int | None) -> None:
    hint = Hint(code, clock, 0.5 if clock else None)  # type: ignore[arg-type]
    line = hint.in_language(language)
    assert 3 < len(line) <= 60
    assert "{" not in line
    assert "\n" not in line
    if language != "en":
        assert line != hint.text
    if clock and code in ("reflex", "edge_shadow", "off_centre"):
        assert str(clock) in line


def test_codes_differ_in_icon_sound_and_text() -> None:
    hints = [Hint(code) for code in CODES]
    for told in ([h.icon for h in hints], [h.sound for h in hints], [h.text for h in hints]):
        assert len(set(told)) == len(CODES)
        assert all(told)


def test_an_unknown_language_is_english() -> None:
    assert Hint("blur").in_language("tlh") == Hint("blur").text
