from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.metadata import Metadata
from packaging.requirements import Requirement

from bundler.distributions import CoreMetadata, Sdist, parse_filename
from bundler.errors import UnusableFile
from bundler.sdist_metadata import static_sdist_metadata, static_tree_metadata

OLD = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
PROJECT = '[project]\nname = "demo"\nversion = "1.0"\n'


def read(pkg_info: bytes, pyproject: str | bytes | None = None) -> CoreMetadata:
    sdist = parse_filename("demo-1.0.tar.gz")
    assert isinstance(sdist, Sdist)
    return static_sdist_metadata(pkg_info, pyproject.encode() if isinstance(pyproject, str) else pyproject, sdist)


def test_pkg_info_of_version_2_2_is_the_truth() -> None:
    info = b"Metadata-Version: 2.2\nName: demo\nVersion: 1.0\nDynamic: License\nRequires-Dist: a>=1\n"
    metadata = read(info, PROJECT + 'dependencies = ["other"]\n')
    assert metadata.requires_dist == (Requirement("a>=1"),)


@pytest.mark.parametrize("field", ["Requires-Dist", "requires-python", "Provides-Extra"])
def test_a_dynamic_field_in_pkg_info_leaves_it_to_pyproject(field: str) -> None:
    info = f"Metadata-Version: 2.4\nName: demo\nVersion: 1.0\nDynamic: {field}\n".encode()
    assert read(info, PROJECT + 'dependencies = ["a"]\n').requires_dist == (Requirement("a"),)
    with pytest.raises(UnusableFile, match=f"dynamic {field.lower()}, no .project. table"):
        read(info)


def test_a_project_table_gives_requirements_extras_and_python() -> None:
    table = """
        requires-python = ">=3.9"
        dependencies = ["a>=1; os_name == 'nt' or os_name == 'posix'", "u @ https://files.example/u.zip;x"]
        [project.optional-dependencies]
        Big_Extra = ["b[x]<2", "c; python_version < '3.12' or os_name == 'nt'", "u @ https://files.example/u.zip"]
    """
    metadata = read(OLD, PROJECT + table)
    assert metadata.extras == ("big-extra",)
    assert str(metadata.requires_python) == ">=3.9"
    assert [str(requirement) for requirement in metadata.requires_dist] == [
        'a>=1; os_name == "nt" or os_name == "posix"',
        "u @ https://files.example/u.zip;x",
        'b[x]<2; extra == "big-extra"',
        'c; (python_version < "3.12" or os_name == "nt") and extra == "big-extra"',
        'u @ https://files.example/u.zip ; extra == "big-extra"',
    ]


def test_shared_requirements_are_left_as_they_were() -> None:
    read(OLD, PROJECT + '[project.optional-dependencies]\nx = ["shared"]\n')
    assert read(OLD, PROJECT + 'dependencies = ["shared"]\n').requires_dist[0].marker is None


@pytest.mark.parametrize(
    ("pyproject", "reason"),
    [
        (None, r"\(PKG-INFO of version 2.1, no \[project\] table\)"),
        ("", r"no \[project\] table"),
        ('[build-system]\nrequires = ["setuptools"]\n', r"no \[project\] table"),
        (PROJECT + 'dynamic = ["dependencies"]\n', "dynamic dependencies"),
        (PROJECT + 'dynamic = ["optional-dependencies"]\n', "dynamic optional-dependencies"),
        (PROJECT + 'dynamic = ["requires-python"]\n', "dynamic requires-python"),
        ('[project]\nname = "demo"\ndynamic = ["version"]\n', "dynamic version"),
        ('[project]\nname = "demo"\n', "without a version"),
        (PROJECT + '[tool.poetry.dependencies]\na = "*"\n', r"\[tool.poetry\]"),
    ],
)
def test_what_only_a_build_could_tell_is_refused_and_says_so(pyproject: str | None, reason: str) -> None:
    with pytest.raises(UnusableFile, match=reason) as caught:
        read(OLD, pyproject)
    assert caught.value.message.startswith("demo-1.0.tar.gz: its metadata isn't static (")
    assert caught.value.message.endswith("), and running its code isn't allowed")


@pytest.mark.parametrize(
    "pyproject",
    [
        b"\xff",
        "[project",
        "a = " + "[" * 100_000,
        'project = "x"\n',
        PROJECT + 'dependencies = "a"\n',
        PROJECT + "dependencies = [1]\n",
        PROJECT + 'dependencies = ["not a requirement!"]\n',
        PROJECT + 'requires-python = "three"\n',
        PROJECT + 'requires-python = ">=3\\nRequires-Dist: evil"\n',
        PROJECT + "[project.optional-dependencies]\n'not an extra!' = []\n",
        PROJECT + "[project.optional-dependencies]\nx = 'a'\n",
        '[project]\nname = "other"\nversion = "1.0"\n',
        '[project]\nname = "demo"\nversion = "2.0"\n',
    ],
)
def test_a_broken_pyproject_makes_the_file_unusable(pyproject: str | bytes) -> None:
    with pytest.raises(UnusableFile, match=r"^demo-1\.0\.tar\.gz: its (pyproject\.toml|metadata) "):
        read(OLD, pyproject)


def test_a_pkg_info_of_another_project_is_refused() -> None:
    with pytest.raises(UnusableFile, match="its metadata is of other"):
        read(b"Metadata-Version: 2.2\nName: other\nVersion: 1.0\n")


def test_a_tree_is_described_by_its_project_table() -> None:
    table = 'dependencies = ["a>=1"]\n[project.optional-dependencies]\nx = ["b"]\n'
    sdist, text = static_tree_metadata(OLD, (PROJECT + table).replace('"demo"', '"De.mo-X"').encode(), "here")
    assert (sdist.filename, sdist.name) == ("de_mo_x-1.0.tar.gz", "de-mo-x")
    assert text.startswith(b"Metadata-Version: 2.2\nName: De.mo-X\nVersion: 1.0\nRequires-Dist: a>=1\n")
    metadata = static_sdist_metadata(text, None, sdist)
    assert [str(requirement) for requirement in metadata.requires_dist] == ["a>=1", 'b; extra == "x"']
    assert "summary" in metadata.dynamic


def test_the_pkg_info_of_a_tree_satisfies_packaging() -> None:
    _, text = static_tree_metadata(None, (PROJECT + 'requires-python = ">=3.9"\n').encode(), "here")
    metadata = Metadata.from_email(text)
    assert (metadata.name, str(metadata.version), str(metadata.requires_python)) == ("demo", "1.0", ">=3.9")


def test_a_project_table_goes_before_a_pkg_info_that_may_be_old() -> None:
    info = b"Metadata-Version: 2.2\nName: demo\nVersion: 0.9\n"
    assert static_tree_metadata(info, PROJECT.encode(), "here")[0].filename == "demo-1.0.tar.gz"


@pytest.mark.parametrize("pyproject", [None, b'[project]\nname = "demo"\ndynamic = ["version"]\n'])
def test_a_static_pkg_info_describes_a_tree_that_was_an_sdist(pyproject: bytes | None) -> None:
    info = b"Metadata-Version: 2.2\nName: demo\nVersion: 1.0\n\nText"
    sdist, text = static_tree_metadata(info, pyproject, "here")
    assert (sdist.filename, text) == ("demo-1.0.tar.gz", info)


@pytest.mark.parametrize(
    ("pkg_info", "pyproject", "reason"),
    [
        (None, None, r"isn't static \(no PKG-INFO, no \[project\] table\)"),
        (None, '[project]\nname = "demo"\ndynamic = ["version"]\n', "dynamic version"),
        (OLD, None, "PKG-INFO of version 2.1, no .project. table"),
        (b"Metadata-Version: 2.2\nName: demo\nVersion: 1\nDynamic: Requires-Dist\n", None, "dynamic requires-dist"),
        (None, PROJECT.replace("1.0", "one"), "no valid version"),
        (None, PROJECT.replace("1.0", "1\\nRequires-Dist: evil"), "line break in Version"),
        (None, PROJECT.replace("demo", "../demo"), "no valid name"),
        (None, PROJECT.replace("demo", "x" * 300), "unsafe file name"),
        (None, "[project", "can't be read"),
        (b"Name: ?\n", None, "no valid name"),
    ],
)
def test_a_tree_that_only_a_build_could_describe_is_refused(
    pkg_info: bytes | None, pyproject: str | None, reason: str
) -> None:
    with pytest.raises(UnusableFile, match=reason):
        static_tree_metadata(pkg_info, None if pyproject is None else pyproject.encode(), "here")


@given(
    st.binary(max_size=200),
    st.binary(max_size=200) | st.text("[]project=\"'\n.10ndversiam", max_size=80).map(str.encode),
)
def test_any_two_files_describe_a_tree_or_are_refused(pkg_info: bytes, pyproject: bytes) -> None:
    with suppress(UnusableFile):
        static_tree_metadata(pkg_info, pyproject, "here")
