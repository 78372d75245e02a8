from __future__ import annotations

from urllib.parse import urldefrag, urljoin

from hypothesis import given
from hypothesis import strategies as st

from bundler.digests import Digest
from bundler.simple.rules import file_url, origin_of, strongest


@given(st.from_regex(r"https?://[a-z.-]{1,9}/[A-Za-z0-9/._+!%~-]{0,20}(#[a-z=]*)?", fullmatch=True))
def test_the_short_way_for_plain_links_gives_what_urljoin_gives(href: str) -> None:
    for base in ("https://index.example/simple/demo/", "http://other.example"):
        assert file_url(base, href, "demo.zip") == urldefrag(urljoin(base, href)).url


def test_a_default_port_is_the_same_origin() -> None:
    assert origin_of("https://INDEX.example/a") == origin_of("https://index.example:443/b")
    assert origin_of("https://index.example/") != origin_of("https://index.example:444/")


def test_the_strongest_digest_is_in_the_order_that_digests_states() -> None:
    md5, sha256, sha512 = (Digest(name, "0") for name in ("md5", "sha256", "sha512"))
    assert strongest((md5, sha512, sha256)) == sha256
    assert strongest((md5,)) is None
