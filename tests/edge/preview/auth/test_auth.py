"""Who may come in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import EdgeError
from edge.preview.auth.auth import access_for
from edge.preview.auth.source import is_loopback, machine_of, source_of
from edge.preview.auth.tokens import fresh_token

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


@pytest.mark.parametrize(
    "token",
    [
        *("", "short", "x" * 257, "pässwörter mit Umlauten", "c81f5e0b97d2\n", " c81f5e0b97d2", "c81f5e0b97d2\x00"),
        *("a" * 12, "A" * 100, "aAaAaAaAaAaAaA", "aaaaaaaaaaab", "aaaaaabbbbbb", "ababababababab", "abcabcabcabd"),
        *("123456789012", "987654321098", "0123456789abcdef", "abcdefghijklm", "zyxwvutsrqponm", "qwertzuiopasdfghjkl"),
        *("passwordpassword", "secretsecretsec", "111122223333", "qwertyqwerty1", "............", "1234abcd1234"),
    ],
)
def test_easily_guessed_or_odd_token_is_refused_without_repeating_it(token: str) -> None:
    with pytest.raises(EdgeError, match="the token must have") as said:
        access_for("127.0.0.1", token)
    assert "\n" not in str(said.value)
    assert not token or token not in str(said.value)


@pytest.mark.parametrize("token", ["correct horse battery", "4f1c9a7be2d0", "R4nd0m-W0rds!", "493028175566", TOKEN])
def test_token_of_some_variety_is_taken(token: str) -> None:
    assert access_for("127.0.0.1", token).right_token(token)


def test_tokens_that_are_offered_are_taken() -> None:
    for _ in range(500):
        token = fresh_token()
        assert access_for("127.0.0.1", token).token == token


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
    "host",
    [
        *("", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example", "[::1", "a b"),
        *("127.0.0.1%evil.example", "127.0.0.1%2eevil.example:8080"),
    ],
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


@pytest.mark.parametrize(
    ("public", "origin", "right"),
    [
        ("camera.clinic.example", "https://camera.clinic.example", True),
        ("camera.clinic.example", "https://CAMERA.clinic.example:443", True),
        ("Camera.Clinic.Example", "http://camera.clinic.example", True),
        ("camera.clinic.example", "https://camera.clinic.example:8443", False),
        ("camera.clinic.example:443", "https://camera.clinic.example", True),
        ("camera.clinic.example:8443", "https://camera.clinic.example:8443", True),
        ("camera.clinic.example:8443", "https://camera.clinic.example", False),
        ("camera.clinic.example", "https://x.camera.clinic.example", False),
        ("camera.clinic.example", "https://camera.clinic.example.evil.example", False),
        ("camera.clinic.example", "https://camera.clinic.example@evil.example", False),
        ("camera.clinic.example", "https://evil.example/camera.clinic.example", False),
        ("camera.clinic.example", "ftp://camera.clinic.example", False),
        ("camera.clinic.example", "null", False),
        ("käse.example", "https://xn--kse-qla.example", True),
        ("[2001:db8::7]:8443", "https://[2001:db8::7]:8443", True),
        ("192.0.2.7", "https://192.0.2.7", True),
    ],
)
def test_public_name_is_our_own_page_with_its_port_alone(public: str, origin: str, right: bool) -> None:
    access = access_for("127.0.0.1", TOKEN, [public, "other.example"])
    assert access.right_origin(origin, "127.0.0.1:8080") is right
    assert not access_for("127.0.0.1", TOKEN).right_origin(origin, "127.0.0.1:8080")
    assert access.right_host("other.example")
    assert not access.right_host("evil.example")


@pytest.mark.parametrize(
    "name", ["https://camera.example", "a b", "", "camera.example/x", "*", "u@h", "h:0", "h:x", "a..b"]
)
def test_what_is_no_public_name_is_refused_in_one_sentence(name: str) -> None:
    with pytest.raises(EdgeError, match=r"--public-name as HOST or HOST:PORT") as said:
        access_for("127.0.0.1", TOKEN, [name])
    assert "\n" not in str(said.value)


def test_page_behind_a_proxy_wants_a_token_and_a_proxy_is_an_address() -> None:
    with pytest.raises(EdgeError, match="wants a token"):
        access_for("127.0.0.1", None, ["camera.example"])
    with pytest.raises(EdgeError, match="wants a token"):
        access_for("127.0.0.1", None, proxies=["127.0.0.1"])
    for wrong in ("nginx", "", "127.0.0.1/8", "127.0.0.1:80"):
        with pytest.raises(EdgeError, match="--proxy an IP address"):
            access_for("127.0.0.1", TOKEN, proxies=[wrong])


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("198.51.100.7", [], "198.51.100.7"),
        ("198.51.100.7", ["203.0.113.9"], "198.51.100.7"),  # anybody can write this
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # what came from outside stands to the left
        ("127.0.0.1", ["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4, 203.0.113.9, 10.0.0.2"], "203.0.113.9"),  # two proxies
        ("127.0.0.1", ["203.0.113.9, nonsense"], "127.0.0.1"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("::ffff:127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),  # one machine has them all
        ("fe80::1%eth0", [], "fe80::/64"),
    ],
)
def test_only_a_named_proxy_decides_the_source(peer: str, forwarded: list[str], source: str) -> None:
    assert machine_of(source_of(peer, forwarded, frozenset({"127.0.0.1", "10.0.0.2"}))) == source


@settings(max_examples=50)
@given(st.text(max_size=60), st.text(max_size=60))
def test_any_header_is_answered(host: str, origin: str) -> None:
    access = access_for("127.0.0.1", None)
    if access.right_host(host):
        assert host.lower().startswith("localhost") or any(c in host for c in ".:")
    access.right_origin(origin, host)
    access.right_token(origin)
