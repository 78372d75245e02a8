from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.pylock import Pylock, is_valid_pylock_path

from tests.cli.running import Outcome, left_in, run
from tests.support.fake_index import FakeIndex
from tests.support.wheels import make_wheel

LINUX, WINDOWS = "cp312-linux-x86_64", "cp312-windows-x86_64"
BOTH = ("--python", "3.12", "--platform", "linux-x86_64", "--platform", "windows-x86_64")
ONE = BOTH[:4]


@pytest.fixture(autouse=True)
def _setting(origin: str, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setenv("BUNDLER_INDEX_URL", f"{origin}/simple/")
    monkeypatch.chdir(place)


def lock(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Outcome:
    outcome = run(capsys, "lock", *arguments)
    assert outcome.code == 0, outcome.err
    return outcome


def document(path: Path) -> dict[str, Any]:
    found = tomllib.loads(path.read_text())
    Pylock.from_dict(found).validate()
    assert is_valid_pylock_path(path)
    return found


def versions(path: Path) -> dict[str, str]:
    return {package["name"]: package["version"] for package in document(path)["packages"]}


def test_a_lock_pins_what_one_target_needs(capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex) -> None:
    outcome = lock(capsys, "app", *ONE)
    assert outcome.out.splitlines() == [f"{LINUX}: 2 packages", "wrote pylock.toml"]
    assert versions(place / "pylock.toml") == {"app": "1.0", "lib": "1.0"}
    assert index.count("GET /files/[^ ]*whl$") == 0  # metadata is all that resolving needs
    assert left_in(place) == ["pylock.toml"]


def test_one_lock_over_several_targets_marks_what_only_some_take(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    lock(capsys, "app", *BOTH)
    found = document(place / "pylock.toml")
    marked = {package["name"]: package.get("marker") for package in found["packages"]}
    assert len(found["environments"]) == 2
    assert (marked["app"], marked["lib"]) == (None, None)
    assert "win32" in marked["win"]


def test_each_target_can_have_a_lock_of_its_own(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    lock(capsys, "app", *BOTH, "--per-target")
    assert left_in(place) == ["pylock.cp312-linux-x86_64.toml", "pylock.cp312-windows-x86_64.toml"]
    assert "win" not in versions(place / "pylock.cp312-linux-x86_64.toml")
    assert "win" in versions(place / "pylock.cp312-windows-x86_64.toml")


def test_the_pins_of_a_lock_that_is_there_are_kept_until_it_is_upgraded(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex
) -> None:
    lock(capsys, "app", *ONE, "--no-cache")
    index.add_wheel("app", "2.0", requires=["lib>=1"])
    index.add_wheel("lib", "2.0")
    lock(capsys, "app", *ONE, "--no-cache")
    assert versions(place / "pylock.toml") == {"app": "1.0", "lib": "1.0"}
    lock(capsys, "app", *ONE, "--no-cache", "--upgrade-package", "LIB")
    assert versions(place / "pylock.toml") == {"app": "1.0", "lib": "2.0"}
    lock(capsys, "app", *ONE, "--no-cache", "--upgrade")
    assert versions(place / "pylock.toml") == {"app": "2.0", "lib": "2.0"}


def test_a_pin_that_no_longer_fits_is_left(capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex) -> None:
    lock(capsys, "app", *ONE, "--no-cache")
    index.add_wheel("lib", "2.0")
    lock(capsys, "app", "lib>=2", *ONE, "--no-cache")
    assert versions(place / "pylock.toml") == {"app": "1.0", "lib": "2.0"}


def test_a_lock_can_go_to_standard_output(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    outcome = lock(capsys, "app", *ONE, "-o", "-", "-q")
    assert {package["name"] for package in tomllib.loads(outcome.out)["packages"]} == {"app", "lib"}
    assert left_in(place) == []


def test_the_same_inputs_give_the_same_lock(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    for name in ("pylock.a.toml", "pylock.b.toml"):
        lock(capsys, "app", *BOTH, "-o", name, "--no-cache")
    assert (place / "pylock.a.toml").read_bytes() == (place / "pylock.b.toml").read_bytes()


def test_a_bundle_of_a_lock_holds_exactly_its_files(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex
) -> None:
    lock(capsys, "app", *BOTH, "--no-cache")
    index.add_wheel("app", "2.0")
    index.requests.clear()
    assert run(capsys, "build", "-r", "pylock.toml", *BOTH, "-o", "app.tar.zst", "--no-cache").code == 0
    held = {artifact["filename"] for artifact in run(capsys, "inspect", "app.tar.zst", "--json").json["artifacts"]}
    assert held == {"app-1.0-py3-none-any.whl", "lib-1.0-py3-none-any.whl", "win-0.1-py3-none-any.whl"}
    assert index.count("GET /simple/") == 0  # nothing is resolved again: no page is asked for


def test_a_lock_for_other_targets_is_refused(capsys: pytest.CaptureFixture[str], place: Path) -> None:
    lock(capsys, "app", *ONE)
    outcome = run(capsys, "build", "-r", "pylock.toml", "--python", "3.13", *ONE[2:], "-o", "app.tar.zst")
    assert outcome.code == 2
    assert "pylock.toml" in outcome.err
    assert left_in(place) == ["pylock.toml"]


def test_what_stands_in_the_way_of_a_lock_is_said_before_any_work(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex
) -> None:
    (place / "directory").mkdir()
    assert run(capsys, "lock", "app", "-o", "directory").code == 2
    assert run(capsys, "lock", "app", "-o", "nowhere/pylock.toml").code == 7
    (place / "pylock.toml").write_text("not a lock")
    assert run(capsys, "lock", "app").code == 2
    assert (place / "pylock.toml").read_text() == "not a lock"
    assert index.requests == []


def test_json_names_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = lock(capsys, "app", *ONE, "--json", "-q")
    assert outcome.json == {"locks": ["pylock.toml"], "targets": {LINUX: 2}, "passed_over": [], "warnings": []}


def test_a_lock_never_replaces_what_it_was_made_from(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex
) -> None:
    (place / "inner.txt").write_text("app\n")
    (place / "outer.txt").write_text("-r inner.txt\n")
    (place / "pyproject.toml").write_text('[project]\nname = "mine"\ndependencies = ["app"]\n')
    for words in (("-r", "outer.txt", "-o", "inner.txt"), ("-c", "inner.txt", "lib", "-o", "inner.txt")):
        assert run(capsys, "lock", "--upgrade", *words).code == 2
    assert run(capsys, "lock", "--upgrade", "app", "-o", "pyproject.toml").code == 2
    assert run(capsys, "build", "-r", "outer.txt", "-o", "inner.txt").code == 2
    assert (place / "inner.txt").read_text() == "app\n"
    assert index.requests == []


def test_standard_output_holds_one_lock_and_warnings_go_aside(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "lock", "app", *BOTH, "--per-target", "-o", "-").code == 2
    assert run(capsys, "lock", "app", *ONE, "--json", "-o", "-").code == 2
    outcome = lock(capsys, "app[nothing]", *ONE, "-o", "-")
    assert tomllib.loads(outcome.out)["packages"]
    assert "warning: app 1.0 has no extra 'nothing'" in outcome.err


def test_upgrading_a_project_that_the_lock_lacks_is_refused_with_the_nearest(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lock(capsys, "app", *ONE)
    outcome = run(capsys, "lock", "app", *ONE, "-P", "appp")
    assert outcome.code == 2
    assert "did you mean app?" in outcome.err


def test_a_variable_for_the_bundle_does_not_name_the_lock(
    capsys: pytest.CaptureFixture[str], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUNDLER_OUTPUT", "app.tar.zst")
    lock(capsys, "app", *ONE)
    assert left_in(place) == ["pylock.toml"]


def test_an_entry_for_other_targets_leaves_its_project_to_the_index(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex
) -> None:
    index.add_wheel("lib", "2.0")
    (place / "pylock.toml").write_text(
        'lock-version = "1.0"\ncreated-by = "hand"\n[[packages]]\nname = "lib"\nversion = "1.0"\n'
        "marker = \"sys_platform == 'win32'\"\n[[packages.wheels]]\n"
        'url = "https://files.example/lib-1.0-py3-none-any.whl"\nhashes = { sha256 = "' + "0" * 64 + '" }\n'
    )
    lock(capsys, "lib", "-r", "pylock.toml", *ONE, "-o", "pylock.new.toml")
    assert versions(place / "pylock.new.toml") == {"lib": "2.0"}


def test_two_patch_releases_of_one_python_each_get_their_own(
    capsys: pytest.CaptureFixture[str], place: Path, index: FakeIndex
) -> None:
    wanted = ['lib; python_full_version < "3.12.5"', 'win; python_full_version >= "3.12.5"']
    index.add_wheel("both", "1.0", requires=wanted)
    lock(capsys, "both", "--python", "3.12.1", "--python", "3.12.7", "--platform", "linux-x86_64")
    marked = {package["name"]: package.get("marker") for package in document(place / "pylock.toml")["packages"]}
    assert (marked["both"], marked["lib"]) == (None, 'python_full_version == "3.12.1"')
    assert marked["win"] == 'python_full_version == "3.12.7"'


@pytest.fixture
def tree(place: Path) -> Path:
    """A project whose metadata is static, in a repository of its own."""
    root = place / "tree"
    (root / "part").mkdir(parents=True)
    (root / "part" / "pyproject.toml").write_text('[project]\nname = "mine"\nversion = "3.0"\ndependencies = ["lib"]\n')
    (root / "part" / "mine.py").write_text("x = 1\n")
    who = ("-c", "user.name=x", "-c", "user.email=x@mail.example", "-c", "init.defaultBranch=main")
    for words in (("init", "-q"), ("add", "."), ("commit", "-qm", "x"), ("tag", "v3")):
        subprocess.run(["git", *who, *words], cwd=root, check=True)
    return root


def test_a_directory_is_locked_by_its_path_and_a_repository_by_its_commit(
    capsys: pytest.CaptureFixture[str], place: Path, tree: Path
) -> None:
    lock(capsys, "./tree/part", *ONE)
    found = document(place / "pylock.toml")["packages"][1]
    assert (found["name"], found["version"], found["directory"]) == ("mine", "3.0", {"path": "tree/part/"})
    commit = subprocess.run(["git", "rev-parse", "v3"], cwd=tree, check=True, capture_output=True, text=True).stdout
    url = tree.as_uri()
    lock(capsys, f"mine @ git+{url}@v3#subdirectory=part", *ONE, "-o", "pylock.git.toml")
    found = document(place / "pylock.git.toml")["packages"][1]
    assert found["vcs"] == {"type": "git", "url": url, "commit-id": commit.strip(), "subdirectory": "part"}
    assert "wheels" not in found
    assert "sdist" not in found


@pytest.mark.parametrize("reference", ["./tree/part", "mine @ git+{tree}@v3#subdirectory=part"])
def test_a_bundle_of_such_a_lock_is_that_of_the_reference(
    capsys: pytest.CaptureFixture[str], place: Path, tree: Path, reference: str
) -> None:
    lock(capsys, reference.format(tree=tree.as_uri()), *ONE)
    held = []
    for words in (("-r", "pylock.toml"), (reference.format(tree=tree.as_uri()),)):
        assert run(capsys, "build", *words, *ONE, "-o", "app.tar.zst").code == 0
        artifacts = run(capsys, "inspect", "app.tar.zst", "--json").json["artifacts"]
        held.append([(artifact["filename"], artifact["sha256"], artifact["origin"]) for artifact in artifacts])
    assert held[0] == held[1]
    assert [filename for filename, _, _ in held[0]] == ["lib-1.0-py3-none-any.whl", "mine-3.0.tar.gz"]
    assert str(place) not in held[0][1][2] or reference.startswith("mine")


def test_a_local_wheel_is_locked_by_its_path_and_told_without_it(
    capsys: pytest.CaptureFixture[str], place: Path
) -> None:
    filename, data = make_wheel("own", "1.0")
    (place / "wheels").mkdir()
    (place / "wheels" / filename).write_bytes(data)
    lock(capsys, f"./wheels/{filename}", *ONE)
    (package,) = document(place / "pylock.toml")["packages"]
    assert package["wheels"][0]["path"] == f"wheels/{filename}"
    assert run(capsys, "build", "-r", "pylock.toml", *ONE, "-o", "app.tar.zst").code == 0
    (artifact,) = run(capsys, "inspect", "app.tar.zst", "--json").json["artifacts"]
    assert artifact["origin"] == f"file:{filename}"
