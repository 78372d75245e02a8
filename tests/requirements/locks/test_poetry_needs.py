from __future__ import annotations

import pytest
from packaging.version import Version

from bundler.errors import RequirementError
from bundler.requirements.locks.poetry_needs import NeedTable, read_needs
from bundler.requirements.toml_documents import TomlDocument


def needs(text: str) -> list[tuple[str, list[str], tuple[str, ...], bool]]:
    document = TomlDocument.parse(text, "x.lock")
    read = read_needs(document.convert(NeedTable), "x.lock")
    return [(each.project, [str(marker) for marker in each.markers], each.extras, each.optional) for each in read]


def test_every_form_of_a_dependency_is_read() -> None:
    text = """
    python = "^3.9"
    Foo_Bar = "^1"
    b = {version = "*", extras = ["X_y"], optional = true, markers = "extra == 'z'"}
    c = [{version = "<2", python = "<3.10"}, {version = ">=2", platform = "win32"}]
    e = {version = "*", platform = "linux | darwin", python = "<3.9 || ^3.10"}
    f = {platform = "!=win32", allow-prereleases = true, unknown = 1}
    d = {git = "https://git.example/d", develop = true}
    """
    assert needs(text) == [
        ("foo-bar", [], (), False),
        ("b", ['"z" in extras'], ("x-y",), True),
        ("c", ['python_full_version < "3.10"'], (), False),
        ("c", ['sys_platform == "win32"'], (), False),
        (
            "e",
            [
                'python_full_version < "3.9" or python_full_version < "4" and python_full_version >= "3.10"',
                'sys_platform == "linux" or sys_platform == "darwin"',
            ],
            (),
            False,
        ),
        ("f", ['sys_platform != "win32"'], (), False),
        ("d", [], (), False),
    ]


def test_a_need_allows_versions() -> None:
    (need,) = read_needs({"a": "^1 || ^3"}, "x.lock")
    assert [need.allows(Version(text)) for text in ("1.5", "2.0", "3.0b1", "3.1")] == [True, False, False, True]
    assert need.allows(None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'a!' = '*'", "isn't the name of a project"),
        ("a = '1..2'", "a '1..2' isn't one of Poetry's constraints"),
        ("a = {markers = 'x'}", "isn't a marker"),
        ("a = {python = '^x'}", "the Python of a '\\^x' isn't one of Poetry's constraints"),
        ('a = {platform = "\'"}', "the platform .* isn't understood"),
        ("a = 1", "isn't understood"),
    ],
)
def test_what_isnt_a_dependency_is_refused(text: str, message: str) -> None:
    with pytest.raises(RequirementError, match=message):
        needs(text)
