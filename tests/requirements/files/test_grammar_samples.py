"""Files as people and other tools write them, with other hosts."""

from __future__ import annotations

from bundler.requirements.files.grammar import Include, parse_file
from bundler.requirements.model import DeclaredReference, DeclaredRequirement, RequirementSet
from bundler.requirements.options import Options
from tests.requirements.disk import Disk, sample

_ENVIRONMENT = {"INDEX_USER": "ada", "INDEX_TOKEN": "s3cret"}
_DISK = Disk.holding(
    *("./", "wheelhouse/", "shop/", "shared-lib/", "downloads/numpy-1.9.2-cp34-none-win32.whl"),
    *("/srv/shop/", "/srv/shared-lib/", "/srv/wheels/local_wheel-2.1-py3-none-any.whl"),
)


def _sample(name: str) -> tuple[RequirementSet, list[Include]]:
    """The items of a sample, sorted by kind."""
    data = sample(f"requirements/{name}")
    items = list(parse_file(data, name, constraint=False, environment=_ENVIRONMENT, locate=_DISK.locate))
    options = Options()
    for item in items:
        options = options.joined(item) if isinstance(item, Options) else options
    wanted = RequirementSet(
        requirements=tuple(item for item in items if isinstance(item, DeclaredRequirement)),
        references=tuple(item for item in items if isinstance(item, DeclaredReference)),
        options=options,
    )
    return wanted, [item for item in items if isinstance(item, Include)]


def test_what_pip_compile_writes_is_understood() -> None:
    wanted, _ = _sample("pip-compile.txt")
    assert wanted.options == Options(
        index_url="https://index.example/simple/", extra_index_urls=("https://mirror.example/simple/",)
    )
    assert len(wanted.requirements) == 16
    assert all(declared.hashes for declared in wanted.requirements)
    assert str(wanted.requirements[0].requirement) == "anyio==4.16.0"
    assert str(wanted.requirements[-1].origin) == "pip-compile.txt:226"


def test_what_uv_exports_is_understood() -> None:
    wanted, _ = _sample("uv-export.txt")
    assert [reference.url for reference in wanted.references] == ["file:///w/"]
    assert [declared.requirement.name for declared in wanted.requirements] == [
        "click", "colorama", "iniconfig", "markdown-it-py", "mdurl", "pygments", "rich",
    ]  # fmt: skip
    assert {len(declared.hashes) for declared in wanted.requirements} == {2}


def test_what_poetry_exports_is_understood() -> None:
    wanted, _ = _sample("poetry-export.txt")
    assert wanted.options.extra_index_urls == ("https://packages.example/team/simple",)
    assert [str(reference.marker) for reference in wanted.references] == [
        'python_version >= "3.11" and python_version < "4.0"'
    ] * 2
    assert [reference.name for reference in wanted.references] == ["inner-tools", "shared-lib"]
    assert wanted.requirements[2].requirement.extras == {"http2"}


def test_what_pip_freezes_is_understood() -> None:
    wanted, _ = _sample("pip-freeze.txt")
    assert len(wanted.requirements) == 6
    assert [(reference.name, bool(reference.hashes)) for reference in wanted.references] == [
        (None, False),
        ("boto3", True),
        ("flask", False),
        ("inner-tools", False),
        ("local-wheel", True),
        ("shared-lib", False),
    ]


def test_a_file_with_everything_is_understood() -> None:
    wanted, includes = _sample("by-hand.txt")
    assert wanted.options == Options(
        index_url="https://ada:s3cret@index.example/simple/",
        extra_index_urls=("https://mirror.example/simple/",),
        find_links=("file:///w/wheelhouse/", "https://links.example/torch.html"),
        no_binary=("pillow", "lxml"),
        only_binary=(":all:",),
        pre=True,
        prefer_binary=True,
        require_hashes=True,
    )
    assert [(include.path, include.constraint) for include in includes] == [
        ("other-requirements.txt", False),
        ("with space/dev.txt", False),
        ("constraints.txt", True),
    ]
    assert [len(declared.hashes) for declared in wanted.requirements] == [0, 0, 0, 2]
    assert [reference.name for reference in wanted.references] == [
        "urllib3", "wxpython-phoenix", "numpy", None, None, "local-wheel", None,
    ]  # fmt: skip
