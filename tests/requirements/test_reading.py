from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bundler.errors import RequirementError, UsageError
from bundler.requirements.model import RequirementSet
from bundler.requirements.reading import Inputs, read_inputs
from tests.requirements.disk import Disk, sample

SHA256 = "a" * 64
PYPROJECT = """
[project]
name = "app"
dependencies = ["flask>=3"]
[project.optional-dependencies]
Cache = ["redis"]
docs = ["sphinx"]
[dependency-groups]
dev = ["pytest"]
lint = ["ruff"]
"""
PYLOCK = f"""
lock-version = "1.0"
created-by = "hand"
extras = ["cache"]
[[packages]]
name = "click"
version = "8.1"
[[packages.wheels]]
name = "click-8.1-py3-none-any.whl"
url = "https://files.example/click-8.1-py3-none-any.whl"
hashes = {{ sha256 = "{SHA256}" }}
[[packages]]
name = "flask"
version = "3.0"
[[packages.wheels]]
name = "flask-3.0-py3-none-any.whl"
url = "https://files.example/flask-3.0-py3-none-any.whl"
hashes = {{ sha256 = "{"b" * 64}" }}
"""


def _inputs(files: Mapping[str, str | bytes], inputs: Inputs, **environment: str) -> RequirementSet:
    disk = Disk(files)
    return read_inputs(inputs, open_file=disk.open_file, locate=disk.locate, environment=environment)


def _read(text: str | bytes, **others: str) -> RequirementSet:
    files = {"r.txt": text, **{f"{name}.txt": other for name, other in others.items()}}
    return _inputs(files, Inputs(requirement_files=("r.txt",)))


def _file(name: str, text: str | bytes) -> RequirementSet:
    return _inputs({name: text}, Inputs(requirement_files=(name,)))


def _project(*, extras: str = "", groups: str = "", all_extras: bool = False, text: str = PYPROJECT) -> RequirementSet:
    asked = Inputs(
        requirement_files=("pyproject.toml",),
        extras=tuple(extras.split()),
        groups=tuple(groups.split()),
        all_extras=all_extras,
    )
    return _inputs({"pyproject.toml": text}, asked)


def _texts(wanted: RequirementSet) -> list[str]:
    return [f"{declared.origin} {declared.requirement}" for declared in wanted.requirements]


def _names(wanted: RequirementSet) -> list[str]:
    return [declared.requirement.name for declared in wanted.requirements]


def _refusal(text: str | bytes, **others: str) -> RequirementError:
    with pytest.raises(RequirementError) as caught:
        _read(text, **others)
    return caught.value


# Files within files


def test_positional_requirements_come_first_and_then_the_files_in_order() -> None:
    asked = Inputs(positional=("one", "two>=2"), requirement_files=("a.txt", "b.txt"))
    wanted = _inputs({"a.txt": "three", "b.txt": "four"}, asked)
    assert _texts(wanted) == ["command line one", "command line two>=2", "a.txt:1 three", "b.txt:1 four"]


@pytest.mark.parametrize(
    "line", ["-r b.txt", "-rb.txt", "--requirement b.txt", "--requirement=b.txt", "-r 'b.txt'", "-r b.txt # and more"]
)
def test_a_nested_file_stands_where_it_is_named(line: str) -> None:
    assert _texts(_read(f"one\n{line}\nthree", b="two")) == ["r.txt:1 one", "b.txt:1 two", "r.txt:3 three"]


@pytest.mark.parametrize("line", ["-c b.txt", "-cb.txt", "--constraint b.txt", "--constraint=b.txt"])
def test_nested_constraints_are_constraints(line: str) -> None:
    wanted = _read(f"one\n{line}", b="two<2")
    assert _texts(wanted) == ["r.txt:1 one"]
    assert [str(declared.requirement) for declared in wanted.constraints] == ["two<2"]


def test_the_option_decides_what_a_file_is_and_not_the_file_it_stands_in() -> None:
    wanted = _inputs({"c.txt": "-r r.txt\na", "r.txt": "b"}, Inputs(constraint_files=("c.txt",)))
    assert _texts(wanted) == ["r.txt:1 b"]
    assert [str(declared.origin) for declared in wanted.constraints] == ["c.txt:2"]


def test_constraint_files_narrow_and_ask_for_nothing() -> None:
    files = {"c.txt": f"two<2 --hash=sha256:{SHA256}\n-c d.txt", "d.txt": "x"}
    wanted = _inputs(files, Inputs(constraint_files=("c.txt",)))
    assert wanted.requirements == ()
    assert [str(declared.origin) for declared in wanted.constraints] == ["c.txt:1", "d.txt:1"]
    assert len(wanted.constraints[0].hashes) == 1


def test_override_files_replace_and_ask_for_nothing() -> None:
    files = {"o.txt": "two==2\n-r p.txt\n-c c.txt", "p.txt": "three>=3; os_name == 'nt'", "c.txt": "four<4"}
    wanted = _inputs(files, Inputs(override_files=("o.txt",)))
    assert wanted.requirements == ()
    assert [str(declared.requirement) for declared in wanted.overrides] == ["two==2", 'three>=3; os_name == "nt"']
    assert [str(declared.requirement) for declared in wanted.constraints] == ["four<4"]


def test_an_override_by_url_is_refused() -> None:
    with pytest.raises(RequirementError, match=r"^o\.txt:1: overrides go by name and version"):
        _inputs({"o.txt": "x @ https://files.example/x-1.0.zip"}, Inputs(override_files=("o.txt",)))


def test_nested_paths_are_relative_to_the_file_they_stand_in() -> None:
    files = {"in/a.txt": "-r sub/b.txt", "in/sub/b.txt": "-r c.txt", "in/sub/c.txt": "flask"}
    assert _texts(_inputs(files, Inputs(requirement_files=("in/a.txt",)))) == ["in/sub/c.txt:1 flask"]


def test_files_that_include_each_other_are_refused() -> None:
    error = _refusal("-r b.txt", b="\n-r r.txt")
    assert error.message == "b.txt:2: r.txt includes itself"
    assert error.details == ("r.txt → b.txt → r.txt",)


def test_a_constraint_cycle_is_refused_too() -> None:
    assert "includes itself" in _refusal("-c r.txt").message


def test_a_file_that_two_others_include_is_read_once() -> None:
    assert _texts(_read("-r b.txt\n-r c.txt", b="-r d.txt", c="-r d.txt", d="flask")) == ["d.txt:1 flask"]


def test_a_file_may_be_read_as_requirements_and_as_constraints() -> None:
    wanted = _read("-r b.txt\n-c b.txt", b="flask")
    assert (len(wanted.requirements), len(wanted.constraints)) == (1, 1)


def test_doubling_includes_end_soon() -> None:
    files = {f"{n}.txt": f"-r {n + 1}.txt\n-r {n + 1}.txt" for n in range(40)} | {"40.txt": "flask"}
    assert _texts(_inputs(files, Inputs(requirement_files=("0.txt",)))) == ["40.txt:1 flask"]


def test_an_endless_chain_of_files_is_refused() -> None:
    def endless(path: str, container: str | None) -> tuple[str, bytes]:
        return f"{container}x", b"-r x"

    with pytest.raises(RequirementError, match="more than 50 files"):
        read_inputs(Inputs(requirement_files=("x",)), open_file=endless, locate=Disk({}).locate, environment={})


def test_an_unreadable_file_is_the_openers_to_refuse() -> None:
    assert _refusal("a\n-r absent.txt").message == "r.txt:2: can't read absent.txt"
    with pytest.raises(UsageError, match=r"^can't read absent\.txt"):
        _inputs({}, Inputs(requirement_files=("absent.txt",)))


def test_options_and_references_are_kept_in_order() -> None:
    wanted = _read(
        "-f https://a.example/\n-r b.txt\nx @ https://files.example/x-1.0.zip", b="--find-links https://b.example/"
    )
    assert wanted.options.find_links == ("https://a.example/", "https://b.example/")
    assert [reference.name for reference in wanted.references] == ["x"]


def test_variables_come_from_the_environment() -> None:
    files = {"r.txt": "--index-url https://index.example/${TEAM}/"}
    wanted = _inputs(files, Inputs(requirement_files=("r.txt",)), TEAM="blue")
    assert wanted.options.index_url == "https://index.example/blue/"


@pytest.mark.parametrize("text", ["", "  ", "flask==", "-r x", "absent.py/x", "x\0.py"])
def test_a_bad_positional_names_the_command_line(text: str) -> None:
    with pytest.raises(RequirementError, match=r"^command line: "):
        _inputs({}, Inputs(positional=(text,)))


# Files of other kinds


def test_a_project_is_read_with_its_extras_and_groups() -> None:
    assert _names(_project()) == ["flask"]
    assert _names(_project(extras="cache", groups="dev Lint")) == ["flask", "pytest", "ruff", "redis"]
    assert _names(_project(all_extras=True)) == ["flask", "redis", "sphinx"]


def test_a_requirements_file_may_name_a_project() -> None:
    wanted = _inputs(
        {"in/r.txt": "-r pyproject.toml", "in/pyproject.toml": PYPROJECT}, Inputs(requirement_files=("in/r.txt",))
    )
    assert _texts(wanted) == ["in/pyproject.toml:4 flask>=3"]


def test_a_positional_script_is_read() -> None:
    script = sample("scripts/report.py").replace(b"vendor/", b"")
    files = {"report.py": script, "xlrd-2.0.1-py2.py3-none-any.whl": b""}
    wanted = _inputs(files, Inputs(positional=("report.py",)))
    assert _names(wanted) == ["rich", "polars", "house-client"]
    assert [index.name for index in wanted.options.indexes] == ["house"]
    assert len(wanted.constraints) == 1


def test_a_name_that_ends_as_scripts_do_is_a_name_where_no_file_is() -> None:
    assert _names(_inputs({}, Inputs(positional=("discord.py",)))) == ["discord.py"]


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml", "uv.lock"])
def test_a_positional_file_of_another_kind_gets_a_hint(name: str) -> None:
    with pytest.raises(RequirementError) as caught:
        _inputs({name: ""}, Inputs(positional=(name,)))
    assert caught.value.hint == f"did you mean -r {name}?"


@pytest.mark.parametrize("name", ["pylock.toml", "pylock.linux.toml", "other.toml", "deps.lock"])
def test_a_pylock_is_a_lock(name: str) -> None:
    (lock,) = _file(name, PYLOCK).locks
    assert [(project.name, str(project.version)) for project in lock.projects] == [("click", "8.1"), ("flask", "3.0")]


@pytest.mark.parametrize("name", ["uv.lock", "deps.lock"])
def test_a_uv_lock_is_a_lock(name: str) -> None:
    (lock,) = _file(name, sample("locks/uv-app.lock")).locks
    assert lock.projects


@pytest.mark.parametrize("name", ["poetry-1.1.lock", "poetry-2.0.lock", "poetry-2.1.lock"])
def test_a_poetry_lock_is_read_with_the_project_beside_it(name: str) -> None:
    files = {"in/poetry.lock": sample(f"locks/{name}"), "in/pyproject.toml": sample("locks/poetry-1.x-pyproject.toml")}
    (lock,) = _inputs(files, Inputs(requirement_files=("in/poetry.lock",))).locks
    assert lock.projects


def test_a_poetry_lock_is_one_under_another_name_too() -> None:
    (lock,) = _file("deps.lock", sample("locks/poetry-2.1.lock")).locks
    assert lock.projects


def test_a_lock_whose_hashes_no_index_states_constrains_nothing() -> None:
    text = PYLOCK.replace(f'sha256 = "{SHA256}"', f'sha512 = "{"c" * 128}"')
    with pytest.raises(RequirementError, match=r"click-8\.1-py3-none-any\.whl has no hash by sha256"):
        _inputs({"pylock.toml": text}, Inputs(constraint_files=("pylock.toml",)))


def test_poetry_may_want_the_pre_releases_of_one_project() -> None:
    text = "[tool.poetry.dependencies]\nFlask = { version = '^3', allow-prereleases = true }\nclick = '^8'"
    wanted = _file("pyproject.toml", text)
    assert _names(wanted) == ["Flask", "click"]
    assert wanted.options.pre_packages == ("flask",)


def test_poetry_may_say_so_of_what_project_asks_for() -> None:
    text = "[project]\nname = 'a'\ndependencies = ['flask']\n[tool.poetry.dependencies.flask]\nallow-prereleases = true"
    assert _file("pyproject.toml", text).options.pre_packages == ("flask",)


def test_the_pins_of_a_lock_may_be_constraints() -> None:
    wanted = _inputs({"pylock.toml": PYLOCK}, Inputs(positional=("flask",), constraint_files=("pylock.toml",)))
    assert wanted.locks == ()
    assert [(str(each.requirement), str(each.hashes[0])) for each in wanted.constraints] == [
        ("click==8.1", f"sha256:{SHA256}"),
        ("flask==3.0", f"sha256:{'b' * 64}"),
    ]


def test_a_lock_with_two_versions_of_a_project_is_no_constraint() -> None:
    text = PYLOCK.replace('"flask"', '"click"').replace(
        'version = "3.0"', 'version = "3.0"\nmarker = "os_name == \'nt\'"'
    )
    text = text.replace("flask-3.0", "click-3.0")
    with pytest.raises(RequirementError) as caught:
        _inputs({"pylock.toml": text}, Inputs(constraint_files=("pylock.toml",)))
    assert (
        caught.value.message == "pylock.toml: click is locked at several versions, of which a constraint can't choose"
    )
    assert caught.value.details == ("3.0, 8.1",)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (Inputs(constraint_files=("pyproject.toml",)), "pyproject.toml: it can't be read as constraints"),
        (Inputs(constraint_files=("s.py",)), "s.py: it can't be read as constraints"),
        (Inputs(override_files=("pylock.toml",)), "pylock.toml: it can't be read as overrides"),
        (Inputs(override_files=("pyproject.toml",)), "pyproject.toml: it can't be read as overrides"),
        (Inputs(requirement_files=("setup.py",)), "setup.py: a setup.py isn't read"),
        (Inputs(positional=("setup.py",)), "setup.py: a setup.py isn't read"),
        (Inputs(requirement_files=("Pipfile.lock",)), "Pipfile.lock: a Pipfile.lock isn't read"),
        (Inputs(requirement_files=("s.py",)), "s.py: the script doesn't say what it needs"),
        (Inputs(requirement_files=("tool.toml",)), "tool.toml: 'tool.toml' is neither"),
    ],
)
def test_a_file_that_isnt_read_as_that_is_refused_with_a_hint(asked: Inputs, message: str) -> None:
    files = {"pyproject.toml": PYPROJECT, "pylock.toml": PYLOCK} | dict.fromkeys(
        ("s.py", "setup.py", "Pipfile.lock", "tool.toml"), ""
    )
    with pytest.raises(RequirementError) as caught:
        _inputs(files, asked)
    assert caught.value.message.startswith(message)
    assert caught.value.hint


# Extras and groups


@pytest.mark.parametrize(
    ("asked", "message", "detail", "hint"),
    [
        (
            {"extras": "cach"},
            "--extra cach: nothing that is read has it",
            "there are cache, docs",
            "did you mean cache?",
        ),
        ({"extras": "zzz"}, "--extra zzz: nothing that is read has it", "there are cache, docs", "name one"),
        ({"groups": "Devel"}, "--group devel: nothing that is read has it", "there are dev, lint", "did you mean dev?"),
    ],
)
def test_a_name_that_no_input_has_is_refused(asked: dict[str, str], message: str, detail: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        _project(extras=asked.get("extras", ""), groups=asked.get("groups", ""))
    assert caught.value.message == message
    assert caught.value.details == (detail,)
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize("asked", [Inputs(extras=("x",)), Inputs(groups=("x",)), Inputs(all_extras=True)])
def test_extras_and_groups_without_a_project_are_refused(asked: Inputs) -> None:
    with pytest.raises(UsageError, match=r"^--(extra x: nothing|group x: nothing|all-extras: no project)"):
        _inputs({}, asked)


def test_one_of_several_projects_may_have_what_is_asked_for() -> None:
    other = '[project]\nname = "other"\ndependencies = ["click"]\n'
    files = {"pyproject.toml": PYPROJECT, "other/pyproject.toml": other}
    asked = Inputs(requirement_files=("other/pyproject.toml", "pyproject.toml"), extras=("docs",), groups=("dev",))
    assert _names(_inputs(files, asked)) == ["click", "flask", "pytest", "sphinx"]


def test_the_extras_of_a_lock_are_asked_of_it() -> None:
    asked = Inputs(requirement_files=("pylock.toml",), extras=("Cache",))
    assert len(_inputs({"pylock.toml": PYLOCK}, asked).locks) == 1
    with pytest.raises(RequirementError, match=r"^pylock\.toml: .* no extra docs"):
        _inputs({"pylock.toml": PYLOCK}, Inputs(requirement_files=("pylock.toml",), extras=("docs",)))


def test_all_extras_of_a_lock_are_refused() -> None:
    with pytest.raises(RequirementError, match="isn't read with --all-extras"):
        _inputs({"pylock.toml": PYLOCK}, Inputs(requirement_files=("pylock.toml",), all_extras=True))


# Anything


_NAMES = ("r.txt", "pyproject.toml", "pylock.toml", "uv.lock", "poetry.lock", "s.py", "other.toml")
_PIECES = st.sampled_from(
    [
        *("flask", "==", "1.0", "[project]", "[[package]]", "name = 'x'", "version = '1'", "lock-version = '1.0'"),
        *(" ", "\n", "\\\n", "#", "'", '"', "=", "[", "]", "{", "}", "# /// script\n", "# ///\n", "-r ", "-c "),
        *(*_NAMES, "\ufeff", "\u2028", "\x00", "é"),
    ]
)


@given(
    st.dictionaries(
        st.sampled_from(_NAMES), st.lists(_PIECES, max_size=20).map("".join) | st.binary(max_size=60), min_size=1
    ),
    st.sampled_from([(), ("x",)]),
)
def test_no_files_do_worse_than_a_usage_error(files: dict[str, str | bytes], names: tuple[str, ...]) -> None:
    with contextlib.suppress(UsageError):
        _inputs(files, Inputs(requirement_files=tuple(files), extras=names, groups=names))
    with contextlib.suppress(UsageError):
        _inputs(files, Inputs(constraint_files=tuple(files), override_files=("r.txt",)))


@given(st.text(max_size=50))
def test_no_positional_does_worse_than_a_requirement_error(text: str) -> None:
    with contextlib.suppress(RequirementError):
        wanted = _inputs({}, Inputs(positional=(text,)))
        assert len(wanted.requirements) + len(wanted.references) == 1
