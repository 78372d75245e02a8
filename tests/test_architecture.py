"""What import-linter can't say: every module imports, private names stay at home, and the command line starts light."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bundler

ROOT = Path(bundler.__file__).parent
MODULES = sorted({module.name for module in pkgutil.walk_packages([str(ROOT)], "bundler.")})
SOURCES = sorted(ROOT.rglob("*.py"))
HEAVY = ("httpx", "lxml", "msgspec", "packaging", "resolvelib", "rich", "truststore", "zstandard")
FORBIDDEN_NAMES = {"utils", "helpers", "common", "core", "base", "manager"}


@pytest.mark.parametrize("name", MODULES)
def test_every_module_imports_and_says_what_it_is(name: str) -> None:
    if name != "bundler.__main__":
        assert importlib.import_module(name).__doc__


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_takes_private_names_from_another(path: Path) -> None:
    taken = [name for name in _names_taken_from_bundler(path) if name.startswith("_") and not name.startswith("__")]
    assert taken == []


@pytest.mark.parametrize("path", sorted(ROOT.rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_packages_hold_a_docstring_and_nothing_else(path: Path) -> None:
    statements = ast.parse(path.read_text()).body
    allowed = 2 if path.parent == ROOT else 1  # the version stands in the first one
    assert ast.get_docstring(ast.Module(statements, []))
    assert len(statements) <= allowed


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert FORBIDDEN_NAMES.isdisjoint(part for name in MODULES for part in name.split("."))


def test_the_command_line_starts_without_heavy_imports() -> None:
    program = f"import sys, bundler.cli.main; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_help_answers() -> None:
    done = subprocess.run([sys.executable, "-m", "bundler", "--help"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "build" in done.stdout


def _names_taken_from_bundler(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "bundler":
            yield from (alias.name for alias in node.names)


def test_the_map_in_architecture_md_names_every_module_and_no_other() -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in SOURCES}
    packages = {name for name in modules if name.endswith("/__init__.py")}
    assert sorted(_modules_on_the_map()) == sorted(modules - packages)


def _modules_on_the_map() -> Iterator[str]:
    packages: list[str] = []
    for line in (ROOT.parent / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"((?:│   |    )*)[├└]── (\w+)(/|\.py)\s.*", line)
        if match is not None:
            depth = len(match[1]) // 4
            packages[depth:] = [f"{match[2]}/"]
            if match[3] == ".py":
                yield "".join(packages[:depth]) + f"{match[2]}.py"
