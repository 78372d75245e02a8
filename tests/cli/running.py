"""Run the command line inside the test's process, and look at what it leaves."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bundler.cli.main import main

__all__ = ["Outcome", "left_in", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Outcome:
    """What the command line prints, and the code it exits with; a traceback only where -vv asks for it."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert "-vv" in arguments or "Traceback" not in err
    assert isinstance(caught.value.code, int)
    return Outcome(code=caught.value.code, out=out, err=err)


def left_in(directory: Path) -> list[str]:
    """Everything in a directory, hidden or not."""
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*"))
