from __future__ import annotations

import re
from urllib.parse import urldefrag, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.digests import Digest
from bundler.errors import UnusableFile
from bundler.simple.rules import file_url, origin_of, strongest


@given(st.from_regex(r"https?://[a-z.-]{1,9}(:[0-9]{1,4})?/[A-Za-z0-9/._+!%~-]{0,20}(#[a-z=]*)?", fullmatch=True))
def test_the_short_way_for_plain_links_gives_what_urljoin_gives(href: str) -> None:
    for base in ("https://index.example/simple/demo/", "http://other.example"):
        try:
            assert file_url(base, href, "demo.zip") == urldefrag(urljoin(base, href)).url
        except UnusableFile:
            assert re.search(r"//[a-z.-]*(\.\.|//)|//\.", href)


@pytest.mark.parametrize("port", [":0", ":80", ":8080", ":59999", ":60000", ":65535"])
def test_a_link_may_name_a_port(port: str) -> None:
    url = f"https://index.example{port}/demo.zip"
    assert file_url("https://index.example/simple/demo/", f"{url}#sha256=0", "demo.zip") == url


@pytest.mark.parametrize("port", ["65536", "99999", "100000", "8_0", "-1", "+80"])
def test_a_port_that_is_none_makes_the_file_unusable(port: str) -> None:
    with pytest.raises(UnusableFile):
        file_url("https://index.example/simple/demo/", f"https://index.example:{port}/demo.zip", "demo.zip")


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", ".example", "a b", "ex\u00e4mple"])
def test_a_host_that_cannot_be_looked_up_makes_the_file_unusable(host: str) -> None:
    with pytest.raises(UnusableFile, match="isn't one that a page may hold"):
        file_url("https://index.example/simple/demo/", f"http://{host}/demo.zip", "demo.zip")


def test_a_links_userinfo_is_dropped() -> None:
    assert file_url("https://index.example/", "http://u:secret@files.example/a?b#c", "a") == "http://files.example/a?b"


def test_a_default_port_is_the_same_origin() -> None:
    assert origin_of("https://INDEX.example/a") == origin_of("https://index.example:443/b")
    assert origin_of("https://index.example/") != origin_of("https://index.example:444/")


def test_the_strongest_digest_is_in_the_order_that_digests_states() -> None:
    md5, sha256, sha512 = (Digest(name, "0") for name in ("md5", "sha256", "sha512"))
    assert strongest((md5, sha512, sha256)) == sha256
    assert strongest((md5,)) is None
