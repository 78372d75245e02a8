"""What every test gets: an environment of its own, loopback only, and the real index only where it is asked for."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from hypothesis import settings

from bundler.cli.options import DEFAULT_INDEX_URL
from tests.support.fake_index import FakeIndex

settings.register_profile("bundler", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("bundler")

#: Variables by which a developer's machine would reach into a test.
_FOREIGN = ("BUNDLER_", "PIP_", "UV_")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


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


@pytest.fixture(autouse=True)
def isolated_environment(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home of the test's own, so that neither the real cache nor anybody's configuration is touched. Gives it."""
    home = tmp_path_factory.mktemp("home")
    proxies = () if request.node.get_closest_marker("real_index") else _PROXIES
    for name in list(os.environ):
        if (name.startswith(_FOREIGN) and name != "PIP_CERT") or name.lower() in proxies:
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(name, str(home))
    for name in ("CACHE", "CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    return home


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
