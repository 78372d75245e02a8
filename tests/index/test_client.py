from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from traceback import format_exception

import pytest
from packaging.requirements import Requirement

from bundler.distributions import CoreMetadata
from bundler.errors import IntegrityError, NotFound, Refused, Unavailable, UnusableFile, UsageError
from bundler.index.client import IndexClient
from bundler.index.locations import Credentials, IndexLocation
from bundler.index.places import PlacedIndex, Places
from bundler.simple.model import ACCEPT, ProjectFile, ProjectPage
from bundler.targets.model import Target
from tests.index.worlds import CANARY, LOCATION, OTHER, WHEEL, World, Worlds, indexes, populate
from tests.support.source_conformance import TARGET, SourceConformance, file_of
from tests.support.wheels import core_metadata, make_sdist, make_wheel

FEATURES: list[dict[str, object]] = [
    {"form": "json"},
    {"form": "html"},
    {"form": "html", "pep658": False, "etag": False, "max_age": None},
    {"form": "html", "pep658": False, "ranges": False},
]


@pytest.fixture(params=FEATURES, ids=str)
def made(request: pytest.FixtureRequest, world: Worlds) -> World:
    made = world(**request.param)
    populate(made.index)
    return made


class TestOneIndex(SourceConformance):
    @pytest.fixture
    def source(self, made: World) -> IndexClient:
        return made.run()


class TestFileIndex(SourceConformance):
    @pytest.fixture
    def source(self, made: World, tmp_path: Path) -> IndexClient:
        return made.run(made.index.save(tmp_path / "an index, 100%"))


class TestGivenFiles(SourceConformance):
    @pytest.fixture
    def source(self, made: World) -> IndexClient:
        client = made.run()
        pages = [client.page(name) for name in ("alpha", "beta", "delta", "epsilon")]
        return made.run(places=Places(), given={page.name: tuple(page.files()) for page in pages})


# Pages


def test_json_is_asked_for_first_and_each_page_once(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    client = made.run()
    assert client.page("x").filenames == (WHEEL,)
    client.page("x")
    assert made.index.count("GET /simple/x/") == 1
    assert made.index.requests[0].headers["accept"] == ACCEPT


def test_many_threads_make_one_request(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.index.fault("/simple/x/", "slow", rate=100_000)
    client, pages = made.run(), []
    threads = [threading.Thread(target=lambda: pages.append(client.page("x"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pages) == 16
    assert made.index.count("/simple/x/") == 1


def test_an_unknown_project_names_project_and_index(world: Worlds) -> None:
    with pytest.raises(NotFound) as caught:
        world().run(f"https://u:{CANARY}@index.example/simple/").page("x")
    assert caught.value.message == "https://index.example/simple/ has no project named 'x'"


def test_an_error_is_remembered_and_not_asked_for_again(world: Worlds) -> None:
    made = world()
    client = made.run()
    for _ in range(3):
        with pytest.raises(NotFound):
            client.page("x")
    assert len(made.index.requests) == 1


@pytest.mark.parametrize(("status", "error"), [(401, Refused), (403, Refused), (503, Unavailable)])
def test_an_index_that_refuses_or_fails_is_not_an_absent_project(
    world: Worlds, status: int, error: type[Exception]
) -> None:
    made = world()
    made.index.fault("/simple/", "status", times=None, status=status)
    with pytest.raises(error) as caught:
        made.run().page("x")
    assert type(caught.value) is error


def test_a_quarantined_project_is_refused_with_its_reason(world: Worlds) -> None:
    made = world()
    made.index.set_status("x", "quarantined", "malware")
    with pytest.raises(Refused, match="quarantined") as caught:
        made.run().page("x")
    assert "malware" in str(caught.value)


# Several indexes: dependency confusion


def test_the_first_index_that_knows_a_project_owns_it(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.other.add_wheel("x", "99.0")
    assert made.run(LOCATION, OTHER).page("x").filenames == (WHEEL,)
    assert made.other.requests == []


def test_an_index_that_knows_a_project_without_files_owns_it(world: Worlds) -> None:
    made = world()
    made.index.set_status("x", "active")
    made.other.add_wheel("x", "99.0")
    assert made.run(LOCATION, OTHER).page("x").filenames == ()


@pytest.mark.parametrize("status", [404, 410])
def test_only_an_index_that_doesnt_know_a_project_is_passed_over(world: Worlds, status: int) -> None:
    made = world()
    made.index.fault("/simple/x/", "status", status=status)
    made.other.add_wheel("x", "99.0")
    assert made.run(LOCATION, OTHER).page("x").filenames == ("x-99.0-py3-none-any.whl",)


@pytest.mark.parametrize(
    "kind", ["status 401", "status 403", "status 429", "status 500", "status 503", "stall", "captive"]
)
def test_an_index_that_fails_stops_the_run_and_never_falls_through(world: Worlds, kind: str) -> None:
    made = world()
    kind, _, status = kind.partition(" ")
    made.index.add_wheel("x", "1.0")
    made.index.fault("/simple/x/", kind, times=None, status=int(status or 0))  # type: ignore[arg-type]
    made.other.add_wheel("x", "99.0")
    with pytest.raises((Refused, Unavailable), match=r"index\.example"):
        made.run(LOCATION, OTHER).page("x")
    assert made.other.requests == []


def test_a_json_page_of_another_project_stops_the_run(world: Worlds) -> None:
    made = world()
    body = b'{"meta": {"api-version": "1.0"}, "name": "y", "files": []}'
    headers = {"content-type": "application/vnd.pypi.simple.v1+json"}
    made.index.fault("/simple/x/", "status", status=200, headers=headers, body=body)
    with pytest.raises(Refused, match="not of x"):
        made.run(LOCATION, OTHER).page("x")
    assert made.other.requests == []


def test_a_quarantine_isnt_passed_over(world: Worlds) -> None:
    made = world()
    made.index.set_status("x", "quarantined")
    made.other.add_wheel("x", "1.0")
    with pytest.raises(Refused, match="quarantined"):
        made.run(LOCATION, OTHER).page("x")


def test_a_pinned_project_is_asked_for_there_and_nowhere_else(world: Worlds, tmp_path: Path) -> None:
    made = world()
    made.index.add_wheel("x", "99.0")
    (tmp_path / "x-98.0-py3-none-any.whl").write_bytes(b"")
    places = Places(
        indexes=(
            PlacedIndex(location=IndexLocation.parse(LOCATION)),
            PlacedIndex(location=IndexLocation.parse(OTHER), projects=frozenset({"x"})),
        ),
        find_links=(IndexLocation.parse_links(tmp_path.as_uri()),),
    )
    with pytest.raises(NotFound, match=f"^{OTHER} has no project named 'x'"):
        made.run(places=places).page("x")
    made.other.add_wheel("x", "1.0")
    assert made.run(places=places).page("x").filenames == (WHEEL,)
    assert made.index.requests == []


def test_an_explicit_index_is_asked_only_for_its_projects(world: Worlds) -> None:
    made = world()
    made.other.add_wheel("y", "1.0")
    explicit = PlacedIndex(location=IndexLocation.parse(OTHER), projects=frozenset({"x"}), explicit=True)
    places = Places(indexes=(explicit, *indexes(LOCATION).indexes))
    with pytest.raises(NotFound, match=r"^https://index\.example/"):
        made.run(places=places).page("y")
    assert made.other.requests == []


def test_a_project_that_nobody_knows_names_all_that_were_asked(world: Worlds, tmp_path: Path) -> None:
    places = indexes(f"https://u:{CANARY}@index.example/simple/", OTHER, find_links=(tmp_path.as_uri(),))
    with pytest.raises(NotFound) as caught:
        world().run(places=places).page("x")
    asked = f"{LOCATION}, {OTHER} and {tmp_path.as_uri()}"
    assert caught.value.message == f"{asked} have no project named 'x'"
    assert caught.value.details == ("HTTP status 404",)


def test_without_any_place_a_project_is_unknown(world: Worlds) -> None:
    with pytest.raises(NotFound, match="'x'") as caught:
        world().run(places=Places()).page("x")
    assert caught.value.hint is not None


# Given files


def test_a_given_project_is_asked_for_nowhere(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.index.add_wheel("y", "1.0")
    files = tuple(made.run().page("x").files())
    made.index.requests.clear()
    client = made.run(given={"x": files, "y": ()})
    assert tuple(client.page("x").files()) == files
    assert client.page("x").url != client.page("y").url
    assert client.page("y").filenames == ()
    assert made.index.requests == []


# find-links and file: indexes


def links(tmp_path: Path, *files: tuple[str, bytes]) -> Path:
    """A directory of these files, with a name that has to be encoded."""
    directory = tmp_path / "wheels of 100%25 #1?"
    directory.mkdir(exist_ok=True)
    for name, data in files:
        (directory / name).write_bytes(data)
    return directory


def test_find_links_adds_to_what_the_owner_has(world: Worlds, tmp_path: Path) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    directory = links(tmp_path, make_wheel("x", "2.0"), make_sdist("z", "1.0", requires=["y"]))
    client = made.run(places=indexes(LOCATION, find_links=(directory.as_uri(),)))
    assert client.page("x").filenames == (WHEEL, "x-2.0-py3-none-any.whl")
    assert client.metadata(file_of(client, "x", "x-2.0-py3-none-any.whl")).name == "x"
    assert client.page("z").filenames == ("z-1.0.tar.gz",)
    assert len(client.metadata(file_of(client, "z", "z-1.0.tar.gz")).requires_dist) == 1
    assert len({client.page(name).url for name in ("x", "z")}) == 2


def test_a_local_wheels_metadata_is_read_where_it_lies(world: Worlds, tmp_path: Path) -> None:
    made = world()
    directory = links(tmp_path, make_wheel("x", "1.0", files={"x/data": os.urandom(300_000)}))
    client = made.run(places=indexes(find_links=(directory.as_uri(),)))
    assert client.metadata(file_of(client, "x", WHEEL)).name == "x"
    blobs, pages, *_ = made.store.info()
    assert (blobs.files, pages.files) == (0, 0)


@pytest.mark.parametrize("hashes", [None, {}])
def test_the_same_file_in_both_is_the_local_one(world: Worlds, tmp_path: Path, hashes: dict[str, str] | None) -> None:
    made = world()
    made.index.add_wheel("x", "1.0", hashes=hashes)
    directory = links(tmp_path, make_wheel("x", "1.0"))
    client = made.run(places=indexes(LOCATION, find_links=(directory.as_uri(),)))
    (file,) = client.page("x").files()
    assert file.url == (directory / WHEEL).as_uri()
    assert file.digest is not None


def test_two_files_of_one_name_are_refused_with_both_places(world: Worlds, tmp_path: Path) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    directory = links(tmp_path, make_wheel("x", "1.0", requires=["evil"]))
    client = made.run(places=indexes(LOCATION, find_links=(directory.as_uri(),)))
    with pytest.raises(IntegrityError, match="one file at") as caught:
        client.page("x").read(0)
    assert directory.as_uri() in str(caught.value)
    assert f"{LOCATION}x/" in str(caught.value)


def test_an_index_that_fails_stops_the_run_in_spite_of_find_links(world: Worlds, tmp_path: Path) -> None:
    made = world()
    made.index.fault("/simple/x/", "status", status=403)
    directory = links(tmp_path, make_wheel("x", "1.0"))
    with pytest.raises(Refused):
        made.run(places=indexes(LOCATION, find_links=(directory.as_uri(),))).page("x")


def test_a_page_of_links_is_a_place_too(world: Worlds, tmp_path: Path) -> None:
    made = world()
    url = "https://other.example/links.html"
    body = f'<a href="files/{WHEEL}#sha256={"0" * 64}">x</a><a href="files/y-1.0.tar.gz">y</a>'.encode()
    made.other.fault("/links.html", "status", status=200, headers={"content-type": "text/html"}, body=body)
    client = made.run(places=indexes(find_links=(url,)))
    assert [file.url for file in client.page("x").files()] == [f"https://other.example/files/{WHEEL}"]
    assert client.page("y").filenames == ("y-1.0.tar.gz",)
    assert made.other.count("links.html") == 1


def test_a_local_page_of_links_may_leave_out_hashes(world: Worlds, tmp_path: Path) -> None:
    directory = links(tmp_path, make_wheel("x", "1.0"), ("links.html", f'<a href="{WHEEL}">x</a>'.encode()))
    client = world().run(places=indexes(find_links=((directory / "links.html").as_uri(),)))
    assert client.metadata(file_of(client, "x", WHEEL)).name == "x"


def test_a_page_on_the_web_cant_name_local_files(world: Worlds, tmp_path: Path) -> None:
    made = world()
    made.index.add(*make_wheel("x", "1.0"), url=(links(tmp_path, make_wheel("x", "1.0")) / WHEEL).as_uri())
    with pytest.raises(UnusableFile, match="isn't one that a page may hold"):
        made.run().page("x").read(0)


def test_a_place_of_links_that_isnt_there_is_no_absent_project(world: Worlds, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="named as find-links"):
        world().run(places=indexes(LOCATION, find_links=((tmp_path / "absent").as_uri(),))).page("x")
    with pytest.raises(Refused, match="named as find-links") as caught:
        world().run(places=indexes(find_links=("https://other.example/links.html",))).page("x")
    assert not isinstance(caught.value, NotFound)


def test_a_file_index_that_isnt_there_stops_the_run(world: Worlds, tmp_path: Path) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    with pytest.raises(UsageError, match="is no directory"):
        made.run((tmp_path / "absent").as_uri(), LOCATION).page("x")
    assert made.index.requests == []


@pytest.mark.skipif(os.name == "nt" or not hasattr(os, "geteuid") or os.geteuid() == 0, reason="needs permissions")
def test_a_file_index_that_is_closed_to_us_stops_the_run(world: Worlds, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o400)
    with pytest.raises(Refused):
        world().run(closed.as_uri(), LOCATION).page("x")


def test_nothing_of_a_file_index_is_kept_as_a_page(world: Worlds, tmp_path: Path) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    url = made.index.save(tmp_path / "saved")
    for _ in range(2):
        client = made.run(url)
        client.metadata(file_of(client, "x", WHEEL))
    blobs, pages, metadata, *_ = made.store.info()
    assert (blobs.files, pages.files, metadata.files) == (0, 0, 1)


# Metadata


def test_the_metadata_file_is_taken_where_the_index_has_one(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    client = made.run()
    file = file_of(client, "x", WHEEL)
    assert client.metadata_digest_used(file) is None
    client.metadata(file)
    assert made.index.count(r"\.metadata$") == 1
    assert made.index.count(r"\.whl$") == 0
    assert client.metadata_digest_used(file) == file.metadata_digest


def test_a_metadata_file_with_the_wrong_hash_makes_the_wheel_unusable(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.index.fault(r"\.metadata$", "flip", times=None)
    client = made.run()
    with pytest.raises(UnusableFile, match=rf"^{WHEEL}: its metadata file has the wrong hash"):
        client.metadata(file_of(client, "x", WHEEL))
    assert made.store.info()[2].files == 0


def test_a_metadata_file_that_is_missing_after_all_is_read_from_the_wheel(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    made.index.fault(r"\.metadata$", "status", status=404)
    client = made.run()
    file = file_of(client, "x", WHEEL)
    assert client.metadata(file).name == "x"
    assert client.metadata_digest_used(file) == file.metadata_digest


def test_without_a_metadata_file_the_wheels_end_is_read(world: Worlds) -> None:
    made = world(pep658=False)
    made.index.add("x-1.0-py3-none-any.whl", make_wheel("x", "1.0", files={"x/data": bytes(10_000)})[1], size=False)
    client = made.run()
    file = file_of(client, "x", WHEEL)
    assert client.metadata(file).name == "x"
    assert made.index.requests[-1].headers["range"].startswith("bytes=-")
    assert client.sizes[WHEEL] > 0
    assert made.store.info()[0].files == 0


def test_without_ranges_the_whole_wheel_is_fetched_and_kept(world: Worlds) -> None:
    made = world(pep658=False, ranges=False)
    made.index.add_wheel("x", "1.0")
    client = made.run()
    assert client.metadata(file_of(client, "x", WHEEL)).name == "x"
    assert made.store.info()[0].files == 1


def test_metadata_is_kept_between_runs_by_the_wheels_digest(world: Worlds) -> None:
    for options in FEATURES:
        made = world(**options)
        made.index.add_wheel("x", "1.0")
        for _ in range(2):
            client = made.run()
            client.metadata(file_of(client, "x", WHEEL))
        assert made.index.count("/files/") <= 2
    assert made.store.info()[2].files == 1


def test_stored_metadata_that_isnt_what_the_index_states_is_not_used(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0", requires=["y"])
    client = made.run()
    file = file_of(client, "x", WHEEL)
    assert file.digest is not None
    made.store.responses.store_metadata(file.digest, core_metadata("x", "1.0"))
    assert len(client.metadata(file).requires_dist) == 1


def test_distrusted_metadata_is_forgotten(world: Worlds) -> None:
    made = world()
    made.index.add_wheel("x", "1.0")
    client = made.run()
    file = file_of(client, "x", WHEEL)
    client.metadata(file)
    client.distrust(file)
    assert made.store.info()[2].files == 0


@pytest.mark.parametrize("hashes", [{}, {"md5": "0" * 32}])
def test_a_file_without_sha256_is_unusable(world: Worlds, hashes: dict[str, str]) -> None:
    made = world()
    made.index.add_wheel("x", "1.0", hashes=hashes)
    client = made.run()
    with pytest.raises(UnusableFile, match=rf"^{WHEEL}: the index states no sha256"):
        client.metadata(file_of(client, "x", WHEEL))


def test_a_file_that_the_index_lost_is_unusable(world: Worlds) -> None:
    made = world(pep658=False)
    made.index.add_wheel("x", "1.0")
    made.index.fault("/files/", "status", times=None, status=404)
    client = made.run()
    with pytest.raises(UnusableFile, match=rf"^{WHEEL}: .*doesn't have it"):
        client.metadata(file_of(client, "x", WHEEL))


@pytest.mark.parametrize(("status", "error"), [(403, Refused), (503, Unavailable)])
def test_a_file_that_is_refused_stops_the_search(world: Worlds, status: int, error: type[Exception]) -> None:
    made = world(pep658=False)
    made.index.add_wheel("x", "1.0")
    made.index.fault("/files/", "status", times=None, status=status)
    client = made.run()
    with pytest.raises(error) as caught:
        client.metadata(file_of(client, "x", WHEEL))
    assert not isinstance(caught.value, UnusableFile)


def test_an_archive_that_is_no_wheel_is_unusable(world: Worlds) -> None:
    made = world(pep658=False)
    made.index.add(WHEEL, b"not a zip" * 100)
    client = made.run()
    with pytest.raises(UnusableFile, match=rf"^{WHEEL}"):
        client.metadata(file_of(client, "x", WHEEL))


def test_an_sdist_is_fetched_checked_and_kept(world: Worlds) -> None:
    made = world()
    made.index.add_sdist("x", "1.0", requires=["y"])
    for _ in range(2):
        client = made.run()
        metadata = client.metadata(file_of(client, "x", "x-1.0.tar.gz"))
        assert [str(requirement) for requirement in metadata.requires_dist] == ["y"]
    assert made.index.count("/files/") == 1


def test_an_sdist_with_the_wrong_hash_is_an_integrity_error(world: Worlds) -> None:
    made = world()
    made.index.add_sdist("x", "1.0", hashes={"sha256": hashlib.sha256(b"other").hexdigest()})
    client = made.run()
    with pytest.raises(IntegrityError, match=r"x-1\.0\.tar\.gz"):
        client.metadata(file_of(client, "x", "x-1.0.tar.gz"))


def test_an_sdist_whose_metadata_isnt_static_is_unusable(world: Worlds) -> None:
    made = world()
    made.index.add_sdist("x", "1.0", static=False)
    client = made.run()
    with pytest.raises(UnusableFile, match=r"^x-1\.0\.tar\.gz"):
        client.metadata(file_of(client, "x", "x-1.0.tar.gz"))


# Secrets, and running ahead


def keyring(directory: Path, script: str) -> dict[str, str]:
    """An environment whose PATH has a keyring of this shell script."""
    directory.mkdir(exist_ok=True)
    program = directory / "keyring"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{directory}{os.pathsep}/usr/bin{os.pathsep}/bin"}


def planted(source: str, tmp_path: Path) -> tuple[str, dict[str, str]]:
    """The index's URL and the environment, with the canary in one of the places where passwords are."""
    if source == "URL":
        return f"https://user:{CANARY}@index.example/simple/", {}
    if source == "netrc":
        (tmp_path / ".netrc").write_text(f"machine index.example login user password {CANARY}\n")
        return LOCATION, {"HOME": str(tmp_path)}
    return "https://user@index.example/simple/", keyring(tmp_path / "bin", f"echo {CANARY}")


SOURCES = ["URL", "netrc", pytest.param("keyring", marks=pytest.mark.skipif(os.name == "nt", reason="a shell script"))]


@pytest.mark.parametrize("source", SOURCES)
def test_a_password_opens_the_index_and_is_not_in_the_cache(
    world: Worlds, tmp_path: Path, source: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    caplog.set_level(0)
    made = world(pep658=False)
    made.index.add_wheel("x", "1.0")
    made.index.add_sdist("x", "0.9")
    made.key = Credentials("user", CANARY).header()
    url, environment = planted(source, tmp_path)
    places = indexes(url, OTHER)
    client = made.run(places=places, environment=environment)
    for file in client.page("x").files():
        client.metadata(file)
    with pytest.raises(NotFound) as missing:
        client.page("y")
    made.index.fault("/simple/z/", "status", times=None, status=403)
    with pytest.raises(Refused) as refused:
        client.page("z")
    told = "".join(format_exception(missing.value)) + "".join(format_exception(refused.value))
    told += f"{refused.value!r} {refused.value.hint} {places!r} {client!r} {vars(client)!r} {vars(client._transport)!r}"
    secrets = (CANARY, made.key.removeprefix("Basic "))
    assert not [secret for secret in secrets if secret in told + caplog.text]
    assert all("authorization" not in request.headers for request in made.other.requests)
    kept = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(kept) >= 4
    data = b"".join(path.read_bytes() + str(path).encode() for path in kept)
    assert not [secret for secret in secrets if secret.encode() in data]


def test_a_hint_fills_the_memory_and_changes_no_answer(world: Worlds) -> None:
    class First:
        def likely_file(
            self, page: ProjectPage, requirements: Sequence[Requirement], target: Target
        ) -> ProjectFile | None:
            chosen.set()
            return page.read(0)

        def needed(self, metadata: CoreMetadata, extras: Sequence[str], target: Target) -> Iterable[Requirement]:
            return metadata.requires_dist

    chosen = threading.Event()
    made = world()
    made.index.add_wheel("x", "1.0")
    with made.run(guide=First()) as client:
        client.anticipate([Requirement("x")], TARGET)
        client.anticipate_files([client.page("x").read(0)])
        assert chosen.wait(5)
        assert client.metadata(client.page("x").read(0)).name == "x"
    assert made.index.count("/simple/x/") == 1
    assert made.index.count("/files/") == 1
