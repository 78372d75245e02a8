"""From an index on the loopback through a bundle into environments that have no network."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.running import PIP, bundler, no_network, run, uv
from tests.support.fake_index import FakeIndex

LIB = {"lib/__init__.py": b"version = '2.1'\n", "lib/data": b"".join(b"%d\n" % number for number in range(30_000))}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two bundles of `app[web]`, which needs two more projects: one compact, one of whole files."""
    directory = tmp_path_factory.mktemp("bundle")
    index = FakeIndex()
    index.add_wheel("app", "1.0", requires=["lib>=2", 'web-part; extra == "web"'], extras=["web"])
    index.add_wheel("lib", "2.1", requires_python=">=3.8", files=LIB)
    index.add_wheel("web.part", "0.5")
    with index.serve() as origin:
        for name, options in (("compact.tar.zst", ()), ("whole.tar.zst", ("--no-recompress",))):
            asked = ("app[web]", "--index-url", f"{origin}/simple/", "--no-cache", "-q")
            bundler("build", *asked, *options, "-o", directory / name)
    return directory


@pytest.fixture(scope="module")
def wheelhouse(bundles: Path) -> Path:
    """What the compact bundle expands to."""
    bundler("expand", bundles / "compact.tar.zst", bundles / "wheelhouse")
    return bundles / "wheelhouse"


@pytest.fixture
def unpacked(tmp_path: Path) -> Callable[[Path], Path]:
    """Unpacks a bundle by stock tar and zstd alone."""

    def unpack(bundle: Path) -> Path:
        if shutil.which("tar") is None or shutil.which("zstd") is None:
            pytest.skip("tar and zstd aren't installed here")
        (tmp_path / "unpacked").mkdir()
        run(("tar", "--zstd", "-xf", bundle, "-C", tmp_path / "unpacked"))
        return tmp_path / "unpacked"

    return unpack


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


def test_an_unpacked_tar_is_put_together_by_the_program_in_it_and_installed(
    bundles: Path, wheelhouse: Path, unpacked: Callable[[Path], Path], environment: Path, tmp_path: Path
) -> None:
    directory = unpacked(bundles / "compact.tar.zst")
    assert list(directory.glob("*.whl")) == []
    made = tmp_path / "made"
    run((*no_network(), sys.executable, "-I", "-S", directory / "expand.py", directory, made))
    assert {path.name: path.read_bytes() for path in made.iterdir()} == {
        path.name: path.read_bytes() for path in wheelhouse.iterdir()
    }
    options = ("--no-index", "--find-links", made, "--require-hashes", "-r", made / "requirements.txt")
    run((*no_network(), *PIP, "--python", environment, "install", *options))
    assert imported(environment) == "1.0 2.1 0.5"


def test_an_unpacked_tar_of_whole_files_is_a_find_links_directory(
    bundles: Path, unpacked: Callable[[Path], Path], environment: Path
) -> None:
    directory = unpacked(bundles / "whole.tar.zst")
    run((*no_network(), sys.executable, "-I", "-S", directory / "expand.py"))
    options = ("--no-index", "--find-links", directory, "--require-hashes", "-r", directory / "requirements.txt")
    run((*no_network(), *PIP, "--python", environment, "install", *options))
    assert imported(environment) == "1.0 2.1 0.5"


def test_single_projects_are_taken_out_and_installed(bundles: Path, environment: Path, tmp_path: Path) -> None:
    bundler("expand", bundles / "compact.tar.zst", tmp_path / "some", "--only", "Web.Part")
    options = ("--no-index", "--find-links", tmp_path / "some", "web-part")
    run((*no_network(), *PIP, "--python", environment, "install", *options))
    assert [path.name for path in (tmp_path / "some").iterdir()] == ["web_part-0.5-py3-none-any.whl"]
