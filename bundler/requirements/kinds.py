"""What kind of file describes requirements: told by its name, and for other .toml files by what stands in it."""

from __future__ import annotations

import re
from enum import Enum, auto

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
    return _kind_of_toml(name, data) if last.endswith(".toml") else Kind.REQUIREMENTS


def _kind_of_toml(name: str, data: bytes) -> Kind:
    table = TomlDocument.parse(data, name).table
    tool = table.get("tool")
    if "lock-version" in table:
        return Kind.PYLOCK
    if "project" in table or "dependency-groups" in table or (isinstance(tool, dict) and "poetry" in tool):
        return Kind.PROJECT
    message = f"{quote(name)} is neither a pyproject.toml nor a pylock.toml"
    raise RequirementError(message, origin=name, hint="give a file with [project], [dependency-groups] or lock-version")
