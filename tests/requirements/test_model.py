from __future__ import annotations

from bundler.requirements.model import Origin, RequirementSet


def test_an_origin_reads_as_file_and_line() -> None:
    assert str(Origin(source="requirements.txt", line=3)) == "requirements.txt:3"
    assert str(Origin(source="command line")) == "command line"


def test_a_set_needs_no_constraints() -> None:
    assert RequirementSet(requirements=()).constraints == ()
