from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bundler.errors import NotFound, ResolutionError
from bundler.resolution.candidates import Catalogue
from bundler.resolution.resolver import resolve
from tests.end_to_end.running import run
from tests.packse.loading import Scenario, scenarios
from tests.resolution.wanted import unbounded

#: Scenarios in which we differ on purpose, each with the reason.
DIFFERENT_ON_PURPOSE: Mapping[str, str] = {
    "requires_python/python-less-than-current": (
        "a version that says Requires-Python <=3.8 is expected for 3.9, since uv ignores upper bounds; "
        "pip obeys them and would refuse to install it from the bundle"
    ),
}

_ALL = list(scenarios())


def found(scenario: Scenario) -> dict[str, str] | None:
    """The pins; None where there is no solution."""
    try:
        resolution = resolve(
            scenario.wanted,
            scenario.target,
            scenario.source(),
            budget=unbounded(),
            catalogue=Catalogue(scenario.choices),
        )
    except (ResolutionError, NotFound):
        return None
    return {pin.name: str(pin.version) for pin in resolution.pins}


def agrees(scenario: Scenario) -> bool:
    """Whether we find what is expected; some scenarios say only whether there is a solution."""
    pins = found(scenario)
    if pins is None or not scenario.satisfiable:
        return (pins is not None) == scenario.satisfiable
    return not scenario.pins or pins == scenario.pins


@pytest.mark.parametrize("scenario", _ALL, ids=lambda scenario: scenario.name)
def test_a_scenario_for_one_environment_comes_out_as_expected(scenario: Scenario) -> None:
    assert agrees(scenario) == (scenario.name not in DIFFERENT_ON_PURPOSE), (found(scenario), scenario.pins)


def test_all_135_scenarios_for_one_environment_are_asked() -> None:
    assert len(_ALL) == 135
    assert DIFFERENT_ON_PURPOSE.keys() <= {scenario.name for scenario in _ALL}


@pytest.mark.slow
def test_the_suites_own_scorer_agrees_while_running_any_sdist_is_a_trap(tmp_path: Path) -> None:
    """`bundler lock` as a process, against indexes on disk whose sdists raise when their code is run."""
    scorer = (sys.executable, Path(__file__).parent / "packse_index.py")
    scenarios = Path(__file__).parent / "scenarios"
    run((*scorer, "build", scenarios, tmp_path / "out", "--trap"))
    command = f"{shlex.quote(sys.executable)} -m bundler"
    told = run(
        (*scorer, "score-bundler", scenarios, tmp_path / "out"), cwd=tmp_path, env={"BUNDLER": command}, timeout=900
    )
    *lines, tally = told.splitlines()
    failed = {line.split()[1].rstrip(":") for line in lines if line.startswith("FAIL")}
    assert failed == DIFFERENT_ON_PURPOSE.keys()
    assert json.loads(tally)["single"] == {"pass": 134, "fail": 1, "skip": 1}
    assert "TRAP" not in told
