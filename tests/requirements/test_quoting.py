from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.requirements.quoting import quote, shown


@pytest.mark.parametrize(
    "text",
    [
        "flask==1.0",
        "./a/b[c]",
        "https://h.example/x-1.0.zip#egg=y",
        "git+https://git.example/team/x@v1.0#subdirectory=a",
        "x @ git+https://git.example/x@feature/y ; os_name",
        "git+ssh://git@git.example/x.git@v1",
        "name@1.0",
    ],
)
def test_text_without_secrets_stays(text: str) -> None:
    assert shown(text) == text


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("https://user:word@h.example/x.zip", "https://***@h.example/x.zip"),
        ("https://word@h.example:8080/x.zip", "https://***@h.example:8080/x.zip"),
        ("https://user:wo@rd@h.example/x.zip", "https://***@h.example/x.zip"),
        ("https://user:wo/rd@h.example/x.zip", "https://***@h.example/x.zip"),
        ("https://user:wo rd@h.example/x.zip", "https://***@h.example/x.zip"),
        ("https://a.example/ https://user:word@h.example/", "https://a.example/ https://***@h.example/"),
        ("git+https://user:word@git.example/x@v1", "git+https://***@git.example/x@v1"),
        ("git+https://user:wo@rd@git.example/x@v1", "git+https://***@git.example/x@v1"),
        ("git+https://user:wo/rd@git.example/x", "git+https://***@git.example/x"),
        ("https://h.example/x.zip?token=word#egg=x", "https://h.example/x.zip?***#egg=x"),
    ],
)
def test_passwords_are_taken_out(text: str, fit: str) -> None:
    assert shown(text) == fit


def test_quotes_cut_and_escape() -> None:
    assert quote("\x1b[31m" + "x" * 100) == "'\\x1b[31m" + "x" * 75 + "'"
    assert quote("a" * 5000) == "'a text of 5000 characters'"


_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="@?#/ "), min_size=1, max_size=8)


@given(_WORDS, st.sampled_from(["https", "git+https", "git+ssh"]), st.text(max_size=5), st.text(max_size=5))
def test_no_userinfo_is_ever_shown(word: str, scheme: str, before: str, after: str) -> None:
    secret = f"s3cret{word}s3cret"
    assert "s3cret" not in shown(f"{before} {scheme}://user:{secret}@h.example/{after}")
