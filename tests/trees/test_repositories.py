from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import UsageError
from bundler.trees.repositories import Login, Repository

CANARY = "hunter2canary"


@pytest.mark.parametrize(
    ("url", "expected", "ref"),
    [
        ("git+https://host.example/a/b.git", "https://host.example/a/b.git", None),
        ("git+https://host.example/a/b.git@v1.0", "https://host.example/a/b.git", "v1.0"),
        ("git+https://host.example:8443/a@feature/x", "https://host.example:8443/a", "feature/x"),
        ("git+https://u:p@host.example/a@v1", "https://host.example/a", "v1"),
        ("git+https://token@host.example/a", "https://host.example/a", None),
        ("git+ssh://git@host.example/a/b.git@main", "ssh://git@host.example/a/b.git", "main"),
        ("git+ssh://git:secret@host.example/a", "ssh://git@host.example/a", None),
        ("git+ssh://host.example:2222/a", "ssh://host.example:2222/a", None),
        ("git+http://[::1]:8000/a", "http://[::1]:8000/a", None),
        ("git+git://host.example/a", "git://host.example/a", None),
        ("git+file:///srv/git/a.git@v1", "file:///srv/git/a.git", "v1"),
        ("git+https://host.example/a@refs/pull/3/head", "https://host.example/a", "refs/pull/3/head"),
        ("git+https://host.example/a@fix%23123", "https://host.example/a", "fix#123"),
    ],
)
def test_a_url_is_taken_apart(url: str, expected: str, ref: str | None) -> None:
    repository = Repository.parse(url)
    assert (repository.url, repository.ref) == (expected, ref)


@pytest.mark.parametrize(
    "url",
    [
        "hg+https://host.example/a",
        "svn+ssh://host.example/a",
        "git+ext::sh -c touch% /tmp/x",
        "git+ext://host.example/a",
        "git+ftp://host.example/a",
        "git+https://host.example",
        "git+https:///a",
        "git+https://host.example:port/a",
        "git+https://host.example/a b",
        "git+https://host.example/a\n",
        "git+https://host.example/a?b=c",
        "git+https://-oProxyCommand=x/a",
        "git+ssh://-oProxyCommand=x/a",
        "git+ssh://-oProxyCommand=x@host.example/a",
        "git+ssh://%2DoProxyCommand=x@host.example/a",
        "git+file://elsewhere.example/a",
        "git+https://u%0ax:p@host.example/a",
        "git+https://host.example/a@",
        "git+https://host.example/a@-x",
        "git+https://host.example/a@--upload-pack=x",
        "git+https://host.example/a@a:b",
        "git+https://host.example/a@a..b",
        "git+https://host.example/a@a%20b",
        "git+https://host.example/a@HEAD^",
        "git+https://host.example/a@x*",
        "git+git@host.example:a/b.git",
    ],
)
def test_what_cant_be_asked_for_safely_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        Repository.parse(url)


@pytest.mark.parametrize(
    "url",
    [
        f"git+https://u:{CANARY}@host.example:port/a",
        f"git+https://u:{CANARY}@host.example/a b",
        f"git+https://u:{CANARY}@host.example/a@-x",
        f"git+https://u:{CANARY}%0a@host.example/a",
        f"git+https://u:{CANARY}/x@host.example/a",
        f"git+nothing://u:{CANARY}@host.example/a",
        f"hg+https://u:{CANARY}@host.example/a",
        f"git+https://u:{CANARY}@[host.example/a",
    ],
)
def test_a_password_is_in_no_refusal(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Repository.parse(url)
    error: BaseException | None = caught.value
    assert CANARY not in repr((caught.value.args, caught.value.details, caught.value.hint))
    assert error is not None
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


def test_a_login_is_kept_apart_and_prints_as_stars() -> None:
    repository = Repository.parse(f"git+https://us%40er:{CANARY}%2F@host.example/a@v1")
    assert repository.login is not None
    assert repository.login.pair() == ("us@er", f"{CANARY}/")
    assert CANARY not in repr(repository)
    assert repository.pinned("c" * 40) == f"git+https://host.example/a@{'c' * 40}"
    assert Repository.parse("git+ssh://git@host.example/a").login is None


@pytest.mark.parametrize(
    ("parent", "url", "expected"),
    [
        ("https://host.example/a/b.git", "../c.git", "https://host.example/a/c.git"),
        ("https://host.example/a/b.git/", "../../d/c", "https://host.example/d/c"),
        ("https://host.example/a/b.git", "./c", "https://host.example/a/b.git/c"),
        ("https://host.example/a", "https://other.example/c", "https://other.example/c"),
        ("https://host.example/a", "git@other.example:o/c.git", "ssh://git@other.example/o/c.git"),
        ("https://host.example/a", "other.example:o/c.git", "ssh://git@other.example/o/c.git"),
        ("ssh://git@host.example/a/b", "../c", "ssh://git@host.example/a/c"),
        ("file:///srv/a", "/srv/c", "file:///srv/c"),
        ("file:///srv/a", "../c", "file:///srv/c"),
    ],
)
def test_a_submodules_address_is_found(parent: str, url: str, expected: str) -> None:
    assert Repository(url=parent).submodule(url).url == expected


@pytest.mark.parametrize(
    "url", ["/etc", "file:///etc", "../../../x", "../..", "ext::sh -c x", "-x", "", "https://-x/a", "./a\nb"]
)
def test_a_submodule_doesnt_lead_to_this_machine_or_to_a_program(url: str) -> None:
    with pytest.raises(UsageError):
        Repository(url="https://host.example/a").submodule(url)


def test_a_login_goes_to_submodules_of_the_same_host_alone() -> None:
    login = Login("u", "p")
    parent = Repository(url="https://host.example/a/b", login=login)
    assert parent.submodule("../c").login is login
    assert parent.submodule("https://host.example/x").login is login
    for url in ("https://other.example/c", "http://host.example/x", "https://host.example:8443/x"):
        assert parent.submodule(url).login is None


@given(st.text("git+htpsf:/@-.#a%0 \n?[]", max_size=40).map(lambda text: f"git+https://{text}"))
def test_any_text_is_a_repository_or_refused(url: str) -> None:
    try:
        repository = Repository.parse(url)
    except UsageError:
        return
    assert repository.url.startswith("https://")
    assert not (repository.ref or "").startswith("-")
