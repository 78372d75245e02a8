"""What kind of file describes requirements: told by its name, or under any other name by the TOML that stands in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from bundler.errors import RequirementError
from bundler.requirements.quoting import quote
from bundler.requirements.toml_documents import TomlDocument

__all__ = ["Kind", "kind_of"]


class Kind(Enum):
    """A kind of file that is read."""

    REQUIREMENTS = auto()
    PROJECT = auto()
    SCRIPT = auto()
    PYLOCK = auto()
    UV_LOCK = auto()
    POETRY_LOCK = auto()

    @property
    def is_lock(self) -> bool:
        """Whether it states what was chosen."""
        return self in (Kind.PYLOCK, Kind.UV_LOCK, Kind.POETRY_LOCK)


_NAMED = {
    "pyproject.toml": Kind.PROJECT,
    "pylock.toml": Kind.PYLOCK,
    "uv.lock": Kind.UV_LOCK,
    "poetry.lock": Kind.POETRY_LOCK,
}
_PYLOCK = re.compile(r"pylock\.[^.]+\.toml")  # PEP 751
_SETUPTOOLS = "give a file of requirements, or move them to [project] in pyproject.toml"
_CONDA = "give a file of requirements: a bundle holds Python packages only"
_REFUSED = {
    "setup.py": _SETUPTOOLS,
    "setup.cfg": _SETUPTOOLS,
    "Pipfile": "give the file that pipenv requirements writes",
    "Pipfile.lock": "give the file that pipenv requirements --hash writes",
    "environment.yml": _CONDA,
    "environment.yaml": _CONDA,
    "pdm.lock": "give the file that pdm export --format pylock writes",
}


def kind_of(name: str, data: bytes) -> Kind:
    """The kind of a file by its path and its bytes.

    Raises:
        RequirementError: one that only another tool understands, or TOML that says nothing of requirements.
    """
    last = re.split(r"[/\\]", name)[-1]
    if last in _REFUSED:
        raise RequirementError(f"a {last} isn't read", origin=name, hint=_REFUSED[last])
    if last in _NAMED:
        return _NAMED[last]
    if _PYLOCK.fullmatch(last):
        return Kind.PYLOCK
    if last.endswith(".py"):
        return Kind.SCRIPT
    return _kind_by_content(name, data)


def _kind_by_content(name: str, data: bytes) -> Kind:
    """What a file holds whose name doesn't tell; no requirements.txt that says something is TOML too."""
    try:
        kind = _kind_of_toml(TomlDocument.parse(data, name).table)
    except RequirementError:
        if name.endswith(".toml"):
            raise
        return Kind.REQUIREMENTS
    if kind is None and name.endswith(".toml"):
        message, hint = f"{quote(name)} is neither a pyproject.toml nor a lock", "give a file with [project]"
        raise RequirementError(message, origin=name, hint=f"{hint}, [dependency-groups] or lock-version")
    return kind or Kind.REQUIREMENTS


def _kind_of_toml(table: Mapping[str, Any]) -> Kind | None:
    if "lock-version" in table:
        return Kind.PYLOCK
    if _has(table.get("metadata"), "lock-version"):
        return Kind.POETRY_LOCK
    if table.get("version") == 1 and isinstance(table.get("package"), list):
        return Kind.UV_LOCK
    is_project = "project" in table or "dependency-groups" in table or _has(table.get("tool"), "poetry")
    return Kind.PROJECT if is_project else None


def _has(value: object, key: str) -> bool:
    return isinstance(value, dict) and key in value
