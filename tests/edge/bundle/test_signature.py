"""The form of ``signature.yaml``, and that what is signed is never the same for two of them."""

from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edge.bundle.signature import LONGEST_SIGNER, Signature, read_signature, signed_bytes, write_signature
from edge.errors import EdgeError

LIKE = Signature("Augenklinik Köln", "ab" * 32, "2026-11-29", "2030-12-31", "12" * 64)
DAYS = st.dates(min_value=datetime.date(1, 1, 1)).map(datetime.date.isoformat)
LINES = st.text(min_size=1, max_size=LONGEST_SIGNER).filter(str.isprintable)
HEX = st.binary(min_size=32, max_size=32).map(bytes.hex)
SIGNATURES = st.builds(
    Signature, LINES, HEX, DAYS, st.just("") | DAYS, st.binary(min_size=64, max_size=64).map(bytes.hex)
)


def refusal(data: bytes) -> str:
    with pytest.raises(EdgeError) as caught:
        read_signature(data)
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 300
    assert "signature.yaml" in said
    return said


@given(SIGNATURES)
def test_what_was_written_is_read_back(signature: Signature) -> None:
    assert read_signature(write_signature(signature)) == signature


@given(SIGNATURES, SIGNATURES, st.binary(max_size=20), st.binary(max_size=20))
def test_two_that_differ_sign_different_bytes(one: Signature, other: Signature, first: bytes, second: bytes) -> None:
    """Where a field ends and the next begins, and the manifest after them, cannot be shifted."""
    bare = [(dataclasses.replace(each, signature=""), text) for each, text in ((one, first), (other, second))]
    assert (signed_bytes(one, first) == signed_bytes(other, second)) == (bare[0] == bare[1])


def test_every_field_is_signed() -> None:
    others = {"signer": "B", "key": "cd" * 32, "signed": "2026-11-30", "until": "", "schema": 2}
    assert {*others, "signature"} == {each.name for each in dataclasses.fields(Signature)}
    for name, value in others.items():
        assert signed_bytes(LIKE, b"m") != signed_bytes(dataclasses.replace(LIKE, **{name: value}), b"m"), name
    assert signed_bytes(LIKE, b"m") != signed_bytes(LIKE, b"n")


@pytest.mark.parametrize("field", [each.name for each in dataclasses.fields(Signature)])
def test_every_field_is_needed(field: str) -> None:
    tree = yaml.safe_load(write_signature(LIKE))
    del tree[field]
    assert f"lacks {field}" in refusal(yaml.safe_dump(tree).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("signer", ""),
        ("signer", "two\nlines"),
        ("signer", "\x1b[2J"),
        ("signer", "\u202eevil"),
        ("signer", "x" * (LONGEST_SIGNER + 1)),
        ("signer", 5),
        ("key", "AB" * 32),
        ("key", "ab" * 31),
        ("key", "ab" * 32 + "\n"),
        ("signed", ""),
        ("signed", "2026-02-30"),
        ("signed", "20261129"),
        ("signed", "2026-11-29T00:00"),
        ("signed", "٢٠٢٦-11-29"),
        ("until", "soon"),
        ("until", None),
        ("until", "0000-01-01"),
        ("signature", "12" * 63),
        ("signature", "zz" * 64),
        ("schema", 0),
        ("schema", True),
        ("comment", "signed by somebody else"),
    ],
)
def test_every_field_is_checked(field: str, value: object) -> None:
    tree: dict[str, Any] = {**yaml.safe_load(write_signature(LIKE)), field: value}
    assert field in refusal(yaml.safe_dump(tree, allow_unicode=True).encode())


def test_a_newer_one() -> None:
    said = refusal(yaml.safe_dump({"schema": 2, "what": "nobody knows yet"}).encode())
    assert said.endswith("update efiqa-edge")


@pytest.mark.parametrize("data", [b"", b"[", b"- a", b"a: &a [*a]", b"\xff\xfe", b"schema: 1\nschema: 1", b"9" * 4000])
def test_what_is_none(data: bytes) -> None:
    refusal(data)


@given(st.binary(max_size=80) | st.text(alphabet="abc:-[]{}!&*#|>'\"%@`?,0123.\n\t ", max_size=80).map(str.encode))
def test_any_bytes_are_refused_in_one_sentence(data: bytes) -> None:
    refusal(data)
