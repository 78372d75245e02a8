from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from bundler.digests import Digest
from bundler.errors import RequirementError
from bundler.requirements.locked import LockedFile, LockedProject
from bundler.requirements.locks.sources import (
    file_url,
    from_archive,
    from_files,
    from_repository,
    last_part,
    parse_digests,
)
from bundler.requirements.origins import Origin
from tests.requirements.disk import anywhere

PROJECT = LockedProject(name="a-b", version=Version("1.0"), origin=Origin(source="x.lock"))
COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHA256, MD5 = Digest("sha256", "0" * 64), Digest("md5", "0" * 32)


def file(name: str, url: str | None = None) -> LockedFile:
    return LockedFile(filename=name, hashes=(SHA256, MD5), url=url)


def test_only_wheels_and_sdists_of_the_project_and_version_count() -> None:
    names = [
        "A.B-1.0.tar.gz",
        "a_b-1.0-py3-none-any.whl",
        "a_b-1.0-py3.12.egg",
        "a_b-2.0.tar.gz",
        "c-1.0.tar.gz",
        "../x",
    ]
    project = from_files(PROJECT, map(file, names))
    assert [each.filename for each in project.files] == ["A.B-1.0.tar.gz", "a_b-1.0-py3-none-any.whl"]


def test_a_version_that_isnt_stated_is_the_files() -> None:
    project = from_files(replace(PROJECT, version=None), [file("a_b-3.tar.gz"), file("a_b-4.tar.gz")])
    assert (project.version, [each.filename for each in project.files]) == (Version("3"), ["a_b-3.tar.gz"])


def test_an_archive_is_a_file_if_its_name_says_so_and_a_reference_otherwise() -> None:
    sdist = file("a_b-1.0.tar.gz", "https://files.example/a_b-1.0.tar.gz")
    assert from_archive(PROJECT, sdist, anywhere).files == (sdist,)
    within = from_archive(PROJECT, sdist, anywhere, subdirectory="sub/dir")
    assert (within.files, within.reference) == ((), "https://files.example/a_b-1.0.tar.gz#subdirectory=sub/dir")
    tag = from_archive(PROJECT, file("v1.zip", "https://files.example/v1.zip#egg=a"), anywhere)
    assert (tag.reference, tag.hashes) == ("https://files.example/v1.zip", (SHA256,))


def test_an_archive_that_is_nowhere_is_nothing() -> None:
    assert from_archive(PROJECT, file("v1.zip"), anywhere) == PROJECT


@pytest.mark.parametrize(
    ("git", "reference"),
    [
        ("https://git.example/a.git", "git+https://git.example/a.git"),
        ("git+https://git.example/a.git", "git+https://git.example/a.git"),
        ("ssh://git@git.example/a.git", "git+ssh://git@git.example/a.git"),
        ("git@git.example:team/a.git", "git+ssh://git@git.example/team/a.git"),
        ("file:///srv/a", "git+file:///srv/a"),
    ],
)
def test_a_repository_is_named_at_its_commit(git: str, reference: str) -> None:
    assert from_repository(PROJECT, git, COMMIT, anywhere).reference == f"{reference}@{COMMIT}"
    within = from_repository(PROJECT, git, COMMIT, anywhere, subdirectory="s")
    assert within.reference == f"{reference}@{COMMIT}#subdirectory=s"


@pytest.mark.parametrize(
    ("git", "commit"),
    [
        ("https://git.example/a", "main"),
        ("https://git.example/a", ""),
        ("https://git.example/a", "--upload-pack=x"),
        ("https://git.example/a", COMMIT[:7]),
        ("ext::sh -c x", COMMIT),
        ("javascript:x", COMMIT),
        ("", COMMIT),
    ],
)
def test_what_isnt_a_commit_of_a_repository_is_refused(git: str, commit: str) -> None:
    with pytest.raises(RequirementError):
        from_repository(PROJECT, git, commit, anywhere)


@pytest.mark.parametrize("subdirectory", ["../out", "/etc"])
def test_a_subdirectory_that_leads_out_is_refused(subdirectory: str) -> None:
    with pytest.raises(RequirementError, match="leads out"):
        from_repository(PROJECT, "https://git.example/a", COMMIT, anywhere, subdirectory=subdirectory)


@pytest.mark.parametrize("url", ["ftp://files.example/a", "javascript:x", "https:///a", "a.whl", "http://[", "//x/a"])
def test_other_addresses_of_files_are_refused(url: str) -> None:
    with pytest.raises(RequirementError, match="the address of a file of a-b"):
        file_url(url, PROJECT)


def test_a_refusal_doesnt_tell_a_password() -> None:
    with pytest.raises(RequirementError) as caught:
        file_url("ftp://me:canary@files.example/a?token=canary", PROJECT)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("https://files.example/a%2B1.whl?x=/y#z", "a+1.whl"),
        ("links/a%2B1.whl", "a%2B1.whl"),
        ("C:\\links\\a.whl", "a.whl"),
        ("a.whl", "a.whl"),
        ("http://[/x", ""),
        ("https://files.example/", ""),
    ],
)
def test_the_last_part_of_a_url_is_decoded_once(place: str, name: str) -> None:
    assert last_part(place) == name


def test_unknown_algorithms_dont_count_but_one_must() -> None:
    assert parse_digests([f"crc32:{'0' * 8}", str(SHA256)], PROJECT) == (SHA256,)
    assert parse_digests([], PROJECT) == ()
    with pytest.raises(RequirementError, match="a-b has a hash that isn't one"):
        parse_digests(["crc32:00"], PROJECT)
