from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import RequirementError
from bundler.requirements.model import RequirementSet
from bundler.requirements.projects.pyproject import Project, read_project
from tests.requirements.disk import Disk, sample

DISK = Disk({"shared-models/": b"", "app/wheelhouse/": b"", "app/lib/": b""})


def _project(text: str | bytes) -> Project:
    data = text.encode() if isinstance(text, str) else text
    return read_project(data, "app/pyproject.toml", locate=DISK.locate)


def _wanted(text: str | bytes, *, extras: str = "", groups: str = "") -> RequirementSet:
    return _project(text).wanted(extras=extras.split(), groups=groups.split())


def _texts(wanted: RequirementSet) -> list[str]:
    return [f"{each.origin.line} {each.requirement}" for each in wanted.requirements]


def _refusal(text: str, *, extras: str = "", groups: str = "") -> RequirementError:
    with pytest.raises(RequirementError) as caught:
        _wanted(text, extras=extras, groups=groups)
    assert caught.value.origin.startswith("app/pyproject.toml")
    return caught.value


def test_a_project_needs_its_dependencies_and_not_itself() -> None:
    assert _texts(_wanted(sample("projects/hatchling.toml"))) == [
        "15 httpx[http2]<1,>=0.27",
        "16 pydantic!=2.9.0,>=2.6",
        '17 tomli>=2; python_version < "3.11"',
        '18 uvloop>=0.19; sys_platform != "win32" and implementation_name == "cpython"',
    ]


def test_extras_that_ask_for_extras_of_the_same_project_are_followed() -> None:
    assert _texts(_wanted(sample("projects/hatchling.toml"), extras="all"))[4:] == [
        "24 matplotlib>=3.8",
        "25 numpy>=1.26",
        "22 asyncpg>=0.29",
        '27 orjson>=3.10; platform_machine != "armv7l" and sys_platform == "linux"',
    ]


def test_groups_include_groups_and_may_ask_for_extras() -> None:
    sample_project = sample("projects/hatchling.toml")
    assert _project(sample_project).groups == ("dev", "docs", "test", "typing")
    texts = _texts(_wanted(sample_project, groups="dev"))
    assert texts[4:9] == [
        "41 mypy==1.14.*",
        "40 pytest>=8",
        "40 pytest-asyncio~=0.24",
        "42 mkdocs-material>=9.5",
        "43 ruff>=0.9",
    ]
    assert "25 numpy>=1.26" in texts[9:]


def test_groups_need_no_project() -> None:
    project = _project(sample("projects/groups.toml"))
    assert (project.extras, project.groups) == ((), ("all", "geo-data", "lint", "notebooks"))
    assert _texts(project.wanted(extras=(), groups=["all"])) == [
        "6 geopandas>=1.0",
        "4 jupyterlab>=4.3",
        "4 pandas>=2.2",
        "4 ipywidgets",
        '8 rasterio>=1.4; sys_platform != "win32"',
        "10 nbqa",
        "10 ruff>=0.9",
    ]


def test_uv_says_where_dependencies_come_from() -> None:
    wanted = _wanted(sample("projects/uv.toml"), extras="cuda", groups="dev")
    assert _texts(wanted) == [
        "7 fastapi>=0.115",
        "8 torch>=2.5",
        "9 torchvision",
        "13 tritonclient[http]>=2.50",
        "14 houses-secrets>=1.0",
        "25 pytest>=8.3",
        "25 coverage[toml]",
        "18 bitsandbytes>=0.44",
    ]
    assert [each.name for each in wanted.references] == [
        *("segment-anything", "image-tools", "shared-models"),
        *("tritonclient", "tritonclient"),
    ]
    assert (
        wanted.references[1].url == "git+ssh://git@git.example/team/tools.git@v1.2.0#subdirectory=python/image%20tools"
    )
    assert wanted.references[2].url == "file:///w/shared-models/"
    assert [str(each.requirement) for each in wanted.constraints] == ["grpcio<1.65"]
    assert [str(each.origin) for each in wanted.overrides] == ["app/pyproject.toml:27"] * 2
    assert wanted.options.index_url == "https://index.example/simple/"
    assert wanted.options.find_links == ("file:///w/app/wheelhouse/", "https://files.example/links/")
    assert [(index.name, index.projects, index.explicit) for index in wanted.options.indexes] == [
        ("pytorch-cpu", ("torch", "torchvision"), True),
        ("house", ("houses-secrets", "bitsandbytes"), False),
    ]


def test_poetry_alone_describes_a_project() -> None:
    disk = Disk({"from-path/": b""})
    project = read_project(sample("projects/poetry.toml"), "in/pyproject.toml", locate=disk.locate)
    assert (project.extras, project.groups) == (("cache", "postgres"), ("dev", "docs", "test"))
    wanted = project.wanted(extras=["cache"], groups=["docs"])
    assert (len(wanted.requirements), len(wanted.references)) == (29, 4)
    assert _texts(wanted)[-2:] == ["46 long-form[all]<8,>=7.1", "65 mkdocs<2,>=1.6"]
    assert "44 redis<6,>=5.0" in _texts(wanted)
    assert [(index.name, index.projects) for index in wanted.options.indexes] == [("house", ("from-source",))]
    assert wanted.options.extra_index_urls == ("https://mirror.example/simple/",)


def test_poetry_adds_to_what_a_project_asks_for() -> None:
    wanted = _wanted(sample("projects/poetry2.toml"), groups="all dev")
    assert _texts(wanted) == [
        "6 requests<3.0.0,>=2.32.3",
        "7 house-client>=1.4",
        "14 pytest>=8.3",
        "21 house-client<2",
        "25 ruff<0.10,>=0.9",
        "31 sphinx<9,>=8",
        "25 ruff<0.10,>=0.9",
    ]
    assert [(index.name, index.projects) for index in wanted.options.indexes] == [("house", ("house-client",))]
    assert '22 pillow; sys_platform != "win32"' in _texts(_wanted(sample("projects/poetry2.toml"), extras="images"))


def test_a_project_may_leave_its_dependencies_to_poetry() -> None:
    text = "[project]\nname = 'a'\ndynamic = ['dependencies']\n[tool.poetry.dependencies]\nx = '^1'"
    assert _texts(_wanted(text)) == ["5 x<2,>=1"]


def test_dynamic_dependencies_are_refused_with_the_files_that_hold_them() -> None:
    text = sample("projects/setuptools.toml").decode()
    error = _refusal(text)
    assert "dependencies are dynamic" in error.message
    assert error.hint == "give the file that holds them, -r requirements/base.txt -r requirements/web.txt"
    error = _refusal(text.replace('"dependencies", ', ""), extras="test")
    assert "optional-dependencies are dynamic" in error.message
    assert "-r requirements/test.txt" in (error.hint or "")


@pytest.mark.parametrize("dynamic", ["1", "{ attr = 'x' }", "{ file = 1 }", "{ file = [1] }"])
def test_dynamic_dependencies_without_a_file_are_refused_too(dynamic: str) -> None:
    text = f"[project]\nname = 'a'\ndynamic = ['dependencies']\n[tool.setuptools.dynamic]\ndependencies = {dynamic}"
    assert "give a lock" in (_refusal(text).hint or "")


@pytest.mark.parametrize(
    ("text", "hint"), [("", None), ("[tool.ruff]", None), ("[dependency-groups]\na = []\nB = []", "with --group: a, b")]
)
def test_a_file_that_asks_for_nothing_is_refused(text: str, hint: str | None) -> None:
    error = _refusal(text)
    assert "neither [project] nor [tool.poetry.dependencies]" in error.message
    assert error.hint == hint or (hint is not None and hint in (error.hint or ""))


EXTRAS = "[project]\nname = 'Me'\n[project.optional-dependencies]\n"
GROUPS = "[dependency-groups]\n"


def test_extras_that_ask_for_each_other_end() -> None:
    text = EXTRAS + 'a = ["x", "me[b] ; os_name == \'nt\'"]\nb = ["y", "me[A]; sys_platform == \'win32\'"]'
    assert _texts(_wanted(text, extras="a")) == [
        "4 x",
        '5 y; os_name == "nt"',
        '4 x; os_name == "nt" and sys_platform == "win32"',
        '5 y; os_name == "nt" and sys_platform == "win32"',
    ]


def test_extras_that_double_at_every_step_are_refused() -> None:
    lines = [f"e{n} = [\"me[e{n + 1}]; os_name == '{n}'\", \"me[e{n + 1}]; os_name != '{n}'\"]" for n in range(40)]
    assert "too many ways" in _refusal(EXTRAS + "\n".join(lines) + "\ne40 = []", extras="e0").message


def test_a_project_that_asks_for_itself_asks_for_nothing_more() -> None:
    assert _texts(_wanted(f"{GROUPS}a = ['me', 'x']\n[project]\nname = 'ME'", groups="a")) == ["2 x"]


def test_groups_that_include_others_twice_end_soon() -> None:
    lines = [f'g{n} = [{{ include-group = "g{n + 1}" }}, {{ include-group = "g{n + 1}" }}]' for n in range(40)]
    assert _texts(_wanted(GROUPS + "\n".join(lines) + '\ng40 = ["x"]', groups="g0")) == ["42 x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = [{ include-group = 'a' }]", "the group 'a' includes itself"),
        ("a = [{ include-group = 'B' }]\nb = [{ include-group = 'a' }]", "the group 'a' includes itself"),
        ("a = [{ include-group = 'c' }]", "there is no group 'c' to include"),
        ("a = []\nA = []", "there are two groups 'A'"),
        ("a = [{ include = 'b' }]", "isn't understood"),
        ("a = [{ include-group = 'b', x = 1 }]\nb = []", "isn't understood"),
        ("a = 'x'", "isn't understood"),
        ("a = [1]", "isn't understood"),
        ("a = ['?']", "'?' isn't a requirement"),
        (
            "\n".join(f"g{n} = [{{ include-group = 'g{n + 1}' }}]" for n in range(60))
            + "\ng60 = []\na = [{ include-group = 'g0' }]",
            "more than 50 groups",
        ),
    ],
)
def test_groups_that_break_a_rule_are_refused(text: str, message: str) -> None:
    assert message in _refusal(GROUPS + text, groups="a").message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = []\nA = []", "there are two extras 'A'"),
        ("a = ['me[b]']", "there is no extra 'b'"),
        ("a = ['x=1']", "'x=1' isn't a requirement"),
        ("a = 1", "isn't understood"),
        ("a = ['me[']", "'me[' isn't a requirement"),
    ],
)
def test_extras_that_break_a_rule_are_refused(text: str, message: str) -> None:
    assert message in _refusal(EXTRAS + text, extras="a").message


def test_the_legacy_dependencies_of_uv_join_the_group_dev() -> None:
    text = f"{GROUPS}DEV = ['x']\n[tool.uv]\ndev-dependencies = ['y']"
    assert _texts(_wanted(text, groups="dev")) == ["2 x", "4 y"]


def test_only_what_is_asked_for_and_there_is_taken() -> None:
    assert _texts(_wanted(EXTRAS + "a = ['x']", extras="a b", groups="")) == ["4 x"]


_TEXTS = st.sampled_from(
    ["x", "x>=1", "me[a]", "me[b]; os_name == 'nt'", "?", "x @ https://files.example/x-1.0.zip", ""]
)
_VALUES = st.recursive(
    st.booleans() | st.integers() | _TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "include-group", "file", "version", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
_LISTS = st.dictionaries(
    st.sampled_from(["a", "b", "A"]),
    st.lists(_TEXTS | st.fixed_dictionaries({"include-group": st.sampled_from(["a", "b"])}), max_size=3) | _VALUES,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "project": st.fixed_dictionaries(
                {"name": st.just("me")},
                optional={
                    "dependencies": st.lists(_TEXTS) | _VALUES,
                    "optional-dependencies": _LISTS,
                    "dynamic": st.lists(st.sampled_from(["dependencies", "optional-dependencies", "version"]))
                    | _VALUES,
                },
            )
            | _VALUES,
            "dependency-groups": _LISTS | _VALUES,
            "tool": st.dictionaries(st.sampled_from(["uv", "poetry", "setuptools"]), _VALUES) | _VALUES,
        },
    )
)
def test_no_document_does_worse_than_a_requirement_error(document: Mapping[str, Any]) -> None:
    with contextlib.suppress(RequirementError):
        project = _project(tomli_w.dumps(document))
        project.wanted(extras=project.extras, groups=project.groups)


@given(st.binary(max_size=200))
def test_no_bytes_do_worse_than_a_requirement_error(data: bytes) -> None:
    with contextlib.suppress(RequirementError):
        _wanted(data)
