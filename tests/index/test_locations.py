from __future__ import annotations

import pytest

from bundler.errors import Refused, UsageError
from bundler.index.locations import Credentials, IndexLocation, authorization, follow, redact

CANARY = "canary-9f3"


def located(text: str) -> IndexLocation:
    return IndexLocation.parse(text)


def test_a_location_has_no_userinfo_and_ends_in_a_slash() -> None:
    location = located(f"https://user:{CANARY}@index.example/team/simple")
    assert location.url == "https://index.example/team/simple/"
    assert location.page("flask") == "https://index.example/team/simple/flask/"


def test_a_password_is_never_shown() -> None:
    location = located(f"https://user:{CANARY}@index.example/simple/")
    shown = f"{location!r} {location} {location.credentials!r} {location.credentials} {[location.credentials]}"
    assert "***" in shown
    assert CANARY not in shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "index.example/simple",
        "/srv/simple",
        "ftp://index.example/",
        "https:///simple",
        "https://h:x/",
        "file:simple",
        "file://other.example/simple",
        "file://user:x@localhost/simple",
    ],
)
def test_what_is_no_index_url_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        located(text)


def test_the_refusal_of_a_bad_url_doesnt_show_its_password() -> None:
    with pytest.raises(UsageError) as caught:
        located(f"https://user:{CANARY}@index.example:port/")
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("file:///srv/my%20simple", "file:///srv/my%20simple/"),
        ("file://localhost/srv/simple/", "file://localhost/srv/simple/"),
        ("file:///srv/a@b", "file:///srv/a@b/"),
    ],
)
def test_a_directory_may_be_an_index(text: str, url: str) -> None:
    assert located(text) == IndexLocation(url=url)


def test_a_place_of_links_keeps_its_last_component() -> None:
    place = IndexLocation.parse_links(f"https://user:{CANARY}@h.example/team/links.html")
    assert place.url == "https://h.example/team/links.html"
    assert authorization("https://h.example/team/x.whl", [place]) is not None
    assert authorization("https://h.example/other/x.whl", [place]) is None


def test_a_user_name_alone_is_sent_with_an_empty_password_and_not_shown() -> None:
    alone = located(f"https://{CANARY}@index.example/simple/")
    assert alone.credentials is not None
    assert not alone.credentials.has_password
    assert alone.credentials.header() == Credentials(CANARY, "").header()
    assert CANARY not in repr(alone)
    empty = located("https://user:@index.example/simple/").credentials
    assert empty is not None
    assert empty.has_password


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://index.example/team/simple/flask/", True),
        ("https://INDEX.example:443/team/packages/flask.whl", True),
        ("http://index.example/team/simple/flask/", False),
        ("https://index.example:8443/team/simple/flask/", False),
        ("https://index.example/other/simple/flask/", False),
        ("https://index.example/team/../other/flask/", False),
        ("https://index.example/team/%2e%2e/other/flask/", False),
        ("https://index.example/team/..%2Fother/flask/", False),
        ("https://index.example.evil.example/team/simple/", False),
        ("https://evil.example/team/simple/", False),
    ],
)
def test_credentials_go_only_to_the_indexs_own_place(url: str, told: bool) -> None:
    location = located("https://user:secret@index.example/team/simple/")
    expected = "Basic dXNlcjpzZWNyZXQ="
    assert authorization(url, [location]) == (expected if told else None)


def test_the_closest_index_gives_the_credentials() -> None:
    wide, narrow = located("https://a:a@h.example/simple/"), located("https://b:b@h.example/team/simple/")
    assert authorization("https://h.example/team/simple/x/", [wide, narrow]) == Credentials("b", "b").header()
    assert authorization("https://h.example/simple/x/", [wide, narrow]) == Credentials("a", "a").header()


def test_percent_escapes_in_userinfo_are_undone() -> None:
    location = located("https://us%40er:p%3Aw@index.example/simple/")
    assert location.credentials is not None
    assert location.credentials.header() == Credentials("us@er", "p:w").header()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (f"https://u:{CANARY}@h.example/a?token={CANARY}#{CANARY}", "https://h.example/a"),
        (f"https://u:@{CANARY}@h.example/a", "https://h.example/a"),
        ("https://h.example:8080/a/b.whl", "https://h.example:8080/a/b.whl"),
        (f"https://u:{CANARY}@[h/a", "(an unreadable URL)"),
    ],
)
def test_redacted_urls_hold_no_secret(url: str, shown: str) -> None:
    assert redact(url) == shown


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/b/?q=1", "https://h.example/b/?q=1"),
        ("c", "https://h.example/a/c"),
        ("//other.example/x", "https://other.example/x"),
        ("https://u:p@other.example/x#f", "https://other.example/x"),
    ],
)
def test_a_redirect_is_followed_without_userinfo(location: str, target: str) -> None:
    assert follow("https://h.example/a/", location) == target


@pytest.mark.parametrize("location", ["http://h.example/", "file:///etc/passwd", "https://[", "data:,x"])
def test_a_redirect_to_somewhere_worse_is_refused(location: str) -> None:
    with pytest.raises(Refused):
        follow("https://h.example/a/", location)
