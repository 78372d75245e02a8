from __future__ import annotations

from collections.abc import Mapping

import pytest

from bundler.errors import NotFound, ResolutionError
from bundler.resolution.candidates import Catalogue
from bundler.resolution.resolver import resolve
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
