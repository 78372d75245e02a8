from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.pylock import is_valid_pylock_path

from bundler.errors import UsageError
from bundler.requirements.files.grammar import parse_file
from bundler.requirements.locks.pinned import LockedPackage, document_names, write_requirements
from bundler.requirements.model import DeclaredRequirement
from bundler.targets.platforms import known_platforms, targets_for
from tests.requirements.disk import Disk
from tests.requirements.locks.locking import CLICK, COLORAMA, LINUX


def test_requirements_are_pinned_sorted_and_hashed() -> None:
    assert write_requirements([COLORAMA, CLICK], header="bundler 1.0\n\nfor cp312").decode() == (
        "# bundler 1.0\n"
        "#\n"
        "# for cp312\n"
        "click==8.1.7 \\\n"
        f"    --hash=sha256:{CLICK.digest.hexdigest}\n"
        "colorama==0.4.6+local.1 \\\n"
        f"    --hash=sha256:{COLORAMA.digest.hexdigest}\n"
    )


def test_our_own_reader_understands_the_requirements() -> None:
    data = write_requirements([COLORAMA, CLICK], header="x")
    wanted = parse_file(data, "r.txt", constraint=False, environment={}, locate=Disk({}).locate)
    assert [(str(each.requirement), each.hashes) for each in wanted if isinstance(each, DeclaredRequirement)] == [
        ("click==8.1.7", (CLICK.digest,)),
        ("colorama==0.4.6+local.1", (COLORAMA.digest,)),
    ]


_MANY = [
    replace(CLICK, name=name, filename=f"{name}-8.1.7-py3-none-any.whl") for name in ("a", "b", "click", "d", "zope")
]


@given(st.permutations(_MANY))
def test_any_order_gives_the_same_bytes(packages: list[LockedPackage]) -> None:
    assert write_requirements(packages, header="") == write_requirements(_MANY, header="")


def test_one_target_has_plain_names() -> None:
    assert document_names([LINUX.name]) == (("requirements.txt", "pylock.toml"),)


def test_several_targets_have_their_names_without_dots() -> None:
    targets = targets_for(["3.12.4"], ["windows-x86_64", "linux-x86_64-glibc2.17"])
    assert document_names([target.name for target in targets]) == (
        ("requirements.cp312_4-windows-x86_64.txt", "pylock.cp312_4-windows-x86_64.toml"),
        (
            "requirements.cp312_4-linux-x86_64-glibc2_17.txt",
            "pylock.cp312_4-linux-x86_64-glibc2_17.toml",
        ),
    )


def test_the_names_are_valid_by_pep_751_and_differ() -> None:
    targets = targets_for(["3.12.4", "3.13t"], [name for name, _ in known_platforms()])
    names = document_names([target.name for target in targets])
    assert all(is_valid_pylock_path(Path(lock)) for _, lock in names)
    assert len(set(itertools.chain(*names))) == 2 * len(targets)


@pytest.mark.parametrize("name", ["CP312-linux-x86_64", "cp312-linux-x86.64"])
def test_names_that_would_meet_in_one_file_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match="too much like another's"):
        document_names([LINUX.name, name])
