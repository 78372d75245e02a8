from __future__ import annotations

import pytest

from bundler.errors import Unavailable
from tests.support.memory_source import MemorySource
from tests.support.source_conformance import SourceConformance
from tests.support.wheels import core_metadata


@pytest.fixture
def source() -> MemorySource:
    source = MemorySource()
    requires = ("beta>=1", 'gamma; extra == "more"')
    source.add("alpha-1.0-py3-none-any.whl", requires=requires, extras=("more",))
    source.add("alpha-2.0-py3-none-any.whl", yanked="broken")
    source.add("beta-1.0.tar.gz", requires_python=">=3.9")
    source.add("delta-1.0-py3-none-any.whl", metadata=core_metadata("other", "1.0"))
    source.know("epsilon")
    return source


class TestMemorySource(SourceConformance):
    pass


def test_planted_errors_are_raised_and_questions_counted(source: MemorySource) -> None:
    source.fail_page("alpha", Unavailable("down"))
    with pytest.raises(Unavailable, match="down"):
        source.page("alpha")
    assert source.asked["alpha"] == 1
