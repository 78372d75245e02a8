"""From an index on the loopback through a bundle into environments that have no network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.end_to_end.running import PIP, bundler, no_network, run, uv
from tests.support.fake_index import FakeIndex


@pytest.fixture(scope="module")
def wheelhouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory expanded from a bundle of `app[web]`, which needs two more projects."""
    directory = tmp_path_factory.mktemp("bundle")
    index = FakeIndex()
    index.add_wheel("app", "1.0", requires=["lib>=2", 'web-part; extra == "web"'], extras=["web"])
    index.add_wheel("lib", "2.1", requires_python=">=3.8")
    index.add_wheel("web.part", "0.5")
    with index.serve() as origin:
        bundler(
            "build", "app[web]", "-o", directory / "app.tar.zst", "--index-url", f"{origin}/simple/", "--no-cache", "-q"
        )
    bundler("expand", directory / "app.tar.zst", directory / "wheelhouse")
    return directory / "wheelhouse"


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """A fresh virtual environment without pip of its own."""
    run((sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"))
    return tmp_path / "env" / "bin" / "python"


def imported(python: Path) -> str:
    code = "import app, lib, web_part; print(app.version, lib.version, web_part.version)"
    return run((*no_network(), python, "-c", code)).strip()


def test_pip_installs_the_pinned_requirements(wheelhouse: Path, environment: Path) -> None:
    requirements = wheelhouse / "requirements.txt"
    options = ("--no-index", "--find-links", wheelhouse, "--require-hashes", "-r", requirements)
    run((*no_network(), *PIP, "--python", environment, "install", *options))
    assert imported(environment) == "1.0 2.1 0.5"


def test_pip_installs_the_lock(wheelhouse: Path, environment: Path) -> None:
    run((*no_network(), *PIP, "--python", environment, "install", "--no-index", "-r", wheelhouse / "pylock.toml"))
    assert imported(environment) == "1.0 2.1 0.5"


def test_uv_installs_the_pinned_requirements(wheelhouse: Path, environment: Path) -> None:
    options = ("--no-index", "--find-links", wheelhouse, "--require-hashes", "-r", wheelhouse / "requirements.txt")
    run((*no_network(), uv(), "pip", "install", "--no-cache", "--offline", "--python", environment, *options))
    assert imported(environment) == "1.0 2.1 0.5"


def test_uv_installs_the_lock(wheelhouse: Path, environment: Path) -> None:
    lock = wheelhouse / "pylock.toml"
    run((*no_network(), uv(), "pip", "install", "--no-cache", "--offline", "--python", environment, "-r", lock))
    assert imported(environment) == "1.0 2.1 0.5"


def test_the_program_inside_the_bundle_checks_the_directory(wheelhouse: Path) -> None:
    run((*no_network(), sys.executable, "-I", "-S", wheelhouse / "expand.py"))
