"""The words of the page: the same keys in every language, all of them used, and no English left in another one."""

from __future__ import annotations

import dataclasses
import json
import re
from importlib.resources import files
from typing import get_args

import pytest

from edge.assessment import VERDICTS
from edge.criteria.criterion import Requirements
from edge.findings.field_definition import FieldKind
from edge.guidance.hint import CODES, Hint, languages

PAGE = files("edge.preview").joinpath("page")
WORDS: dict[str, dict[str, str]] = json.loads(PAGE.joinpath("words.json").read_text(encoding="utf-8"))
SCRIPTS = {each.name: each.read_text(encoding="utf-8") for each in PAGE.iterdir() if each.name.endswith(".js")}
MARKUP = PAGE.joinpath("index.html").read_text(encoding="utf-8")
OTHERS = sorted(set(WORDS) - {"en"})
# The same in two languages: letters for an eye, a question mark, and words that both have.
SAME = {
    "de": {"null_short", "right_short", "left_short", "normal", "token"},
    "es": {"null_short", "normal", "token", "seen"},
    "pt": {"null_short", "normal", "token"},
    "hi": {"null_short"},
}
ENGLISH = re.compile(r"\b(the|this|of|and|with|is|are|not|picture|eye|visit|your|you|right|left|missing|done)\b", re.I)
KEYS_AND_NAMES = re.compile(r"\{\w+\}|\b(HTTPS|Del|[NERLMS])\b")


def asked_for() -> set[str]:
    """Every key that the page asks for, as far as it is written there."""
    found = set(re.findall(r'data-(?:word|label)="(\w+)"', MARKUP))
    for script in SCRIPTS.values():
        found |= set(re.findall(r'word\("(\w+)"', script))
        found |= set(re.findall(r'(?:sure|fill)\("(\w+)"', script))
        found |= set(re.findall(r'\b(?:40\d|413): "(\w+)"', script))
    found |= {f"need_{each}" for each in ("retina", "field", *(each.name for each in dataclasses.fields(Requirements)))}
    found |= {*VERDICTS, *get_args(FieldKind), "right", "left", "right_short", "left_short", "null_short"}
    found |= {"connecting", "stalled", "lost", "ended", "sex_F", "sex_M", "sex_O", "disk_low", "disk_full", "any_field"}
    return found | {"begin", "save", "end", "delete", "eye_unknown", "name"}


def test_every_language_has_every_word_and_no_other() -> None:
    assert set(WORDS) == set(languages())
    assert asked_for() <= set(WORDS["en"]), asked_for() - set(WORDS["en"])
    named = {key for key in WORDS["en"] if any(f'"{key}"' in script for script in SCRIPTS.values())}
    assert set(WORDS["en"]) <= asked_for() | named, f"never said: {set(WORDS['en']) - asked_for() - named}"
    for language in OTHERS:
        assert set(WORDS[language]) == set(WORDS["en"]), language


@pytest.mark.parametrize("language", OTHERS)
def test_no_english_is_left(language: str) -> None:
    for key, text in WORDS[language].items():
        assert text.strip(), key
        if key != "name":
            assert (text != WORDS["en"][key]) == (key not in SAME[language]), f"{key}: {text}"
            assert not ENGLISH.search(re.sub(r"\{\w+\}", "", text)), f"{key}: {text}"
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", WORDS["en"][key])), key
        if language == "hi":
            assert not re.search("[A-Za-z]", KEYS_AND_NAMES.sub("", text)), f"{key}: {text}"


def test_markup_and_scripts_say_nothing_themselves() -> None:
    """Whatever a person reads comes from the words; only the name of the program and what no script can say do not."""
    body = re.sub(r"<noscript>.*?</noscript>|<title>.*?</title>", "", MARKUP)
    assert re.sub("[\\s\u2013]", "", re.sub(r"<[^>]*>", "", body)) == ""
    for name, script in SCRIPTS.items():
        assert "innerHTML" not in script, name
        assert "insertAdjacentHTML" not in script, name
        code = re.sub(r"//.*|/\*.*?\*/", "", script)
        sentences = [each for each in re.findall(r'textContent = "([^"]*)"', code) if each not in ("", "\u2013")]
        assert sentences == [], name


def test_every_hint_has_a_sound() -> None:
    for code in CODES:
        assert f"{Hint(code).sound}: [" in SCRIPTS["sound.js"]


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_modules_are_small(name: str) -> None:
    assert len(SCRIPTS[name].splitlines()) <= 250
