from __future__ import annotations

import pytest

from bundler.errors import RequirementError
from bundler.requirements.origins import Origin
from bundler.requirements.urls import SCP_LIKE, is_usable, repository_url

ORIGIN = Origin(source="p.toml", line=3)


@pytest.mark.parametrize(
    "url",
    [
        "https://files.example/x.whl",
        "HTTP://files.example:8080/",
        "git+ssh://git@git.example:22/x",
        "file:///srv/x",
        "file:/srv/x",
        "file://localhost/srv/x",
        "git+file:///srv/x",
    ],
)
def test_a_path_on_a_host_or_this_machine_is_usable(url: str) -> None:
    assert is_usable(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "//x/a",
        "https://files.example",
        "https:///a",
        "https://files.example:0/a",
        "https://files.example:x/a",
        "http://[/a",
        "https://files.example/a b",
        "https://files.example/a\n",
        "git+ssh://-oProxyCommand=x/a",
        "file://far.example/a",
        "file:a",
    ],
)
def test_other_urls_arent(url: str) -> None:
    assert not is_usable(url)


@pytest.mark.parametrize(
    ("git", "revision", "url"),
    [
        ("https://git.example/x", None, "git+https://git.example/x"),
        ("git+https://git.example/x", "v1", "git+https://git.example/x@v1"),
        ("ssh://git@git.example:22/x", "a/b", "git+ssh://git@git.example:22/x@a/b"),
        ("git@git.example:team/x.git", "main", "git+ssh://git@git.example/team/x.git@main"),
        ("git@git.example:22/x.git", None, "git+ssh://git@git.example/22/x.git"),
        ("ssh://git@git.example:team/x.git", None, "git+ssh://git@git.example/team/x.git"),
    ],
)
def test_a_repository_is_said_as_a_url(git: str, revision: str | None, url: str) -> None:
    assert repository_url(git, revision, ORIGIN) == url


@pytest.mark.parametrize(
    ("git", "revision"), [("https://g.example/x", "a@b"), ("https://g.example/x#y", "v1"), ("x", "")]
)
def test_a_revision_that_would_change_the_url_is_refused(git: str, revision: str) -> None:
    with pytest.raises(RequirementError, match="can't be told as the revision"):
        repository_url(git, revision, ORIGIN)


@pytest.mark.parametrize(
    "text", ["ssh://git@git.example:22/x", "git+ssh://git@git.example:22/x", "git.example:x", "a@b"]
)
def test_a_port_isnt_a_path(text: str) -> None:
    assert SCP_LIKE.match(text) is None
