from __future__ import annotations

import pytest

from bundler.errors import RequirementError
from bundler.requirements.kinds import Kind, kind_of
from tests.requirements.disk import SAMPLES


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("requirements.txt", Kind.REQUIREMENTS),
        ("requirements.in", Kind.REQUIREMENTS),
        ("requirements", Kind.REQUIREMENTS),
        ("requirements.lock", Kind.REQUIREMENTS),
        ("in/pyproject.toml", Kind.PROJECT),
        ("in\\pyproject.toml", Kind.PROJECT),
        ("pylock.toml", Kind.PYLOCK),
        ("in/pylock.linux.toml", Kind.PYLOCK),
        ("uv.lock", Kind.UV_LOCK),
        ("../poetry.lock", Kind.POETRY_LOCK),
        ("tool.py", Kind.SCRIPT),
    ],
)
def test_a_name_tells_the_kind(name: str, kind: Kind) -> None:
    assert kind_of(name, b"") is kind


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"lock-version = '1.0'\n[project]", Kind.PYLOCK),
        (b"[project]", Kind.PROJECT),
        (b"[dependency-groups]", Kind.PROJECT),
        (b"[tool.poetry]", Kind.PROJECT),
        (b"version = 1\nrevision = 3\n[[package]]\nname = 'x'", Kind.UV_LOCK),
        (b"[[package]]\nname = 'x'\n[metadata]\nlock-version = '2.1'", Kind.POETRY_LOCK),
        (b"package = []\n[metadata]\nlock-version = '2.1'", Kind.POETRY_LOCK),
    ],
)
def test_what_has_another_name_is_known_by_what_stands_in_it(data: bytes, kind: Kind) -> None:
    for name in ("other.toml", "deps.lock", "deps", "in/requirements.txt"):
        assert kind_of(name, data) is kind


@pytest.mark.parametrize("data", [b"", b"[tool.ruff]", b"tool = 1", b"tool = ['poetry']"])
def test_toml_that_says_nothing_of_requirements_is_refused(data: bytes) -> None:
    with pytest.raises(RequirementError, match=r"^other\.toml: .* neither a pyproject\.toml nor a lock"):
        kind_of("other.toml", data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"# nothing",
        b"flask==3",
        b"-r other.txt",
        b"x @ https://files.example/x.zip",
        b"\xff",
        b"[tool.ruff]",
        b"version = 4\n[[package]]\nname = 'cargo'",
        b"metadata = 1\npackage = 1\nversion = 1",
        b"[project",
    ],
)
def test_all_else_is_a_file_of_requirements(data: bytes) -> None:
    assert kind_of("deps.lock", data) is Kind.REQUIREMENTS


@pytest.mark.parametrize(
    ("pattern", "kind"), [("uv-*.lock", Kind.UV_LOCK), ("poetry-*.lock", Kind.POETRY_LOCK), ("pylock.*", Kind.PYLOCK)]
)
def test_a_real_lock_is_known_under_any_name(pattern: str, kind: Kind) -> None:
    paths = list((SAMPLES / "locks").glob(pattern))
    assert paths
    assert {kind_of("deps.lock", path.read_bytes()) for path in paths} == {kind}


def test_broken_toml_is_refused() -> None:
    with pytest.raises(RequirementError, match="isn't valid TOML"):
        kind_of("other.toml", b"?")


@pytest.mark.parametrize(
    "name",
    ["setup.py", "setup.cfg", "Pipfile", "Pipfile.lock", "environment.yml", "environment.yaml", "pdm.lock"],
)
def test_files_of_other_tools_are_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(RequirementError) as caught:
        kind_of(f"in/{name}", b"")
    assert caught.value.message == f"in/{name}: a {name} isn't read"
    assert (caught.value.hint or "").startswith("give ")


def test_only_the_three_locks_are_locks() -> None:
    assert [kind.name for kind in Kind if kind.is_lock] == ["PYLOCK", "UV_LOCK", "POETRY_LOCK"]
