from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from bundler.digests import Digest
from bundler.errors import RequirementError
from bundler.requirements.origins import Origin
from bundler.requirements.terms import check_hashes, python_condition, read_marker, read_name

ORIGIN = Origin(source="p.toml", line=3)
SHA256, SHA512 = Digest("sha256", "a" * 64), Digest("sha512", "b" * 128)


def test_a_name_is_read_strictly() -> None:
    assert read_name("Foo_Bar", "x.lock") == "foo-bar"
    with pytest.raises(RequirementError, match=r"^x\.lock: '-a' isn't the name of a project"):
        read_name("-a", "x.lock")


def test_a_marker_is_read() -> None:
    assert str(read_marker("os_name=='nt'", ORIGIN)) == 'os_name == "nt"'


@pytest.mark.parametrize("text", ["", "os_name", "((", "os_name == 'nt' ; x", "(" * 5000])
def test_what_isnt_a_marker_is_refused(text: str) -> None:
    with pytest.raises(RequirementError, match=r"^p\.toml:3: .* isn't an environment marker"):
        read_marker(text, ORIGIN)


@pytest.mark.parametrize(
    ("alternatives", "condition"),
    [
        (
            ["<3", ">=3.12,<4"],
            'python_full_version < "3" or python_full_version < "4" and python_full_version >= "3.12"',
        ),
        (["==3.12.*"], 'python_full_version == "3.12.*"'),
        (["<3", ""], ""),
        ([], ""),
    ],
)
def test_pythons_are_a_condition(alternatives: list[str], condition: str) -> None:
    assert python_condition(map(SpecifierSet, alternatives)) == condition


def test_one_of_the_hashes_must_be_by_sha256() -> None:
    for hashes in ((), (SHA256,), (SHA512, SHA256)):
        check_hashes(hashes, "x", ORIGIN, hint="write one")
    with pytest.raises(RequirementError) as caught:
        check_hashes((SHA512,), "x", ORIGIN, hint="write one")
    assert caught.value.message == "p.toml:3: x has no hash by sha256, and an index states no other"
    assert caught.value.hint == "write one"
