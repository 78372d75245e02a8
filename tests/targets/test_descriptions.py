from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import UsageError
from bundler.targets.descriptions import describe, from_description, read_descriptions
from bundler.targets.model import Target
from bundler.targets.platforms import known_platforms, running_target, targets_for

SAMPLES = Path(__file__).parent / "samples"


def _description(**changes: object) -> dict[str, Any]:
    return {**describe(targets_for(["3.12"], ["windows-x86_64"])[0]), **changes}


def _environment(**changes: str) -> dict[str, str]:
    return {**_description()["environment"], **changes}


@pytest.mark.parametrize(
    "target",
    [running_target(), *targets_for(["3.12.4", "3.14t", "pypy3.11"], [name for name, _ in known_platforms()])],
    ids=lambda target: target.name,
)
def test_a_description_gives_the_same_target_back(target: Target) -> None:
    assert from_description(describe(target)) == target
    assert read_descriptions(json.dumps(describe(target)), "target.json") == (target,)
    assert read_descriptions(json.dumps([describe(target)] * 2), "targets.json") == (target, target)


def test_a_description_is_plain_data_in_a_stated_order() -> None:
    description = describe(targets_for(["3.12"], ["windows-x86_64"])[0])
    assert list(description) == ["name", "environment", "tags"]
    assert description["name"] == "cp312-windows-x86_64"
    assert _description()["tags"][0] == "cp312-cp312-win_amd64"


def test_the_order_of_the_environment_in_the_file_doesnt_matter() -> None:
    turned = dict(reversed(_environment().items()))
    assert from_description(_description(environment=turned)) == from_description(_description())


def test_a_byte_order_mark_does_no_harm() -> None:
    assert read_descriptions("\ufeff" + json.dumps(_description()), "x.json") == (from_description(_description()),)


def test_what_pex_writes_is_read_and_named() -> None:
    (target,) = read_descriptions((SAMPLES / "pex-complete-platform.json").read_text(), "pex.json")
    assert target.name == "cp311.7-linux-x86_64-glibc2.36"
    assert str(target.tags[0]) == "cp311-cp311-manylinux_2_36_x86_64"
    assert dict(target.environment)["python_full_version"] == "3.11.7"
    (ours,) = targets_for(["3.11.7"], ["linux-x86_64-glibc2.36"])
    assert set(target.tags) == set(ours.tags)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "truncated"),
        ("[]", "of length >= 1"),
        ("{}", "missing required field `name`"),
        ("[" * 100_000, "Expected `object`"),
        ('{"x":' * 100_000, "."),
        ('{"marker_environment": {}}', "missing required field `compatible_tags`"),
        ('{"marker_environment": {}, "compatible_tags": []}', "has no implementation_name"),
        ('"\ud800"', "surrogates"),
        ("x" * (9 << 20), "longer than"),
    ],
    ids=range(9),
)
def test_other_text_is_refused_naming_the_file(text: str, reason: str) -> None:
    with pytest.raises(UsageError, match=r"^far\.json isn't the description of a target: ") as caught:
        read_descriptions(text, "far.json")
    assert reason in caught.value.message
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    "changes",
    [
        {"name": 1},
        {"name": ""},
        {"name": "../x"},
        {"name": "a b"},
        {"name": "x" * 101},
        {"tags": []},
        {"tags": "py3-none-any"},
        {"tags": [1]},
        {"tags": ["py3-none"]},
        {"tags": ["py2.py3-none-any"]},
        {"tags": ["py3-none-any\n"]},
        {"tags": ["py3-none-any"] * 50_001},
        {"environment": []},
        {"environment": _environment() | {"os_name": 1}},
        {"environment": {key: value for key, value in _environment().items() if key != "os_name"}},
        {"environment": _environment(python_full_version="3")},
        {"environment": _environment(python_full_version="x")},
        {"environment": _environment(python_full_version="3." + "9" * 5000)},
        {"environment": _environment(python_full_version="3.11.0")},
        {"environment": _environment(python_full_version="3", python_version="3")},
        {"environment": _environment(platform_version="x" * 1001)},
        {"environment": _environment(platform_version="\x1b[31m")},
        {"environment": _environment(platform_machine='" or "x')},
    ],
    ids=range(23),
)
def test_a_description_out_of_bounds_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        from_description(_description(**changes))


def test_a_pex_file_with_a_hostile_implementation_gets_no_name() -> None:
    environment = _environment(implementation_name="a b")
    with pytest.raises(ValueError, match="can't be the name"):
        from_description({"marker_environment": environment, "compatible_tags": ["py3-none-any"]})


@given(st.text())
def test_no_text_does_worse_than_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        read_descriptions(text, "x.json")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(key=st.sampled_from(["name", "environment", "tags"]), value=_JSON)
def test_no_value_does_worse_than_a_usage_error(key: str, value: object) -> None:
    try:
        (target,) = read_descriptions(json.dumps(_description(**{key: value})), "x.json")
    except UsageError:
        return
    assert from_description(describe(target)) == target
