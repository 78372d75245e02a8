from __future__ import annotations

import pytest

from bundler.errors import RequirementError
from bundler.requirements.locks.poetry_roots import read_roots


def test_the_roots_are_those_of_every_group() -> None:
    text = b"""
    [tool.poetry.dependencies]
    a = "^1"
    [tool.poetry.dev-dependencies]
    b = "*"
    [tool.poetry.group.dev.dependencies]
    c = "*"
    [tool.poetry.group.Docs_x.dependencies]
    d = "*"
    [project]
    dependencies = ["e[x]>=1; os_name == 'nt'"]
    optional-dependencies = {web = ["f"]}
    """
    found = {group: [(each.project, each.optional) for each in each] for group, each in read_roots(text, "p").items()}
    assert found == {
        "main": [("a", False), ("e", False), ("f", True)],
        "dev": [("b", False), ("c", False)],
        "docs-x": [("d", False)],
    }


@pytest.mark.parametrize("text", [b"x", b"tool = 1", b"[project]\ndependencies = ['!']", b"\xff"])
def test_a_project_that_isnt_one_is_refused(text: bytes) -> None:
    with pytest.raises(RequirementError, match=r"^p"):
        read_roots(text, "p")
