"""Who may come in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.preview.access import access_for, is_loopback

TOKEN = "a token of many characters"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost", "LocalHost"])
def test_loopback_needs_no_token(host: str) -> None:
    access = access_for(host, None)
    assert access.right_token(None)
    assert access.right_cookie(None)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.20", "camera.clinic.example", ""])
def test_network_wants_a_token_and_offers_one(host: str) -> None:
    with pytest.raises(EdgeError, match="wants a token") as said:
        access_for(host, None)
    offered = str(said.value).split()[-1]
    assert access_for(host, offered).right_token(offered)
    assert not is_loopback(host)


@pytest.mark.parametrize("token", ["", "short", "x" * 257, "pässwörter mit Umlauten"])
def test_easily_guessed_or_odd_token_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(EdgeError, match="the token must have") as said:
        access_for("127.0.0.1", token)
    assert not token or token not in str(said.value)


def test_token_and_cookie_open_and_nothing_else_does() -> None:
    access = access_for("0.0.0.0", TOKEN)
    assert access.right_token(TOKEN)
    assert access.right_cookie(access.cookie)
    assert TOKEN not in access.cookie
    assert access.cookie == access_for("0.0.0.0", TOKEN).cookie, "a restart would lock the phone out"
    for wrong in (None, "", TOKEN[:-1], TOKEN.upper(), "ü", "\ud800"):
        assert not access.right_token(wrong)
        assert not access.right_cookie(wrong)
    assert not access.right_cookie(TOKEN)


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8080", "10.1.2.3"])
def test_own_names_and_addresses_are_right(host: str) -> None:
    assert access_for("127.0.0.1", None).right_host(host)


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "[::1", "a b"]
)
def test_foreign_name_that_points_here_is_refused(host: str) -> None:
    assert not access_for("127.0.0.1", None).right_host(host)
    assert not access_for("0.0.0.0", TOKEN).right_host(host)


def test_name_that_is_listened_on_is_right() -> None:
    assert access_for("camera.clinic.example", TOKEN).right_host("camera.clinic.example:8080")


@pytest.mark.parametrize(
    ("origin", "right"),
    [
        (None, True),
        ("http://127.0.0.1:8080", True),
        ("https://127.0.0.1:8080", True),
        ("http://127.0.0.1:8081", False),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
        ("file://", False),
    ],
)
def test_only_our_own_page_may_ask(origin: str | None, right: bool) -> None:
    assert access_for("127.0.0.1", None).right_origin(origin, "127.0.0.1:8080") is right


@settings(max_examples=50)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_header_is_answered(host: str, origin: str) -> None:
    access = access_for("127.0.0.1", None)
    if access.right_host(host):
        assert host.lower().startswith("localhost") or any(c in host for c in ".:")
    access.right_origin(origin, host)
    access.right_token(origin)
