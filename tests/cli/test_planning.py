from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from tests.cli.running import Outcome, run
from tests.support.fake_index import FakeIndex

TARGET = ("--python", "3.12", "--platform", "linux-x86_64", "--no-cache")


@pytest.fixture(autouse=True)
def _setting(origin: str, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setenv("BUNDLER_INDEX_URL", f"{origin}/simple/")
    monkeypatch.chdir(place)


def locked(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, str]:
    """The pins of what the options ask for."""
    outcome = attempt(capsys, *arguments)
    assert outcome.code == 0, outcome.err
    return {package["name"]: package["version"] for package in tomllib.loads(outcome.out)["packages"]}


def attempt(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Outcome:
    return run(capsys, "lock", "-o", "-", *TARGET, *arguments)


def test_a_project_alone_says_what_to_lock(capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex) -> None:
    index.add_wheel("tool", "1.0")
    (place / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "1"\ndependencies = ["lib"]\n'
        '[project.optional-dependencies]\nmore = ["app"]\n[dependency-groups]\nci = ["tool"]\n'
    )
    assert locked(capsys) == {"lib": "1.0"}
    assert locked(capsys, "--extra", "more") == {"app": "1.0", "lib": "1.0"}
    assert locked(capsys, "--all-extras", "--group", "ci") == {"app": "1.0", "lib": "1.0", "tool": "1.0"}
    assert locked(capsys, "tool") == {"tool": "1.0"}


def test_a_script_says_what_it_needs(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "run.py").write_text('# /// script\n# dependencies = ["app"]\n# ///\nimport app\n')
    assert locked(capsys, "run.py") == {"app": "1.0", "lib": "1.0"}


def test_a_script_says_how_new_its_packages_may_be(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex
) -> None:
    index.add_wheel("app", "2.0", upload_time="2026-02-01T00:00:00Z")
    index.add_wheel("app", "1.5", upload_time="2026-01-01T00:00:00Z")
    script = '# /// script\n# dependencies = ["app"]\n# [tool.uv]\n# exclude-newer = "2026-01-15"\n# ///\n'
    (place / "run.py").write_text(script)
    assert locked(capsys, "run.py") == {"app": "1.5"}
    assert locked(capsys, "run.py", "--exclude-newer", "2026-03-01") == {"app": "2.0"}


def test_settings_are_defaults_that_variables_and_the_command_line_outdo(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add_wheel("lib", "2.0")
    (place / "pyproject.toml").write_text('[tool.bundler]\nresolution = "lowest"\n')
    assert locked(capsys, "lib") == {"lib": "1.0"}
    monkeypatch.setenv("BUNDLER_RESOLUTION", "highest")
    assert locked(capsys, "lib") == {"lib": "2.0"}
    assert locked(capsys, "lib", "--resolution", "lowest") == {"lib": "1.0"}


def test_an_unknown_setting_is_refused_by_name(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "pyproject.toml").write_text("[tool.bundler]\nresolutoin = 'lowest'\n")
    outcome = attempt(capsys, "lib")
    assert outcome.code == 2
    assert "'resolutoin'" in outcome.err
    assert "did you mean resolution?" in outcome.err


def test_groups_of_the_settings_are_the_projects_and_not_those_of_other_inputs(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex
) -> None:
    index.add_wheel("tool", "1.0")
    (place / "pyproject.toml").write_text(
        '[project]\nname = "mine"\ndependencies = ["lib"]\n[project.optional-dependencies]\nmore = ["app"]\n'
        '[dependency-groups]\nci = ["tool"]\n[tool.bundler]\ngroup = ["ci"]\nall-extras = true\n'
    )
    everything = {"app": "1.0", "lib": "1.0", "tool": "1.0"}
    assert locked(capsys) == everything
    assert locked(capsys, "lib") == {"lib": "1.0"}
    assert run(capsys, "lock", *TARGET).code == 0
    assert locked(capsys, "-r", "pylock.toml") == everything
    assert attempt(capsys, "lib", "--group", "ci").code == 2


def test_a_setting_is_checked_like_an_option(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    (place / "pyproject.toml").write_text('[tool.bundler]\nresolution = "newest"\n')
    outcome = attempt(capsys, "lib")
    assert outcome.code == 2
    assert "newest" in outcome.err


def test_choices_reach_the_resolver(capsys: pytest.CaptureFixture[str], index: FakeIndex, place: Path) -> None:
    index.add_wheel("lib", "2.0rc1", upload_time="2026-02-01T00:00:00Z")
    index.add_sdist("lib", "1.5", upload_time="2026-01-01T00:00:00Z")
    assert locked(capsys, "lib") == {"lib": "1.5"}
    assert locked(capsys, "lib", "--pre") == {"lib": "2.0rc1"}
    assert locked(capsys, "lib", "--pre-package", "LIB") == {"lib": "2.0rc1"}
    assert locked(capsys, "lib", "--only-binary", ":all:") == {"lib": "1.0"}
    assert locked(capsys, "lib", "--prefer-binary") == {"lib": "1.0"}
    assert locked(capsys, "lib", "--pre", "--no-binary", "lib") == {"lib": "1.5"}
    assert locked(capsys, "lib", "--pre", "--exclude-newer", "2026-01-15") == {"lib": "1.5"}
    assert locked(capsys, "app", "--exclude", "lib") == {"app": "1.0"}
    assert locked(capsys, "app", "--no-deps") == {"app": "1.0"}
    (place / "override.txt").write_text("lib==2.0rc1\n")
    assert locked(capsys, "app", "--override", "override.txt") == {"app": "1.0", "lib": "2.0rc1"}


def test_requiring_hashes_needs_one_for_everything(
    capsys: pytest.CaptureFixture[str], index: FakeIndex, place: Path
) -> None:
    outcome = attempt(capsys, "lib", "--require-hashes")
    assert outcome.code in (2, 3)
    assert "lib" in outcome.err
    assert "hash" in outcome.err


def test_a_further_index_is_asked_only_for_what_the_first_does_not_know(
    capsys: pytest.CaptureFixture[str], index: FakeIndex
) -> None:
    other = FakeIndex()
    other.add_wheel("lib", "9.0")
    other.add_wheel("own", "1.0")
    with other.serve() as address:
        assert locked(capsys, "lib", "own", "--extra-index-url", f"{address}/simple/") == {"lib": "1.0", "own": "1.0"}
    assert other.count("/simple/lib/") == 0


def test_an_index_of_the_settings_owns_its_projects(
    capsys: pytest.CaptureFixture[str], index: FakeIndex, place: Path
) -> None:
    other = FakeIndex()
    other.add_wheel("lib", "9.0")
    with other.serve() as address:
        (place / "pyproject.toml").write_text(
            f'[[tool.bundler.index]]\nname = "own"\nurl = "{address}/simple/"\nprojects = ["lib"]\nexplicit = true\n'
        )
        assert locked(capsys, "app") == {"app": "1.0", "lib": "9.0"}
    assert index.count("/simple/lib/") == 0


def test_a_directory_of_wheels_serves_without_any_index(
    capsys: pytest.CaptureFixture[str], index: FakeIndex, place: Path, origin: str
) -> None:
    assert run(capsys, "build", "app", *TARGET, "-o", "app.tar.zst").code == 0
    assert run(capsys, "expand", "app.tar.zst", "wheels").code == 0
    index.requests.clear()
    assert locked(capsys, "app", "--no-index", "--find-links", "wheels") == {"app": "1.0", "lib": "1.0"}
    assert index.requests == []


def test_options_of_a_requirements_file_hold_unless_the_command_line_says_otherwise(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex, origin: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BUNDLER_INDEX_URL")
    monkeypatch.setenv("MY_ORIGIN", origin)
    index.add_wheel("lib", "2.0rc1")
    (place / "requirements.txt").write_text("--index-url ${MY_ORIGIN}/simple/\n--pre\nlib\n")
    assert locked(capsys, "-r", "requirements.txt") == {"lib": "2.0rc1"}
    other = FakeIndex()
    other.add_wheel("lib", "3.0")
    with other.serve() as address:
        found = locked(capsys, "-r", "requirements.txt", "--index-url", f"{address}/simple/")
    assert found == {"lib": "3.0"}


def test_an_unreachable_index_brings_pips_own_to_mind(
    capsys: pytest.CaptureFixture[str], index: FakeIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:secret@pip.example/simple/")
    outcome = attempt(capsys, "nowhere-to-be-found")
    assert outcome.code == 4
    assert "PIP_INDEX_URL names the index https://pip.example/simple/" in outcome.err
    assert "secret" not in outcome.err
