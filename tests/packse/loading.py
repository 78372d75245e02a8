"""Packse's scenarios, read and put in a source in memory."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundler.requirements.choices import Choices, Formats, NameRule, Strategy
from bundler.requirements.model import DeclaredRequirement, RequirementSet
from bundler.requirements.origins import COMMAND_LINE
from bundler.targets.model import Target
from bundler.targets.platforms import targets_for
from tests.support.memory_source import MemorySource
from tests.support.wheels import core_metadata

__all__ = ["Scenario", "scenarios"]

_ROOT = Path(__file__).parent / "scenarios"
_PYTHON = ">=3.12"  # what a version requires unless it says something else
#: uv's names of platforms in ours.
_PLATFORMS = {None: "linux-x86_64", "x86_64-manylinux2014": "linux-x86_64-glibc2.17"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One scenario that asks for one environment, and what is expected: pins, None where there is no solution."""

    name: str
    wanted: RequirementSet
    choices: Choices
    target: Target
    packages: Mapping[str, Any]
    satisfiable: bool
    #: Empty where only whether there is a solution matters.
    pins: Mapping[str, str]

    def source(self) -> MemorySource:
        """All packages: a wheel and a static sdist of each version, unless it says something else."""
        source = MemorySource()
        for name, package in self.packages.items():
            for version, entry in package["versions"].items():
                _add(source, canonicalize_name(name).replace("-", "_"), version, entry)
        return source


def scenarios() -> Iterator[Scenario]:
    """Every scenario for one environment, sorted by name."""
    for path in sorted(_ROOT.glob("*/*.toml")):
        document = tomllib.loads(path.read_text())
        options = document.get("resolver_options", {})
        if not options.get("universal", False) and not document.get("testgen", {}).get("disable", False):
            yield _scenario(f"{path.parent.name}/{path.stem}", document, options)


def _scenario(name: str, document: Mapping[str, Any], options: Mapping[str, Any]) -> Scenario:
    python = options.get("python") or document.get("environment", {}).get("python", "3.12")
    (target,) = targets_for([python], [_PLATFORMS[options.get("python_platform")]])
    requires = [Requirement(text) for text in document["root"].get("requires", [])]
    expected = document["expected"]
    return Scenario(
        name=name,
        wanted=RequirementSet(
            requirements=tuple(DeclaredRequirement(requirement=r, origin=COMMAND_LINE) for r in requires)
        ),
        choices=Choices(
            strategy=Strategy(options.get("resolution", "highest")),
            prereleases=NameRule(everyone=options.get("prereleases", False)),
            formats=Formats(
                no_binary=NameRule.parse(options.get("no_binary", [])),
                only_binary=NameRule.parse(options.get("no_build", [])),
            ),
        ),
        target=target,
        packages=document["packages"],
        satisfiable=expected["satisfiable"],
        pins={canonicalize_name(name): version for name, version in expected.get("packages", {}).items()},
    )


def _add(source: MemorySource, name: str, version: str, entry: Mapping[str, Any]) -> None:
    requires_python = entry.get("requires_python", _PYTHON)
    extras = entry.get("extras", {})
    requires = [*entry.get("requires", []), *(_optional(r, extra) for extra in extras for r in extras[extra])]
    metadata = core_metadata(name, version, requires, requires_python or None, tuple(extras), form="2.2")
    tags = (entry.get("wheel_tags") or ["py3-none-any"]) if entry.get("wheel", True) else []
    filenames = [f"{name}-{version}-{tag}.whl" for tag in tags]
    filenames += [f"{name}-{version}.tar.gz"] if entry.get("sdist", True) else []
    for filename in filenames:
        source.add(
            filename,
            page_requires_python=requires_python,
            yanked="" if entry.get("yanked", False) else None,
            upload_time="2024-03-24T00:00:00Z",
            metadata=metadata,
        )


def _optional(requirement: str, extra: str) -> str:
    plain, _, marker = requirement.partition(";")
    return f"{plain.strip()} ; {f'({marker.strip()}) and ' if marker.strip() else ''}extra == '{extra}'"
