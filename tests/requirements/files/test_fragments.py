from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.digests import Digest
from bundler.errors import RequirementError
from bundler.requirements.files.fragments import Fragment
from bundler.requirements.origins import Origin

ORIGIN = Origin(source="r.txt", line=3)
SHA256 = "a" * 64


@pytest.mark.parametrize("url", ["https://h.example/x.zip", "https://h.example/x.zip#"])
def test_an_absent_fragment_is_empty(url: str) -> None:
    assert Fragment.parse(url, ORIGIN) == Fragment()


def test_all_parts_are_read_in_any_order() -> None:
    wanted = Fragment(name="a-b", subdirectory="c d/e", hashes=(Digest("sha256", SHA256),))
    assert Fragment.parse(f"x#egg=A.B&subdirectory=c%20d/e&sha256={SHA256}", ORIGIN) == wanted
    assert Fragment.parse(f"x#sha256={SHA256.upper()}&subdirectory=c%20d/e&egg=a_b", ORIGIN) == wanted


@pytest.mark.parametrize(
    ("fragment", "message"),
    [
        ("subdir=a", "'subdir=a' behind the # of a URL isn't understood"),
        ("a", "'a' behind the #"),
        ("egg=", "'egg=' behind the #"),
        ("egg=a&egg=b", "'egg=b' behind the # of a URL isn't understood, or stands there twice"),
        ("egg=a[b]", "'a[b]' behind #egg= isn't a name"),
        ("egg=a==1", "'a==1' behind #egg= isn't a name"),
        ("subdirectory=../a", "leads out"),
        ("subdirectory=a/%2e%2e/b", "leads out"),
        ("subdirectory=a%5C..", "leads out"),
        ("subdirectory=/a", "leads out"),
        ("subdirectory=a%00b", "leads out"),
        ("sha256=aa", "'sha256=aa' isn't a hash"),
        ("md5=" + "a" * 32, "a hash by md5 is too weak to bind"),
        ("sha1=" + "a" * 40, "a hash by sha1 is too weak to bind"),
    ],
)
def test_a_part_that_isnt_understood_is_refused(fragment: str, message: str) -> None:
    with pytest.raises(RequirementError) as caught:
        Fragment.parse(f"https://h.example/x.zip#{fragment}", ORIGIN)
    assert message in caught.value.message
    assert caught.value.message.startswith("r.txt:3: ")
    assert caught.value.hint


@given(st.text() | st.lists(st.sampled_from(["egg=", "&", "subdirectory=", "sha256=", "a", "%", ".."])).map("".join))
def test_no_fragment_does_worse_than_a_requirement_error(text: str) -> None:
    with contextlib.suppress(RequirementError):
        fragment = Fragment.parse(f"x#{text}", ORIGIN)
        assert ".." not in (fragment.subdirectory or "").split("/")
