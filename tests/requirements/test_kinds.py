from __future__ import annotations

import pytest

from bundler.errors import RequirementError
from bundler.requirements.kinds import Kind, kind_of


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
    ],
)
def test_other_toml_is_known_by_what_stands_in_it(data: bytes, kind: Kind) -> None:
    assert kind_of("other.toml", data) is kind


@pytest.mark.parametrize("data", [b"", b"[tool.ruff]", b"tool = 1", b"tool = ['poetry']"])
def test_toml_that_says_nothing_of_requirements_is_refused(data: bytes) -> None:
    with pytest.raises(RequirementError, match=r"^other\.toml: .* neither a pyproject\.toml nor a pylock\.toml"):
        kind_of("other.toml", data)


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
