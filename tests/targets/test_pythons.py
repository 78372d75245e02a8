from __future__ import annotations

import pytest
from packaging.tags import Tag

from bundler.errors import UsageError
from bundler.targets.pythons import KNOWN_PYTHONS, PYPY_VERSION, Python


def _tags(text: str, *platforms: str) -> list[str]:
    return [str(tag) for tag in Python.parse(text).tags(platforms)]


@pytest.mark.parametrize(
    ("text", "label", "full_version"),
    [
        ("3.12", "cp312", "3.12.0"),
        (" CPython3.12 ", "cp312", "3.12.0"),
        ("3.12.4", "cp312.4", "3.12.4"),
        ("3.12.0", "cp312", "3.12.0"),
        ("3.13t", "cp313t", "3.13.0"),
        ("3.13.1t", "cp313.1t", "3.13.1"),
        ("pypy3.11", "pp311", "3.11.0"),
        ("3.6", "cp36", "3.6.0"),
    ],
)
def test_every_form_has_its_label_and_full_version(text: str, label: str, full_version: str) -> None:
    python = Python.parse(text)
    assert (python.label, python.environment()["python_full_version"]) == (label, full_version)


def test_markers_of_cpython() -> None:
    assert Python.parse("3.12.4").environment() == {
        "implementation_name": "cpython",
        "implementation_version": "3.12.4",
        "platform_python_implementation": "CPython",
        "python_full_version": "3.12.4",
        "python_version": "3.12",
    }


def test_markers_of_pypy_state_its_own_version() -> None:
    environment = Python.parse("pypy3.11").environment()
    assert environment["implementation_name"] == "pypy"
    assert environment["platform_python_implementation"] == "PyPy"
    assert environment["implementation_version"] == PYPY_VERSION


def test_tags_of_cpython_stand_in_packagings_order() -> None:
    assert _tags("3.6", "p")[:5] == [
        "cp36-cp36m-p",
        "cp36-abi3-p",
        "cp36-none-p",
        "cp35-abi3-p",
        "cp34-abi3-p",
    ]
    tags = _tags("3.12", "a", "b")
    assert tags[:6] == [
        "cp312-cp312-a",
        "cp312-cp312-b",
        "cp312-abi3-a",
        "cp312-abi3-b",
        "cp312-none-a",
        "cp312-none-b",
    ]
    assert tags[-2:] == ["py31-none-any", "py30-none-any"]
    assert "cp312-none-any" in tags


def test_only_old_pythons_have_the_m_in_their_abi() -> None:
    assert _tags("3.7", "p")[0] == "cp37-cp37m-p"
    assert _tags("3.8", "p")[0] == "cp38-cp38-p"


def test_free_threaded_pythons_take_no_abi3_wheels() -> None:
    tags = _tags("3.13t", "p")
    assert tags[0] == "cp313-cp313t-p"
    assert not [tag for tag in tags if "-abi3-" in tag or tag == "cp313-cp313-p"]
    assert "cp313-abi3t-p" in tags
    assert "py3-none-any" in tags


def test_pypy_takes_its_own_abi_and_pure_wheels() -> None:
    tags = _tags("pypy3.11", "p")
    assert tags[:2] == ["pp311-pypy311_pp73-p", "pp311-none-p"]
    assert "pp3-none-any" in tags
    assert not [tag for tag in tags if tag.startswith("cp")]


@pytest.mark.parametrize("text", ["2.7", "3.5", "4.0", "3.12t", "pypy3.13t"])
def test_a_python_that_cant_be_a_target_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(UsageError, match=f"^Python {text} can't be a target: "):
        Python.parse(text)


@pytest.mark.parametrize("text", ["", "3", "py3.12", "3.12.", "3.123", "3.12.4.5", "٣.١٢", "3.12 3.13", "jython2.7"])
def test_another_form_is_refused_with_a_pointer(text: str) -> None:
    with pytest.raises(UsageError, match="unknown Python") as caught:
        Python.parse(text)
    assert "bundler target list" in (caught.value.hint or "")


def test_the_nearest_known_python_is_suggested() -> None:
    with pytest.raises(UsageError) as caught:
        Python.parse("312")
    assert "did you mean 3.12?" in (caught.value.hint or "")


def test_every_known_python_is_understood() -> None:
    assert all(Python.parse(name) and explanation for name, explanation in KNOWN_PYTHONS)


@pytest.mark.parametrize(
    ("abi", "label"), [("cp313", "cp313"), ("cp313t", "cp313t"), ("cp313td", "cp313t"), ("none", "cp313")]
)
def test_free_threads_are_seen_in_the_best_tag(abi: str, label: str) -> None:
    environment = {
        "implementation_name": "cpython",
        "implementation_version": "3.13.0",
        "python_full_version": "3.13.0",
    }
    assert Python.of_environment(environment, Tag("cp313", abi, "p")).label == label
