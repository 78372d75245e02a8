"""pip's own parser as the oracle: what both take means the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from pip._internal.exceptions import PipError
from pip._internal.index.collector import LinkCollector
from pip._internal.index.package_finder import PackageFinder
from pip._internal.models.search_scope import SearchScope
from pip._internal.models.selection_prefs import SelectionPreferences
from pip._internal.network.session import PipSession
from pip._internal.req.constructors import install_req_from_parsed_requirement
from pip._internal.req.req_file import parse_requirements
from pip._internal.req.req_install import InstallRequirement

from bundler.errors import RequirementError
from bundler.requirements.files.grammar import parse_file
from bundler.requirements.model import DeclaredReference, DeclaredRequirement
from bundler.requirements.options import Options

SHA256 = "a" * 64
SHA512 = "b" * 128


def _by_pip(text: str, folder: Path) -> tuple[list[InstallRequirement], PackageFinder]:
    (folder / "r.txt").write_text(text)
    session = PipSession()
    scope = SearchScope.create(find_links=[], index_urls=[], no_index=False)
    finder = PackageFinder.create(
        link_collector=LinkCollector(session=session, search_scope=scope),
        selection_prefs=SelectionPreferences(allow_yanked=True),
    )
    parsed = parse_requirements(str(folder / "r.txt"), session, finder)
    return [install_req_from_parsed_requirement(item) for item in parsed], finder


def _on_disk(path: str, within: str | None) -> str | None:
    found = (Path(within).parent if within else Path()) / path
    return found.resolve().as_uri() + "/" * found.is_dir() if found.exists() else None


@pytest.mark.parametrize(
    "line",
    [
        "flask",
        "Flask [async,dotenv] >= 3, != 3.1 ; python_version < '3.12' and os_name != 'nt'",
        f"flask==3 --hash=sha256:{SHA256} --hash sha512:{SHA512}",
        "flask \\\n  >=3 # why\n",
        "zope.interface",
        "flask===weird",
        "x @ https://files.example/x-1.0-py3-none-any.whl",
        "x@https://files.example/x-1.0-py3-none-any.whl;os_name=='nt'  # no space",
        "x @ https://files.example/x-1.0-py3-none-any.whl ; os_name == 'nt'",
        "x[a,b] @ https://files.example/archive/v1.zip ; os_name == 'nt'",
        "https://files.example/x-1.0-py3-none-any.whl",
        "https://files.example/x-1.0-py3-none-any.whl ; os_name == 'nt'",
        f"https://files.example/x-1.0-py3-none-any.whl#sha256={SHA256}",
        "https://files.example/archive/v1.zip#egg=x&subdirectory=a/b",
        "https://files.example/archive/v1.zip",
        "git+https://git.example/x@v1#subdirectory=a",
        "x @ git+ssh://git@git.example/x@v1",
        "x[extra] @ git+https://user:pass@git.example/x#subdirectory=a",
        "./shop",
        "./shop[a,b]; os_name == 'nt'",
        "shop/",
        ".",
        "-e ./shop",
        "-e shop[extra]",
        "x-1.0-py3-none-any.whl",
        "./x-1.0-py3-none-any.whl[extra]",
        "./my dir",
        "file:./x-1.0-py3-none-any.whl",
    ],
)
def test_pip_understands_a_requirement_alike(line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (".", "shop", "my dir"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "pyproject.toml").touch()
    (tmp_path / "x-1.0-py3-none-any.whl").touch()
    monkeypatch.chdir(tmp_path)
    line = line.replace(";os_name", "; os_name")
    ((theirs,), _) = _by_pip(line, tmp_path)
    (ours,) = parse_file(line.encode(), str(tmp_path / "r.txt"), constraint=False, environment={}, locate=_on_disk)
    assert isinstance(ours, DeclaredRequirement | DeclaredReference)
    marker = ours.requirement.marker if isinstance(ours, DeclaredRequirement) else ours.marker
    assert str(marker) == str(theirs.markers)
    hashes = {(digest.algorithm, digest.hexdigest) for digest in ours.hashes}
    assert hashes == {(name, value) for name, values in theirs.hashes()._allowed.items() for value in values}
    if isinstance(ours, DeclaredRequirement):
        assert theirs.link is None
        assert theirs.req is not None
        assert (ours.requirement.name, str(ours.requirement.specifier)) == (theirs.req.name, str(theirs.req.specifier))
        assert ours.requirement.extras == theirs.extras
    else:
        assert theirs.link is not None
        assert _plain(ours.url) == _plain(theirs.link.url)
        assert set(ours.extras) == theirs.extras
        assert theirs.name in (None, ours.name)


def _plain(url: str) -> str:
    """pip resolves a relative file: URL when it opens it, and writes directories without a slash."""
    if url.startswith("file:./"):
        return (Path.cwd() / url.removeprefix("file:./")).as_uri()
    return url.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "-i https://user:pass@index.example/simple",
        "-ihttps://index.example/simple\n--extra-index-url=https://a.example/\n--extra-index-url https://b.example/",
        "--pypi-url https://index.example/simple --extra-index-url https://a.example/",
        "-f https://links.example/x.html\n-f wheels\n--find-links=./absent-here",
        "--no-index --find-links wheels",
        "--pre\n--prefer-binary",
        "--no-binary a,B.c\n--only-binary x",
        "--only-binary=:all:",
    ],
)
def test_pip_understands_options_alike(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work, folder = tmp_path / "work", tmp_path / "files"
    (folder / "wheels").mkdir(parents=True)
    (work / "absent-here").mkdir(parents=True)
    monkeypatch.chdir(work)
    requirements, finder = _by_pip(text, folder)
    ours = Options()
    name = str(folder / "r.txt")
    for item in parse_file(text.encode(), name, constraint=False, environment={}, locate=_on_disk):
        assert isinstance(item, Options)
        ours = ours.joined(item)
    assert requirements == []
    assert [url for url in (ours.index_url, *ours.extra_index_urls) if url] == finder.index_urls
    assert [_plain(place) for place in ours.find_links] == [
        place if "://" in place else Path(place).resolve().as_uri() for place in finder.find_links
    ]
    assert (ours.no_index, ours.prefer_binary) == (finder.search_scope.no_index, finder.prefer_binary)
    assert {name.lower().replace(".", "-") for name in ours.no_binary} == finder.format_control.no_binary
    assert set(ours.only_binary) == finder.format_control.only_binary
    assert ours.pre == (finder.release_control is not None and ":all:" in finder.release_control.all_releases)


@pytest.mark.parametrize("line", ["flask==", "flask=1", "-e nowhere/at/all", "--quux", "x --hash=sha256", "-r"])
def test_pip_refuses_alike(line: str, tmp_path: Path) -> None:
    with pytest.raises((PipError, ValueError)):
        _by_pip(line, tmp_path)
    with pytest.raises(RequirementError):
        list(parse_file(line.encode(), "r.txt", constraint=False, environment={}, locate=_on_disk))
