"""What every test gets: an environment of its own, loopback only, and the real index only where it is asked for."""

from __future__ import annotations

import os
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from bundler.cli.options import DEFAULT_INDEX_URL
from tests.support.fake_index import FakeIndex

settings.register_profile("bundler", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("bundler")

#: Variables by which a developer's machine would reach into a test.
_FOREIGN = ("BUNDLER_", "PIP_", "UV_")
_HOMES = ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA")
_LOOPBACK = "127.0.0.1,localhost,::1"


# Whoever starts the tests in the background of a script has SIGINT ignored, and every process that a test starts too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow") and not config.getoption("--slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))
        if item.get_closest_marker("real_index"):
            item.add_marker(pytest.mark.enable_socket)
            item.add_marker(pytest.mark.flaky(reruns=2, reruns_delay=3))
            item.add_marker(pytest.mark.usefixtures("real_index"))


@pytest.fixture(scope="session", autouse=True)
def isolated_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of bundler, pip or uv on this machine reaches a test or a fixture of any scope."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_FOREIGN) and name != "PIP_CERT"]:
            patch.delenv(name)
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        patch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        patch.setenv("UV_NO_CONFIG", "1")
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, ",".join(filter(None, (os.environ.get(name), _LOOPBACK))))
        _live_in(tmp_path_factory.mktemp("home"), patch)
        yield


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of the test's own, with the default cache in it."""
    home = tmp_path_factory.mktemp("home")
    _live_in(home, monkeypatch)
    return home


def _live_in(home: Path, patch: pytest.MonkeyPatch) -> None:
    for name in _HOMES:
        patch.setenv(name, str(home))
    for name in ("CACHE", "CONFIG", "DATA", "STATE"):
        patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))


@pytest.fixture
def index() -> FakeIndex:
    """An empty made-up index with every modern feature."""
    return FakeIndex()


@pytest.fixture(scope="session")
def real_index_problem() -> str | None:
    """Why the real index can't be reached, or None."""
    request = urllib.request.Request(DEFAULT_INDEX_URL + "pip/", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=15):
            return None
    except urllib.error.HTTPError as exc:
        with exc:
            return None if exc.code < 500 else f"it answers {exc.code}"
    except OSError as exc:
        return str(exc)


@pytest.fixture
def real_index(real_index_problem: str | None) -> str:
    """The real index's URL; the test is skipped where it can't be reached. For tests marked real_index."""
    if real_index_problem is not None:
        pytest.skip(f"the real index can't be reached: {real_index_problem}")
    return DEFAULT_INDEX_URL
