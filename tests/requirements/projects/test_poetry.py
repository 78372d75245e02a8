from __future__ import annotations

import contextlib
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet

from bundler.errors import RequirementError
from bundler.requirements.model import DeclaredRequirement
from bundler.requirements.projects.poetry import PoetryTool
from bundler.requirements.projects.sources import Part, Pin, PrePackage
from bundler.requirements.toml_documents import TomlDocument
from tests.requirements.disk import Disk, sample

DISK = Disk({"from-path/": b"", "lib/": b"", "x-1.0.tar.gz": b""})


def _tool(text: str) -> PoetryTool:
    document = TomlDocument.parse(text, "pyproject.toml")
    return PoetryTool.read(tomllib.loads(text)["tool"]["poetry"], document, DISK.locate)


def _sample() -> PoetryTool:
    document = TomlDocument.parse(sample("projects/poetry.toml"), "in/pyproject.toml")
    return PoetryTool.read(document.table["tool"]["poetry"], document, DISK.locate)


def _parts(value: str) -> list[Part]:
    return list(_tool(f"[tool.poetry.dependencies]\nX = {value}\n").dependencies([]))


def _said(part: Part) -> str:
    if isinstance(part, DeclaredRequirement):
        return str(part.requirement)
    if isinstance(part, Pin):
        return f"{part.project} from {part.index}"
    if isinstance(part, PrePackage):
        return f"{part.project} before its release"
    return f"{part.name}[{','.join(part.extras)}] @ {part.url}" + (f" ; {part.marker}" if part.marker else "")


def test_every_form_of_dependency_is_read() -> None:
    said = {f"{each.origin.line}": _said(each) for each in _sample().dependencies([])}
    assert list(said.values())[:20] == [
        "caret<2,>=1.2.3",
        "caret-minor<0.5,>=0.4.1",
        "caret-patch<0.0.4,>=0.0.3",
        "caret-zero<1,>=0",
        "caret-pre<3,>=2.0.0b1",
        "tilde<1.3,>=1.2.3",
        "tilde-minor<2.2,>=2.1",
        "tilde-major<4,>=3",
        "compatible~=2.2",
        "wildcard",
        "wildcard-minor==1.*",
        "wildcard-patch==2.3.*",
        "exact==1.0.4",
        "exact-equals==1.0.4",
        "range!=2.5,<3.0,>=2.0",
        "range-spaced<3.0,>=2.0",
        "either-major<3,>=1.0",
        "either-apart!=2.*,!=3.0.*,<4,>=1.0",
        "with-extras[binary,pool]<4,>=3.1",
        'with-python<3,>=2.0; python_full_version < "3.11"',
    ]
    assert said["32"] == 'with-platform<307,>=306; sys_platform == "win32"'
    assert said["34"] == 'several<2,>=1.26; platform_machine != "arm64" and python_full_version >= "3.9"'
    assert said["38"] == "from-git[fast] @ git+https://git.example/team/from-git.git@main"
    assert said["39"] == "from-tag[] @ git+ssh://git@git.example/team/from-tag.git@v2.0#subdirectory=lib"
    assert said["40"] == "from-url[] @ https://files.example/from_url-1.0-py3-none-any.whl"
    assert said["41"] == "from-path[] @ file:///w/from-path/"
    assert said["42"] == "from-source from house"
    assert said["46"] == "long-form[all]<8,>=7.1"
    assert not any(text.startswith(("python", "redis", "psycopg2", "Psycopg2")) for text in said.values())


def test_an_extra_takes_the_optional_dependencies_that_it_names() -> None:
    tool = _sample()
    assert sorted(tool.extras) == ["cache", "postgres"]
    without = [_said(part) for part in tool.dependencies([])]
    assert [text for text in map(_said, tool.dependencies(["postgres"])) if text not in without] == [
        "Psycopg2_Binary<3,>=2.9"
    ]


def test_groups_have_dependencies_and_the_legacy_table_is_dev() -> None:
    tool = _sample()
    assert sorted(tool.groups) == ["dev", "docs", "test"]
    assert [_said(part) for part in tool.group("dev")] == ["black<25,>=24.1"]
    assert [_said(part) for part in tool.group("test")] == ["pytest<9,>=8.0", "caret"]
    assert [part.origin.line for part in tool.group("test")] == [58, 59]


def test_groups_include_groups_once() -> None:
    tool = _tool(
        """
        [tool.poetry.group.All]
        include-groups = ["a", "b"]
        [tool.poetry.group.a]
        include-groups = ["b", "all"]
        dependencies.x = "1"
        [tool.poetry.group.b.dependencies]
        y = "2"
        """
    )
    assert [_said(part) for part in tool.group("all")] == ["x==1", "y==2"]


def test_an_unknown_group_to_include_is_refused() -> None:
    with pytest.raises(RequirementError, match="there is no group 'b' to include"):
        list(_tool("[tool.poetry.group.a]\ninclude-groups = ['B']").group("a"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("^1.0 || ^2.0", ">=1.0,<3"),
        ("^2.0 || ^1.0", ">=1.0,<3"),
        ("^1.0 || ^2.0 || ^3.0", ">=1.0,<4"),
        ("^1.0 || ^3.1", ">=1.0,<4,!=2.*,!=3.0.*"),
        ("<2 || >=3", "!=2.*"),
        ("1.0.* || 1.2.*", "!=1.1.*,<1.3,!=0.*"),
        ("* || ^1", ""),
        ("1.0 || 1.0", "==1.0"),
    ],
)
def test_alternatives_that_one_set_can_say_are_taken(text: str, expected: str) -> None:
    (part,) = _parts(f'"{text}"')
    assert isinstance(part, DeclaredRequirement)
    versions = [f"{major}.{minor}{end}" for major in range(6) for minor in range(4) for end in ("", ".7")]
    wanted = list(SpecifierSet(expected).filter(versions))
    assert list(part.requirement.specifier.filter(versions)) == wanted
    assert part.requirement.specifier.prereleases is None  # none is let in that nobody asks for


@pytest.mark.parametrize("text", ["1.2.3 || 1.2.5", "<1.0 || >1.0", ">=2.7,<2.8 || >=3.4", "^1.0b1 || ^3"])
def test_alternatives_that_pep_440_cant_say_are_refused(text: str) -> None:
    with pytest.raises(RequirementError, match=r"^pyproject\.toml:2: X .* can't be said without \|\|"):
        _parts(f'"{text}"')


@pytest.mark.parametrize(
    ("value", "marker"),
    [
        ('{ python = "^3.8" }', 'python_full_version < "4" and python_full_version >= "3.8"'),
        ('{ python = "*" }', "None"),
        ('{ platform = "linux | darwin" }', 'sys_platform == "linux" or sys_platform == "darwin"'),
        ('{ platform = "!=win32" }', 'sys_platform != "win32"'),
        (
            "{ python = \"<3.9\", markers = \"os_name == 'a' or os_name == 'b'\" }",
            '(os_name == "a" or os_name == "b") and python_full_version < "3.9"',
        ),
    ],
)
def test_python_and_platform_are_markers(value: str, marker: str) -> None:
    (part,) = _parts(value)
    assert isinstance(part, DeclaredRequirement)
    assert str(part.requirement.marker) == marker


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ('"^"', "X '^' isn't one of Poetry's constraints"),
        ('{ version = "1", python = "a" }', "the Python of X 'a' isn't one of Poetry's constraints"),
        ('{ platform = "a b" }', "the platform 'a b' isn't understood"),
        ('{ markers = "x" }', "'x' isn't an environment marker"),
        ('{ version = "1", callback = 1 }', "X in [tool.poetry.dependencies] isn't understood"),
        ("1", "X in [tool.poetry.dependencies] isn't understood"),
        ('["1", 2]', "X in [tool.poetry.dependencies] isn't understood"),
        ('{ source = "PyPI" }', "X is pinned to the public index"),
        ('{ source = "a", platform = "linux" }', "X comes from the source 'a' on some targets only"),
        ('{ path = "absent" }', "there is no file or directory 'absent'"),
        ('{ git = "../x" }', "isn't the URL of X"),
        ('{ extras = ["?"] }', "isn't a requirement"),
    ],
)
def test_what_cant_be_honoured_is_refused_by_name(value: str, message: str) -> None:
    with pytest.raises(RequirementError) as caught:
        _parts(value)
    assert message in caught.value.message


def test_pre_releases_of_one_project_may_be_wanted() -> None:
    value = '[{ version = "1", python = "<3.9", allow-prereleases = true }, { version = "^2" }]'
    assert [part.project for part in _parts(value) if isinstance(part, PrePackage)] == ["x"]
    assert not any(isinstance(part, PrePackage) for part in _parts('{ version = "1", allow-prereleases = false }'))


def test_a_key_that_isnt_a_name_is_refused() -> None:
    tool = _tool('[tool.poetry.dependencies]\n"\\u001b[31m" = { version = "1", allow-prereleases = true }')
    with pytest.raises(RequirementError, match=r"isn't the name of a project") as caught:
        list(tool.dependencies([]))
    assert "\x1b" not in str(caught.value)


def test_an_extra_of_what_isnt_there_is_refused() -> None:
    tool = _tool("[tool.poetry]\nextras.a = ['x']")
    with pytest.raises(RequirementError, match="an extra names 'x', which isn't among the dependencies"):
        list(tool.dependencies(["a"]))


def _sources(*tables: str) -> tuple[str | None, tuple[str, ...], list[tuple[str | None, bool]]]:
    text = "\n".join(f"[[tool.poetry.source]]\n{table}" for table in tables)
    options = _tool(text).options()
    return options.index_url, options.extra_index_urls, [(index.name, index.explicit) for index in options.indexes]


A, B = 'name = "A"\nurl = "https://a.example/"\n', 'name = "b"\nurl = "https://b.example/"\n'


@pytest.mark.parametrize("kind", ["", 'priority = "primary"', 'priority = "default"', "default = true"])
def test_a_primary_source_takes_the_place_of_the_public_index(kind: str) -> None:
    assert _sources(A + kind, B) == ("https://a.example/", ("https://b.example/",), [("a", True), ("b", True)])


def test_a_primary_source_beside_the_public_index_comes_first() -> None:
    assert _sources(A, 'name = "PyPI"') == (None, (), [("a", False)])


@pytest.mark.parametrize("kind", ['priority = "supplemental"', 'priority = "secondary"', "secondary = true"])
def test_a_supplemental_source_is_another_index_before_the_public_one(kind: str) -> None:
    assert _sources(A + kind) == (None, ("https://a.example/",), [("a", True)])


def test_an_explicit_source_is_asked_for_pins_alone() -> None:
    assert _sources(A + 'priority = "explicit"') == (None, (), [("a", True)])


def test_an_unknown_priority_is_refused() -> None:
    with pytest.raises(RequirementError, match=r"\[tool\.poetry\] isn't understood: .*priority"):
        _sources(A + 'priority = "last"')


_VALUES = st.recursive(
    st.booleans() | st.integers() | st.sampled_from(["x", "^1", "1 || 2", "lib", "https://git.example/x", "a b", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["version", "python", "platform", "markers", "git", "rev", "path", "url", "source", "extras"]
            ),
            inner,
        )
    ),
    max_leaves=6,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "dependencies": st.dictionaries(st.sampled_from(["x", "y", "python", "?", ""]), _VALUES, max_size=3),
            "dev-dependencies": _VALUES,
            "extras": st.dictionaries(st.just("e"), st.lists(st.sampled_from(["x", "y", "?"]))) | _VALUES,
            "group": st.dictionaries(
                st.just("g"),
                st.fixed_dictionaries({}, optional={"dependencies": _VALUES, "include-groups": st.just(["g", "dev"])}),
            ),
            "source": st.lists(st.dictionaries(st.sampled_from(["name", "url", "priority"]), _VALUES)),
        },
    )
)
def test_no_table_does_worse_than_a_requirement_error(table: dict[str, Any]) -> None:
    with contextlib.suppress(RequirementError):
        tool = PoetryTool.read(table, TomlDocument.parse("", "pyproject.toml"), DISK.locate)
        tool.options()
        for group in tool.groups:
            list(tool.group(group))
        list(tool.dependencies(list(tool.extras)))


@given(
    st.lists(st.sampled_from(["^1", "~2.1", "3.*", "<1", ">=4", "1.5", ">2,<4", "!=2", "^0.3"]), min_size=2, max_size=4)
)
def test_one_set_says_what_the_alternatives_say(alternatives: list[str]) -> None:
    try:
        (part,) = _parts(f'"{" || ".join(alternatives)}"')
    except RequirementError:
        return
    assert isinstance(part, DeclaredRequirement)
    each = []
    for text in alternatives:
        (alone,) = _parts(f'"{text}"')
        assert isinstance(alone, DeclaredRequirement)
        each.append(alone.requirement.specifier)
    for version in (f"{major}.{minor}{end}" for major in range(6) for minor in range(7) for end in ("", ".1")):
        assert (version in part.requirement.specifier) == any(version in specifier for specifier in each), version
