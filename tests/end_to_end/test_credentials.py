"""A planted password must not be found in anything that bundler prints, stores or writes."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cli.running import Outcome, run
from tests.support.fake_index import FakeIndex

USER, CANARY = "carrier", "c@nary/sparrow 77"
HEADER = "Basic " + base64.b64encode(f"{USER}:{CANARY}".encode()).decode()
TRACES = tuple(text.encode() for text in (CANARY, quote(CANARY, safe=""), HEADER.removeprefix("Basic "), "sparrow"))
TARGET = ("--python", "3.12", "--platform", "linux-x86_64", "-vv")


@pytest.fixture
def origin(index: FakeIndex) -> Iterator[str]:
    """An index that wants the password for pages and for files."""
    index.authorization = HEADER
    index.add_wheel("app", "1.0", requires=["lib"])
    index.add_wheel("lib", "1.0")
    index.add_wheel("torn", "1.0", requires=["lib>=2"])
    with index.serve() as origin:
        yield origin


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; everything that stands below it at the end is searched."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("BUNDLER_CACHE_DIR", str(place / "cache"))
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    return place


def with_password(origin: str, password: str = CANARY) -> str:
    return origin.replace("://", f"://{USER}:{quote(password, safe='')}@")


def clean(outcome: Outcome) -> Outcome:
    """The outcome, after a look at what was printed."""
    for trace in TRACES:
        assert trace not in outcome.out.encode() + outcome.err.encode()
    return outcome


def assert_nothing_kept(place: Path, *, but: tuple[str, ...] = ()) -> None:
    searched = 0
    for path in place.rglob("*"):
        if path.is_file() and path.name not in but:
            searched += 1
            data = path.read_bytes()
            assert [trace for trace in TRACES if trace in data] == [], path
    assert searched > 0


def everything(capsys: pytest.CaptureFixture[str], *options: str) -> None:
    """Lock, build from the lock, look at the bundle, expand it, and fail in several ways."""
    assert clean(run(capsys, "lock", "app", *TARGET, *options)).code == 0
    assert clean(run(capsys, "build", "app", *TARGET, "-o", "app.tar.zst", *options)).code == 0
    assert clean(run(capsys, "build", "-r", "pylock.toml", *TARGET, "-o", "locked.tar.zst", *options)).code == 0
    assert clean(run(capsys, "inspect", "app.tar.zst", "-v")).code == 0
    assert clean(run(capsys, "inspect", "app.tar.zst", "--json")).code == 0
    assert clean(run(capsys, "expand", "app.tar.zst", "wheelhouse")).code == 0
    assert clean(run(capsys, "lock", "unheard-of", *TARGET, *options)).code == 4
    assert clean(run(capsys, "lock", "torn", *TARGET, *options)).code == 3


def test_a_password_in_the_url_of_the_command_line(capsys: pytest.CaptureFixture[str], origin: str, here: Path) -> None:
    everything(capsys, "--index-url", f"{with_password(origin)}/simple/")
    assert_nothing_kept(here)


def test_a_password_in_a_variable(
    capsys: pytest.CaptureFixture[str], origin: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUNDLER_EXTRA_INDEX_URL", f"{with_password(origin)}/simple/")
    everything(capsys, "--index-url", f"{with_password(origin)}/simple/")
    assert_nothing_kept(here)


def test_a_password_in_a_variable_of_a_requirements_file(
    capsys: pytest.CaptureFixture[str], origin: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", quote(CANARY, safe=""))
    url = origin.replace("://", f"://{USER}:${{SECRET}}@")
    (here / "places.txt").write_text(f"--index-url {url}/simple/\n")
    everything(capsys, "-r", "places.txt")
    (here / "broken.txt").write_text(f"app @ {url}/files/app-1.0-py3-none-any.whl#nonsense\n")
    assert clean(run(capsys, "lock", "-r", "broken.txt", *TARGET)).code == 2
    assert_nothing_kept(here)


def test_a_password_in_the_projects_settings(capsys: pytest.CaptureFixture[str], origin: str, here: Path) -> None:
    (here / "pyproject.toml").write_text(
        f'[tool.bundler]\nindex-url = "{with_password(origin)}/simple/"\n'
        f'[[tool.bundler.index]]\nname = "own"\nurl = "{with_password(origin)}/simple/"\nprojects = ["lib"]\n'
    )
    everything(capsys)
    assert_nothing_kept(here, but=("pyproject.toml",))


def test_a_password_in_netrc(capsys: pytest.CaptureFixture[str], origin: str, here: Path, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text(f'machine 127.0.0.1 login {USER} password "{CANARY}"\n')
    everything(capsys, "--index-url", f"{origin}/simple/")
    assert_nothing_kept(here)


def test_a_password_in_a_reference_to_a_file(capsys: pytest.CaptureFixture[str], origin: str, here: Path) -> None:
    url = f"{with_password(origin)}/files/app-1.0-py3-none-any.whl"
    everything(capsys, f"app @ {url}", "--index-url", f"{with_password(origin)}/simple/")
    (here / "requirements.txt").write_text(f"app @ {url}\n")
    assert clean(run(capsys, "lock", "-r", "requirements.txt", "--no-deps", *TARGET)).code == 0
    assert_nothing_kept(here, but=("requirements.txt",))


def test_a_wrong_password_is_refused_without_telling_it(
    capsys: pytest.CaptureFixture[str], origin: str, here: Path
) -> None:
    url = f"{with_password(origin, CANARY + 'x')}/simple/"
    outcome = clean(run(capsys, "lock", "app", *TARGET, "--index-url", url))
    assert outcome.code == 4
    assert "password" in outcome.err
