from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.markers import Marker

from bundler.archives.sdists import read_sdist_files
from bundler.cache.store import Store, open_store
from bundler.digests import Digest
from bundler.distributions import Sdist, parse_filename
from bundler.errors import BundlerError, IntegrityError, NotFound, Refused, RequirementError
from bundler.index.transport import Transport
from bundler.operations.progress import Silent
from bundler.operations.references import SettledReference, reference_locations, settle_references
from bundler.requirements.model import DeclaredReference
from bundler.requirements.origins import Origin
from bundler.sdist_metadata import static_sdist_metadata
from tests.end_to_end.running import PIP, run, uv
from tests.support.fake_index import FakeIndex
from tests.support.wheels import CANARY_VARIABLE, make_sdist, make_wheel
from tests.trees.making import BACKEND, GitRepository, git, project, pyproject, write_files

CANARY = "hunter2canary"
WHEEL, WHEEL_DATA = make_wheel("demo", "1.0")
SDIST, SDIST_DATA = make_sdist("demo", "1.0")


class Recording(Silent):
    """Keeps the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, line: str) -> None:
        self.notes.append(line)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "cache", default=tmp_path) as opened:
        yield opened


def reference(url: str, line: int = 1, **fields: Any) -> DeclaredReference:
    return DeclaredReference(url=url, origin=Origin(source="r.txt", line=line), **fields)


def settle(
    store: Store, *references: DeclaredReference, index: FakeIndex | None = None, progress: Silent | None = None
) -> tuple[SettledReference, ...]:
    backend = httpx.MockTransport((index or FakeIndex()).handler)
    with Transport(backend=backend, sleep=lambda _: None) as transport:
        return settle_references(references, transport=transport, store=store, progress=progress or Silent())


def settle_one(store: Store, url: str, index: FakeIndex | None = None, **fields: Any) -> SettledReference:
    return settle(store, reference(url, **fields), index=index)[0]


def stored(store: Store, settled: SettledReference) -> bytes:
    assert settled.file.digest is not None
    assert store.blobs.verify(settled.file.digest)
    with store.blobs.open(settled.file.digest) as stream:
        data = stream.read()
    assert settled.file.size == len(data)
    return data


def members(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        read = {member.name: archive.extractfile(member) for member in archive}
        return {name.partition("/")[2]: file.read() for name, file in read.items() if file is not None}


def holding(filename: str = WHEEL, data: bytes = WHEEL_DATA) -> FakeIndex:
    index = FakeIndex()
    index.add(filename, data)
    return index


# Files


@pytest.mark.parametrize(("filename", "data"), [(WHEEL, WHEEL_DATA), (SDIST, SDIST_DATA)])
def test_a_file_by_its_url_is_fetched_and_hashed(store: Store, filename: str, data: bytes) -> None:
    settled = settle_one(store, f"https://host.example/files/{filename}", holding(filename, data), extras=("a", "b"))
    assert stored(store, settled) == data
    assert str(settled.requirement) == "demo[a,b]==1.0"
    assert (settled.name, settled.file.filename) == ("demo", filename)
    assert settled.file.url == f"https://host.example/files/{filename}"


def test_a_file_whose_sha256_is_stated_is_asked_for_once(store: Store) -> None:
    index, digest = holding(), Digest.sha256(WHEEL_DATA)
    for url in (f"https://host.example/files/{WHEEL}", f"https://host.example/files/{WHEEL}#sha256={digest.hexdigest}"):
        assert stored(store, settle_one(store, url, index, hashes=(digest,))) == WHEEL_DATA
    assert len(index.requests) == 1


def test_marker_extras_and_local_version_go_into_the_requirement(store: Store) -> None:
    filename, data = make_wheel("demo", "1.0+cu12")
    marker = Marker("sys_platform == 'linux'")
    url = f"https://host.example/files/{filename.replace('+', '%2B')}"
    settled = settle_one(store, url, holding(filename, data), marker=marker, name="demo")
    assert str(settled.requirement) == 'demo==1.0+cu12; sys_platform == "linux"'


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("scheme", ["https", "file"])
def test_every_stated_hash_is_checked(store: Store, tmp_path: Path, algorithm: str, scheme: str) -> None:
    write_files(tmp_path, {WHEEL: WHEEL_DATA})
    url = (tmp_path / WHEEL).as_uri() if scheme == "file" else f"https://host.example/files/{WHEEL}"
    good = Digest(algorithm, hashlib.new(algorithm, WHEEL_DATA).hexdigest())
    bad = Digest(algorithm, hashlib.new(algorithm, b"other").hexdigest())
    also = Digest.sha256(WHEEL_DATA)

    def settled_with(*digests: Digest) -> SettledReference:
        return settle_one(store, url, holding(), hashes=digests)

    assert stored(store, settled_with(good)) == WHEEL_DATA
    with pytest.raises(IntegrityError, match="wrong hash") as caught:
        settled_with(bad, *(() if algorithm == "sha256" else (also,)))
    assert bad.hexdigest in caught.value.expected
    assert "asked for by r.txt:1" in caught.value.details
    assert stored(store, settled_with(good, bad)) == WHEEL_DATA  # two of one algorithm: either, as in pip


@pytest.mark.parametrize(("filename", "data"), [(WHEEL, WHEEL_DATA), (SDIST, SDIST_DATA)])
def test_a_local_file_is_copied_into_the_store(store: Store, tmp_path: Path, filename: str, data: bytes) -> None:
    place = write_files(tmp_path / "a b", {filename: data})
    settled = settle_one(store, (place / filename).as_uri())
    (place / filename).unlink()
    assert stored(store, settled) == data
    assert settled.file.url.endswith(f"/a%20b/{filename}")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://host.example/files/demo-1.0.exe", "not the file name of a wheel or sdist"),
        ("https://host.example/archive/v1.0.zip", "not the file name of a wheel or sdist"),
        ("https://host.example/files/demo-1.0.tar.bz2", "not the file name"),
        ("https://host.example/files/..%2f..%2fdemo-1.0.tar.gz", "unsafe file name"),
        ("https://host.example/files/%252e-1.0.tar.gz", "unsafe file name"),
        ("https://host.example/", "unsafe file name"),
        (f"https://host.example/files/{SDIST}#subdirectory=x", "only a directory or a repository"),
        (f"https://host.example/files/{WHEEL}#sha256=12", "isn't a hash"),
        (f"https://host.example/files/{WHEEL}#subdirektory=x", "isn't understood"),
        ("file:///absent/demo-1.0.tar.gz", "there is no file"),
        ("file:///absent/", "unsafe file name"),
        ("file://other.example/demo-1.0.tar.gz", "names no file, here or on a host"),
        ("ftp://host.example/demo-1.0.tar.gz", "'ftp' isn't taken"),
        ("hg+https://host.example/x", "isn't git's"),
        ("git+https://host.example/x@-x", "can't be the name"),
    ],
)
def test_what_isnt_taken_is_refused_with_its_line(store: Store, url: str, reason: str) -> None:
    with pytest.raises(RequirementError, match=r"^r\.txt:1: ") as caught:
        settle_one(store, url)
    assert reason in caught.value.message


def test_an_archive_of_a_repository_is_refused_with_what_to_write(store: Store) -> None:
    with pytest.raises(RequirementError) as caught:
        settle_one(store, "https://host.example/archive/refs/tags/v1.0.zip", name="demo")
    assert "git+https://" in (caught.value.hint or "")


@pytest.mark.parametrize("url", [f"https://host.example/files/{WHEEL}", "file:///%00/demo-1.0.tar.gz"])
def test_what_cant_be_had_is_told_with_its_line(store: Store, url: str) -> None:
    with pytest.raises((NotFound, Refused)) as caught:
        settle_one(store, url)
    assert caught.value.details[-1] == "asked for by r.txt:1"


def test_another_project_than_the_one_named_is_refused(store: Store, tmp_path: Path) -> None:
    tree = write_files(tmp_path / "t", project())
    write_files(tmp_path, {WHEEL: WHEEL_DATA})
    for url in ((tmp_path / WHEEL).as_uri(), tree.as_uri() + "/"):
        with pytest.raises(RequirementError, match="is demo, and asked for as other"):
            settle_one(store, url, name="other")


def test_the_same_holds_over_a_socket(store: Store) -> None:
    index = holding()
    index.fault("/files/", "cut", after=100)
    with index.serve() as origin, Transport(sleep=lambda _: None) as transport:
        references = [reference(f"{origin}/files/{WHEEL}")]
        settled = settle_references(references, transport=transport, store=store, progress=Silent())
    assert stored(store, settled[0]) == WHEEL_DATA


def test_credentials_of_a_url_go_to_its_host_and_nowhere_else(store: Store) -> None:
    index = holding()
    references = [reference(f"https://me:{CANARY}@host.example/files/{WHEEL}?sig=1#egg=demo")]
    locations = reference_locations([*references, reference("https://host.example/@scope/x"), reference("file:///a@b")])
    with Transport(locations=locations, backend=httpx.MockTransport(index.handler)) as transport:
        settled = settle_references(references, transport=transport, store=store, progress=Silent())
    assert index.requests[0].headers["authorization"].startswith("Basic ")
    assert index.requests[0].path.endswith("?sig=1")
    assert settled[0].file.url == f"https://host.example/files/{WHEEL}"
    assert CANARY not in repr((locations, settled[0].file, settled[0].requirement))


# Trees


def test_a_directory_becomes_an_sdist(store: Store, tmp_path: Path) -> None:
    files = project("demo", "1.0", 'dependencies = ["a>=1"]') | {"src/x.py": b"1", "__pycache__/x.pyc": b""}
    settled = settle_one(store, write_files(tmp_path / "t", files).as_uri() + "/")
    data = stored(store, settled)
    assert settled.file.filename == "demo-1.0.tar.gz"
    assert set(members(data)) == {"PKG-INFO", "pyproject.toml", "demo.py", "src/x.py"}
    sdist = parse_filename(settled.file.filename)
    assert isinstance(sdist, Sdist)
    metadata = static_sdist_metadata(*read_sdist_files(io.BytesIO(data), sdist), sdist)
    assert [str(requirement) for requirement in metadata.requires_dist] == ["a>=1"]


def test_the_same_tree_gives_the_same_bytes_wherever_and_whenever_it_is(store: Store, tmp_path: Path) -> None:
    files = project() | {"run.sh": b"x", "é/x.py": b"1"}
    repository = GitRepository(tmp_path / "r", files)
    (repository.root / "run.sh").chmod(0o755)
    repository.commit()
    directories = []
    before = os.umask(0o077)
    try:
        directories.append(Path(shutil.copytree(repository.root, tmp_path / "deep" / "copy")))
        git(tmp_path, "clone", "--quiet", str(repository.root), "clone")
        shutil.copytree(repository.root, tmp_path / "plain", ignore=shutil.ignore_patterns(".git"))
    finally:
        os.umask(before)
    directories += [tmp_path / "clone", tmp_path / "plain"]
    os.utime(tmp_path / "plain" / "demo.py", (0, 10**9))
    (tmp_path / "plain" / "run.sh").chmod(0o700)
    urls = [repository.url, *(f"{directory.as_uri()}/" for directory in directories)]
    digests = {settle_one(store, url).file.digest for url in urls}
    assert len(digests) == 1


@pytest.mark.parametrize("below", ["packages/a", "./packages/a/", "packages//a"])
def test_a_subdirectory_is_packed_alone(store: Store, tmp_path: Path, below: str) -> None:
    files = {f"packages/a/{name}": data for name, data in project("a").items()} | {"LICENSE": b"L", "other.py": b""}
    repository = GitRepository(tmp_path / "r", files)
    (repository.root / "packages/a/LICENSE").symlink_to("../../LICENSE")
    repository.commit()
    for url in (repository.url, repository.root.as_uri() + "/"):
        settled = settle_one(store, f"{url}#subdirectory={below}")
        assert members(stored(store, settled)).keys() == {"PKG-INFO", "pyproject.toml", "a.py", "LICENSE"}
        assert settled.file.url.endswith("#subdirectory=packages/a")


def test_a_repositorys_commit_is_recorded(store: Store, tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "r", project())
    settled = settle_one(store, f"{repository.url}@main#egg=demo", name="demo")
    assert settled.file.url == f"{repository.url}@{repository.head}"
    again = settle_one(store, settled.file.url)
    assert again.file == settled.file


def test_projects_of_one_repository_come_from_one_fetch(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{name}/{path}": data for name in "ab" for path, data in project(name).items()}
    repository = GitRepository(tmp_path / "r", files)
    log = tmp_path / "log"
    real = shutil.which("git")
    write_files(tmp_path / "bin", {"git": f'#!/bin/sh\necho "$@" >>{log}\nexec {real} "$@"\n'.encode()})
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    settled = settle(store, *(reference(f"{repository.url}@main#subdirectory={name}") for name in "ab"))
    assert [each.name for each in settled] == ["a", "b"]
    assert sum("fetch --depth=1" in line for line in log.read_text().splitlines()) == 1


def test_pointers_of_git_lfs_are_told(store: Store, tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"
    repository, progress = GitRepository(tmp_path / "r", project() | {"model.bin": pointer}), Recording()
    settle(store, reference(repository.url), progress=progress)
    assert [note for note in progress.notes if "1 of its files are pointers of Git LFS" in note]


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"README": b""}, "it has no pyproject.toml"),
        ({"setup.py": b"open('sprung', 'w')"}, "running a setup.py isn't allowed"),
        ({"pyproject.toml": b""}, "isn't static (no PKG-INFO, no [project] table)"),
        ({"PKG-INFO": b"Metadata-Version: 2.1\nName: demo\nVersion: 1\n"}, "PKG-INFO of version 2.1"),
        ({"pyproject.toml": b'[project]\nname = "demo"\ndynamic = ["version"]\n'}, "dynamic version"),
        ({"pyproject.toml": pyproject("demo", "1.0", 'dynamic = ["dependencies"]')}, "dynamic dependencies"),
        ({"pyproject.toml": b"[project"}, "can't be read"),
        ({"pyproject.toml": pyproject("../../x")}, "no valid name"),
    ],
)
def test_a_tree_that_only_a_build_could_describe_is_refused(
    store: Store, tmp_path: Path, files: dict[str, bytes], reason: str
) -> None:
    repository = GitRepository(tmp_path / "r", files)
    for url in (repository.url, repository.root.as_uri() + "/"):
        with pytest.raises(RequirementError, match=r"^r\.txt:1: ") as caught:
            settle_one(store, url)
        assert reason in caught.value.message
        assert caught.value.hint == "build a wheel of it first, and name that wheel"


def test_a_link_out_of_the_tree_never_brings_a_file_of_this_machine(store: Store, tmp_path: Path) -> None:
    write_files(tmp_path, {"secret": CANARY.encode()})
    for target in ("../secret", str(tmp_path / "secret")):
        repository = GitRepository(tmp_path / target.replace("/", "_"), project())
        (repository.root / "link").symlink_to(target)
        repository.commit()
        for url in (repository.url, repository.root.as_uri() + "/"):
            with pytest.raises(RequirementError, match="its link 'link' leads out of the tree"):
                settle_one(store, url)


def test_nothing_of_a_tree_is_run(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CANARY_VARIABLE, str(tmp_path / "sprung"))
    trap = f"import os; open(os.environ['{CANARY_VARIABLE}'], 'w')".encode()
    files = project() | {"setup.py": trap, "backend.py": trap, "sitecustomize.py": trap, "conftest.py": trap}
    files["pyproject.toml"] += b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    repository = GitRepository(tmp_path / "r", files)
    for url in (repository.url, repository.root.as_uri() + "/"):
        settle_one(store, url)
    assert not (tmp_path / "sprung").exists()


def test_a_password_of_a_repository_is_shown_nowhere(store: Store, tmp_path: Path) -> None:
    urls = [
        f"git+http://me:{CANARY}@127.0.0.1:1/x@main",
        f"git+https://{CANARY}@127.0.0.1:1/x",
        f"git+https://me:{CANARY}@127.0.0.1:1/x y",
        f"git+https://me:{CANARY}@127.0.0.1:port/x",
        f"git+ssh://me:{CANARY}@-x/x",
        f"https://me:{CANARY}@host.example/files/{WHEEL}",
        f"https://me:{CANARY}@host.example/files/nothing.exe",
        f"https:/me:{CANARY}@host.example/files/{WHEEL}",
        f"https://me:{CANARY}/@host.example/files/{WHEEL}",
        f"https://me:{CANARY}@[host.example/files/{WHEEL}",
    ]
    for url in urls:
        with pytest.raises(BundlerError) as caught:
            settle_one(store, url)
        error: BaseException | None = caught.value
        while error is not None:
            assert CANARY not in f"{error!r}{error}{getattr(error, 'hint', '')}{getattr(error, 'details', '')}"
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes()


# Several


def test_nothing_to_settle_is_no_problem(store: Store) -> None:
    assert settle(store) == ()


def test_one_file_may_be_asked_for_twice(store: Store, tmp_path: Path) -> None:
    write_files(tmp_path, {WHEEL: WHEEL_DATA})
    both = settle(
        store, reference((tmp_path / WHEEL).as_uri()), reference(f"https://h.example/files/{WHEEL}"), index=holding()
    )
    assert both[0].file.digest == both[1].file.digest


def test_two_files_for_one_project_are_refused_and_both_named(store: Store, tmp_path: Path) -> None:
    write_files(tmp_path, {WHEEL: WHEEL_DATA, SDIST: SDIST_DATA})
    one, other = ((tmp_path / name).as_uri() for name in (WHEEL, SDIST))
    with pytest.raises(RequirementError, match=r"^r\.txt:7: demo is asked for as two different files") as caught:
        settle(store, reference(one, 3), reference(other, 7))
    assert caught.value.details == (f"r.txt:3: {one}", f"r.txt:7: {other}")


def test_markers_may_part_two_files_of_one_project(store: Store, tmp_path: Path) -> None:
    linux, data = make_wheel("demo", "1.0", tag="py3-none-manylinux_2_28_x86_64")
    windows, other = make_wheel("demo", "1.0", tag="py3-none-win_amd64")
    write_files(tmp_path, {linux: data, windows: other})
    first = reference((tmp_path / linux).as_uri(), marker=Marker("os_name == 'posix'"))
    assert len(settle(store, first, reference((tmp_path / windows).as_uri(), marker=Marker("os_name == 'nt'")))) == 2
    for marker in (None, Marker("os_name == 'posix'")):
        with pytest.raises(RequirementError, match="two different files"):
            settle(store, first, reference((tmp_path / windows).as_uri(), marker=marker))


def test_two_contents_under_one_file_name_are_refused_whatever_the_markers(store: Store, tmp_path: Path) -> None:
    trees = [write_files(tmp_path / name, project() | {"x": name.encode()}).as_uri() + "/" for name in "ab"]
    with pytest.raises(RequirementError, match="two different files"):
        settle(
            store,
            reference(trees[0], marker=Marker("os_name == 'posix'")),
            reference(trees[1], marker=Marker("os_name == 'nt'")),
        )


@given(st.sampled_from(["http", "https", "file", "git+ftp", "x", ""]), st.text("/:@#%=&?.-[]aw0\\\0\n ", max_size=30))
def test_any_url_is_settled_or_refused(tmp_path_factory: pytest.TempPathFactory, scheme: str, rest: str) -> None:
    with (
        open_store(tmp_path_factory.getbasetemp() / "fuzz", default=Path()) as store,
        pytest.raises(BundlerError),
    ):
        settle_one(store, f"{scheme}:{rest}")


# Installed


INSTALLABLE = {
    "pyproject.toml": pyproject() + b'[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n',
    "backend.py": BACKEND,
    "demo.py": b"answer = 42\n",
}


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_pip_and_uv_install_what_a_repository_became(store: Store, tmp_path: Path, tool: str) -> None:
    repository = GitRepository(tmp_path / "r", INSTALLABLE)
    install_from(stored(store, settle_one(store, repository.url)), tmp_path, tool)


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_hatchling_builds_what_a_directory_became(store: Store, tmp_path: Path, tool: str) -> None:
    pytest.importorskip("hatchling")
    build = b'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    files = project() | {"pyproject.toml": pyproject() + build, "README.md": "é".encode(), ".gitignore": b"*.log\n"}
    tree = write_files(tmp_path / "tree", files)
    options = ["--no-build-isolation"]
    install_from(stored(store, settle_one(store, tree.as_uri() + "/")), tmp_path, tool, *options)


def install_from(data: bytes, tmp_path: Path, tool: str, *options: str) -> None:
    links = write_files(tmp_path / "links", {"demo-1.0.tar.gz": data})
    assert gzip.decompress(data)
    target = tmp_path / "target"
    program = PIP if tool == "pip" else (uv(), "pip")
    extra = () if tool == "pip" else ("--offline", "--no-cache", "--python", sys.executable)
    run((*program, "install", *extra, *options, "--no-index", "--find-links", links, "--target", target, "demo==1.0"))
    assert (target / "demo.py").read_bytes() == b"answer = 42\n"
    assert (target / "demo-1.0.dist-info" / "METADATA").exists()
