from __future__ import annotations

import pytest

from bundler.errors import RequirementError
from bundler.requirements.poetry.dependencies import DependencyTable, conditions, read_alternatives


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (DependencyTable(), []),
        (DependencyTable(markers=""), []),
        (DependencyTable(markers="extra == 'x'"), ["extra == 'x'"]),
        (DependencyTable(python="*"), []),
        (
            DependencyTable(python="<3 || ^3.9"),
            ['python_full_version < "3" or python_full_version < "4" and python_full_version >= "3.9"'],
        ),
        (DependencyTable(platform="win32"), ['sys_platform == "win32"']),
        (DependencyTable(platform="=win32"), ['sys_platform == "win32"']),
        (DependencyTable(platform="!=win32"), ['sys_platform != "win32"']),
        (DependencyTable(platform="linux | darwin"), ['sys_platform == "linux" or sys_platform == "darwin"']),
        (DependencyTable(platform="linux||darwin"), ['sys_platform == "linux" or sys_platform == "darwin"']),
        (DependencyTable(markers="a", platform="b"), ["a", 'sys_platform == "b"']),
    ],
)
def test_python_and_platform_are_conditions(table: DependencyTable, expected: list[str]) -> None:
    assert list(conditions(table, "x", "p.toml")) == expected


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (DependencyTable(platform="a b"), "p.toml: the platform 'a b' isn't understood"),
        (DependencyTable(platform=""), "p.toml: the platform '' isn't understood"),
        (DependencyTable(platform='"'), "p.toml: the platform '\"' isn't understood"),
        (DependencyTable(python="^x"), "p.toml: the Python of x '^x' isn't one of Poetry's constraints"),
    ],
)
def test_what_isnt_understood_is_refused(table: DependencyTable, message: str) -> None:
    with pytest.raises(RequirementError) as caught:
        list(conditions(table, "x", "p.toml"))
    assert caught.value.message == message


def test_a_constraint_has_alternatives() -> None:
    assert [str(each) for each in read_alternatives("<1 || ==2.*", "x", "p.toml")] == ["<1", "==2.*"]
    with pytest.raises(RequirementError, match=r"^p\.toml: x '1\.\.2' isn't one of Poetry's constraints"):
        read_alternatives("1..2", "x", "p.toml")
