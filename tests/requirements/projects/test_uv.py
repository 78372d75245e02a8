from __future__ import annotations

import contextlib
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import RequirementError
from bundler.requirements.model import DeclaredReference, DeclaredRequirement
from bundler.requirements.options import Options
from bundler.requirements.projects.sources import Part, Pin
from bundler.requirements.projects.uv import UvTool
from bundler.requirements.toml_documents import TomlDocument
from tests.requirements.disk import Disk

DISK = Disk({"in/lib/": b"", "in/x-1.0.tar.gz": b"", "in/simple/": b"", "in/links/": b""})


def _tool(table: str | dict[str, Any]) -> UvTool:
    text = table if isinstance(table, str) else ""
    document = TomlDocument.parse(text, "in/pyproject.toml")
    return UvTool.read(tomllib.loads(text) if isinstance(table, str) else table, document, DISK.locate)


def _parts(source: str, requirement: str = "X[b,a]>=1; os_name == 'nt'", **section: str) -> list[Part]:
    return list(_tool(f"sources.x = {source}").parts(requirement, **section))


def _said(part: Part) -> str:
    if isinstance(part, DeclaredRequirement):
        return str(part.requirement)
    if isinstance(part, DeclaredReference):
        return f"{part.url} ; {part.marker}"
    return f"{part.project} from {part.index}" if isinstance(part, Pin) else part.project


def _refusal(source: str, requirement: str = "x") -> str:
    with pytest.raises(RequirementError) as caught:
        _parts(source, requirement)
    assert caught.value.hint or "and a source" in caught.value.message or "isn't understood" in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("source", "url"),
    [
        ('{ git = "https://git.example/x" }', "git+https://git.example/x"),
        ('{ git = "https://git.example/x", rev = "abc" }', "git+https://git.example/x@abc"),
        ('{ git = "https://git.example/x", tag = "v1" }', "git+https://git.example/x@v1"),
        (
            '{ git = "https://git.example/x", branch = "b", subdirectory = "y" }',
            "git+https://git.example/x@b#subdirectory=y",
        ),
        ('{ url = "https://files.example/x-1.0.tar.gz" }', "https://files.example/x-1.0.tar.gz"),
        ('{ path = "lib" }', "file:///w/in/lib/"),
        ('{ path = "../in/lib", editable = true }', "file:///w/in/lib/"),
        ('{ path = "x-1.0.tar.gz" }', "file:///w/in/x-1.0.tar.gz"),
        ('[{ path = "lib" }]', "file:///w/in/lib/"),
    ],
)
def test_a_source_takes_the_requirements_place(source: str, url: str) -> None:
    (part,) = _parts(source)
    assert isinstance(part, DeclaredReference)
    assert (part.name, part.url, part.extras, str(part.marker)) == ("x", url, ("a", "b"), 'os_name == "nt"')


def test_sources_with_markers_split_the_requirement() -> None:
    windows = """{ path = "lib", marker = "sys_platform == 'win32'" }"""
    source = f"""[{windows}, {{ git = "https://git.example/x", marker = "'1' in os_name" }}]"""
    assert [_said(part) for part in _parts(source, "x>=1; os_name != 'nt'")] == [
        'x>=1; os_name != "nt"',
        'file:///w/in/lib/ ; os_name != "nt" and sys_platform == "win32"',
        'git+https://git.example/x ; os_name != "nt" and "1" in os_name',
    ]


def test_a_source_without_a_marker_leaves_nothing_to_the_indexes() -> None:
    source = """[{ path = "lib", marker = "sys_platform == 'win32'" }, { git = "https://git.example/x" }]"""
    assert [_said(part) for part in _parts(source, "x>=1")] == [
        'file:///w/in/lib/ ; sys_platform == "win32"',
        "git+https://git.example/x ; None",
    ]


def test_an_index_keeps_the_requirement_and_pins_it() -> None:
    assert [_said(part) for part in _parts('{ index = "house" }', "x>=1")] == ["x>=1", "x from house"]


@pytest.mark.parametrize(
    ("section", "taken"), [({}, False), ({"extra": "gpu"}, True), ({"extra": "cpu"}, False), ({"group": "gpu"}, False)]
)
def test_a_source_may_be_for_one_extra(section: dict[str, str], taken: bool) -> None:
    parts = _parts('{ path = "lib", extra = "GPU" }', "x", **section)
    assert isinstance(parts[0], DeclaredReference) is taken


def test_a_source_may_be_for_one_group() -> None:
    assert isinstance(_parts('{ path = "lib", group = "dev" }', "x", group="dev")[0], DeclaredReference)
    assert isinstance(_parts('{ path = "lib", group = "dev" }', "x")[0], DeclaredRequirement)


def test_names_of_sources_are_normalized() -> None:
    (part,) = _tool('sources."A.b" = { path = "lib" }').parts("a_B")
    assert isinstance(part, DeclaredReference)


def test_a_source_that_nobody_asks_for_is_no_matter() -> None:
    (part,) = _tool("sources.y = { workspace = true }\nsources.z = 1").parts("x")
    assert _said(part) == "x"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{ workspace = true }", "takes x from a workspace"),
        ('{ workspace = true, editable = true, path = "lib" }', "takes x from a workspace"),
        ("{}", "takes x from nothing"),
        ('{ git = "https://git.example/x", path = "lib" }', "takes x from git and path"),
        ('{ index = "a", marker = "os_name == \'nt\'" }', "from the index 'a' on some targets only"),
        ('{ path = "absent" }', "there is no file or directory 'absent'"),
        ('{ path = "" }', "there is no file or directory ''"),
        ('{ path = "lib", package = false }', "the source of x in [tool.uv.sources] isn't understood"),
        ('{ git = "https://git.example/x", lfs = true }', "the source of x in [tool.uv.sources] isn't understood"),
        ("1", "the source of x in [tool.uv.sources] isn't understood"),
        ('["x"]', "the source of x in [tool.uv.sources] isn't understood"),
        ('{ git = "https://git.example/x", rev = "a b" }', "can't be told as the revision"),
    ],
)
def test_a_source_that_cant_be_honoured_is_refused_by_name(source: str, message: str) -> None:
    assert message in _refusal(source)


def test_a_url_and_a_source_are_refused() -> None:
    assert "x has both a URL and a source" in _refusal('{ path = "lib" }', "x @ https://files.example/x-1.0.tar.gz")


def test_indexes_and_places_are_options() -> None:
    options = _tool(
        """
        extra-index-url = ["https://extra.example/simple/"]
        find-links = ["links", "https://files.example/links/"]
        no-index = true
        [[index]]
        name = "house"
        url = "https://index.example/house/"
        [[index]]
        name = "local"
        url = "simple"
        explicit = true
        [[index]]
        url = "https://index.example/simple/"
        name = "main"
        default = true
        """
    ).options()
    assert options.index_url == "https://index.example/simple/"
    assert options.extra_index_urls == ("https://extra.example/simple/",)
    assert options.find_links == ("file:///w/in/links/", "https://files.example/links/")
    assert options.no_index
    assert [(index.name, index.url, index.explicit) for index in options.indexes] == [
        ("house", "https://index.example/house/", False),
        ("local", "file:///w/in/simple/", True),
        ("main", "https://index.example/simple/", True),  # for pins alone
    ]


def test_an_index_url_is_the_default() -> None:
    assert _tool('index-url = "https://index.example/simple/"').options().index_url == "https://index.example/simple/"


def test_a_flat_index_is_refused_by_name() -> None:
    with pytest.raises(RequirementError, match=r"\[tool\.uv\] isn't understood: .*flat"):
        _tool('index = [{ name = "a", url = "links", format = "flat" }]')


def test_constraints_and_overrides_go_by_name() -> None:
    tool = _tool('constraint-dependencies = ["a<2"]\noverride-dependencies = ["b>=1; os_name == \'nt\'"]')
    assert [f"{each.origin} {each.requirement}" for each in tool.constraints()] == ["in/pyproject.toml:1 a<2"]
    assert [str(each.requirement) for each in tool.overrides()] == ['b>=1; os_name == "nt"']


@pytest.mark.parametrize("key", ["constraint-dependencies", "override-dependencies"])
def test_a_constraint_by_url_is_refused(key: str) -> None:
    tool = _tool(f'{key} = ["a @ https://files.example/a-1.0.tar.gz"]')
    with pytest.raises(RequirementError, match=f"a is given by URL in {key}"):
        (*tool.constraints(), *tool.overrides())


@pytest.mark.parametrize(
    ("table", "wanted"),
    [
        ("no-binary = true", Options(no_binary=(":all:",))),
        ('no-binary-package = ["A_b", "c"]', Options(no_binary=("a-b", "c"))),
        ("no-build = true", Options(only_binary=(":all:",))),
        ('no-build = true\nno-build-package = ["A_b"]', Options(only_binary=(":all:", "a-b"))),
        ('prerelease = "allow"', Options(pre=True)),
        ('exclude-newer = "30 days"', Options(exclude_newer="30 days")),
        ("exclude-newer = 2026-01-31", Options(exclude_newer="2026-01-31")),
        ("exclude-newer = 2026-01-31T12:00:00Z", Options(exclude_newer="2026-01-31 12:00:00+00:00")),
        *((f'prerelease = "{value}"', Options()) for value in ("disallow", "explicit", "if-necessary")),
        ('resolution = "highest"\nexclude-dependencies = []', Options()),
    ],
)
def test_what_is_preferred_is_taken(table: str, wanted: Options) -> None:
    assert _tool(table).options() == wanted


@pytest.mark.parametrize(
    ("table", "key", "option"),
    [
        ("exclude-newer-package = { x = '2026-01-01' }", "exclude-newer-package", "--exclude-newer"),
        ('resolution = "lowest"', "resolution", "--resolution"),
        ('exclude-dependencies = ["x"]', "exclude-dependencies", "--exclude"),
        ('prerelease = "sometimes"', "prerelease", "--pre"),
    ],
)
def test_what_would_change_the_choice_is_refused_with_our_own_option(table: str, key: str, option: str) -> None:
    with pytest.raises(RequirementError) as caught:
        _tool(table).options()
    assert caught.value.message == f"in/pyproject.toml: {key} of [tool.uv] isn't taken"
    assert f"give {option}, " in (caught.value.hint or "")


def test_a_refused_setting_is_told_with_its_line() -> None:
    document = TomlDocument.parse('[tool.uv]\nresolution = "lowest"', "p")
    with pytest.raises(RequirementError, match=r"^p:2: "):
        UvTool.read(document.table["tool"]["uv"], document, DISK.locate).options()


def test_a_project_that_isnt_a_name_is_refused() -> None:
    with pytest.raises(RequirementError, match="':all:' isn't the name of a project"):
        _tool('no-build-package = [":all:"]').options()


def test_what_isnt_ours_is_passed_over() -> None:
    assert _tool('package = false\nworkspace = { members = ["x"] }\npip.pre = 3').options().indexes == ()


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["x", "lib", "https://git.example/x", "os_name == 'nt'"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["x", "git", "rev", "path", "url", "index", "marker", "subdirectory", "name", "default"]),
            inner,
        )
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "no-build-package",
                "exclude-newer",
                "prerelease",
                "sources",
                "index",
                "dev-dependencies",
                "constraint-dependencies",
                "override-dependencies",
                "find-links",
            ]
        ),
        _VALUES | st.dictionaries(st.just("x"), _VALUES),
    )
)
def test_no_table_does_worse_than_a_requirement_error(table: dict[str, Any]) -> None:
    with contextlib.suppress(RequirementError):
        tool = _tool(table)
        tool.options()
        tool.constraints()
        tool.overrides()
        list(tool.parts("x"))
