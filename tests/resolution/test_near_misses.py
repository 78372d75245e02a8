from __future__ import annotations

import pytest
from packaging.version import Version

from bundler.requirements.choices import Choices
from bundler.resolution.near_misses import grouped, miss_of, told_versions
from bundler.resolution.refusals import Reason, Rejection
from tests.resolution.wanted import LINUX

_EVERYTHING = [Version(f"1.{minor}") for minor in range(20, -1, -1)]


@pytest.mark.parametrize(
    ("minors", "told"),
    [
        ([3], "1.3"),
        ([4, 3], "1.3 and 1.4"),
        ([9, 2, 4], "1.2, 1.4 and 1.9"),
        ([2, 3, 4, 5], "1.2 to 1.5 (4 versions)"),
        ([2, 3, 4, 6], "4 versions from 1.2 to 1.6"),
    ],
)
def test_a_few_versions_are_named_and_many_are_a_range(minors: list[int], told: str) -> None:
    assert told_versions([Version(f"1.{minor}") for minor in minors], _EVERYTHING) == told


@pytest.mark.parametrize(
    ("requires_python", "reason", "remedy"),
    [
        (">=3.13", "needs Python >=3.13, the target has 3.12", ("choose --python 3.13",)),
        ("<3.11", "needs Python <3.11, the target has 3.12", ("choose --python 3.10",)),
        (">=3.12.4", "needs Python >=3.12.4, the target has 3.12.0", ("choose --python 3.12.4",)),
        (">=4", "needs Python >=4, the target has 3.12", ()),
        ("==2.7.*", "needs Python ==2.7.*, the target has 3.12", ()),
        ("nonsense", "needs Python nonsense, the target has 3.12", ()),
    ],
)
def test_another_python_is_named_where_one_would_do(requires_python: str, reason: str, remedy: tuple[str, ...]) -> None:
    rejection = Rejection(
        filename="a-1.0.tar.gz", version=Version("1.0"), reason=Reason.REQUIRES_PYTHON, detail=requires_python
    )
    miss = miss_of("a", [rejection], LINUX, Choices())
    assert (miss.reason, miss.remedies) == (reason, remedy)


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_can_be_told_of_a_wheel_and_of_an_sdist(reason: Reason) -> None:
    for filename in ("a-1.0-py3-none-any.whl", "a-1.0.tar.gz"):
        rejection = Rejection(filename=filename, version=Version("1.0"), reason=reason)
        assert grouped([miss_of("a", [rejection], LINUX, Choices())], _EVERYTHING)
