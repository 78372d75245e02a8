from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from bundler.distributions import CoreMetadata, Sdist, parse_filename
from bundler.errors import UnusableFile
from bundler.sdist_metadata import static_sdist_metadata

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
