from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from traceback import format_exception

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bundler.errors import UsageError
from bundler.index import credentials
from bundler.index.credentials import Keys
from bundler.index.locations import Credentials, IndexLocation

CANARY = "canary-9f3"
INDEX = "https://index.example/simple/"
PAGE = f"{INDEX}x/"
KEY = Credentials("user", CANARY).header()

posix_only = pytest.mark.skipif(os.name == "nt", reason="a shell script stands for keyring")


@pytest.fixture(autouse=True)
def no_keyring_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def keys(url: str = INDEX, **environment: str) -> Keys:
    return Keys([IndexLocation.parse(url)], environment)


def keyring(tmp_path: Path, script: str) -> str:
    """A PATH with a keyring of this shell script, which notes its arguments in `asked`."""
    program = tmp_path / "bin" / "keyring"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\necho "$@" >> "{tmp_path}/asked"\n{script}\n')
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}/usr/bin{os.pathsep}/bin"


def asked(tmp_path: Path) -> list[str]:
    path = tmp_path / "asked"
    return path.read_text().splitlines() if path.exists() else []


# netrc


def netrc(tmp_path: Path, text: str, name: str = ".netrc") -> dict[str, str]:
    (tmp_path / name).write_text(text)
    return {"HOME": str(tmp_path)} if name == ".netrc" else {"NETRC": str(tmp_path / name)}


@pytest.mark.parametrize("name", [".netrc", "my netrc"])
def test_netrc_knows_the_indexs_host(tmp_path: Path, name: str) -> None:
    environment = netrc(tmp_path, f"machine index.example login user password {CANARY}", name)
    found = keys(**environment)
    assert found.header(PAGE) == KEY
    assert found.header("https://other.example/simple/x/") is None
    assert found.header("http://index.example/simple/x/") is None
    assert keys("https://other.example/simple/", **environment).header("https://other.example/simple/x/") is None


def test_netrc_is_kept_to_the_indexs_path(tmp_path: Path) -> None:
    environment = netrc(tmp_path, f"machine index.example login user password {CANARY}")
    found = keys("https://index.example/team/simple/", **environment)
    assert found.header("https://index.example/team/packages/x.whl") == KEY
    assert found.header("https://index.example/other/x.whl") is None


def test_the_urls_own_password_comes_before_netrc(tmp_path: Path) -> None:
    environment = netrc(tmp_path, f"machine index.example login user password {CANARY}")
    own = keys("https://me:mine@index.example/simple/", **environment)
    assert own.header(PAGE) == Credentials("me", "mine").header()


def test_netrc_is_asked_for_the_user_that_the_url_names(tmp_path: Path) -> None:
    environment = netrc(tmp_path, f"machine index.example login user password {CANARY}")
    assert keys("https://user@index.example/simple/", **environment).header(PAGE) == KEY
    other = keys("https://other@index.example/simple/", **environment)
    assert other.header(PAGE) == Credentials("other", "").header()


def test_netrcs_default_is_for_every_host(tmp_path: Path) -> None:
    assert keys(**netrc(tmp_path, f"default login user password {CANARY}")).header(PAGE) == KEY


@pytest.mark.parametrize(
    "text", [f"machine index.example {CANARY} x", f"{CANARY}", f"machine a login b\npassword {CANARY} z"]
)
def test_a_broken_netrc_is_named_with_its_line_and_never_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"\.netrc:\d+: not the form") as caught:
        keys(**netrc(tmp_path, text))
    assert CANARY not in "".join(format_exception(caught.value)) + repr(caught.value)
    assert caught.value.__context__ is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary())
def test_no_netrc_does_more_than_be_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / ".netrc").write_bytes(data)
    with suppress(UsageError):
        keys(HOME=str(tmp_path))


@pytest.mark.parametrize("environment", [{}, {"HOME": "/absent"}, {"NETRC": "/absent"}, {"NETRC": os.devnull}])
def test_without_a_netrc_nothing_is_known(environment: dict[str, str]) -> None:
    assert keys(**environment).header(PAGE) is None


def test_netrc_isnt_read_where_nobody_needs_it(tmp_path: Path) -> None:
    environment = netrc(tmp_path, "broken")
    keys("https://u:p@index.example/simple/", **environment)
    keys("file:///srv/simple/", **environment)


# keyring


@posix_only
def test_keyring_is_asked_for_the_urls_user_once(tmp_path: Path) -> None:
    found = keys("https://user@index.example/simple/", PATH=keyring(tmp_path, f"echo {CANARY}"))
    sent = found.header(PAGE)
    assert sent == Credentials("user", "").header()
    assert asked(tmp_path) == []
    assert found.after_refusal(PAGE, sent) == KEY
    assert found.header(PAGE) == KEY
    assert found.after_refusal(PAGE, KEY) is None
    assert asked(tmp_path) == [f"get {INDEX} user"]


@posix_only
def test_keyring_is_asked_for_a_user_where_the_url_names_none(tmp_path: Path) -> None:
    found = keys(PATH=keyring(tmp_path, f"echo user; echo {CANARY}"))
    assert found.after_refusal(PAGE, None) == KEY
    assert asked(tmp_path) == [f"--mode creds get {INDEX}"]


@posix_only
def test_keyring_may_know_the_url_without_its_slash_or_the_host(tmp_path: Path) -> None:
    script = f'[ "$2" = index.example ] || exit 1; echo {CANARY}'
    found = keys("https://user@index.example/simple/", PATH=keyring(tmp_path, script))
    assert found.after_refusal(PAGE, found.header(PAGE)) == KEY
    assert asked(tmp_path) == [f"get {INDEX} user", f"get {INDEX.rstrip('/')} user", "get index.example user"]


@posix_only
@pytest.mark.parametrize("script", ["exit 1", "true", f"echo {CANARY}; exit 3", f"echo {CANARY}", "kill $$"])
def test_keyring_that_knows_nothing_is_asked_once(tmp_path: Path, script: str) -> None:
    found = keys(PATH=keyring(tmp_path, script))
    assert found.after_refusal(PAGE, None) is None
    before = len(asked(tmp_path))
    assert found.after_refusal(PAGE, None) is None
    assert len(asked(tmp_path)) == before


@posix_only
def test_keyring_cant_prompt(tmp_path: Path) -> None:
    script = f'read answer && echo "$answer"; (echo hello > /dev/tty) 2>/dev/null && echo {CANARY}; exit 0'
    found = keys("https://user@index.example/simple/", PATH=keyring(tmp_path, script))
    assert found.after_refusal(PAGE, found.header(PAGE)) is None


@posix_only
def test_keyring_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "PATIENCE", 0.3)
    begun = time.monotonic()
    assert keys(PATH=keyring(tmp_path, "exec sleep 60")).after_refusal(PAGE, None) is None
    assert time.monotonic() - begun < 10


@posix_only
def test_a_password_that_was_stated_is_the_last_word(tmp_path: Path) -> None:
    found = keys("https://u:p@index.example/simple/", PATH=keyring(tmp_path, f"echo {CANARY}"))
    assert found.after_refusal(PAGE, found.header(PAGE)) is None
    assert asked(tmp_path) == []


@posix_only
@pytest.mark.parametrize("url", ["https://-buser@index.example/simple/", "https://%2Dpx@index.example/simple/"])
def test_a_user_that_keyring_would_take_for_an_option_isnt_asked_for(tmp_path: Path, url: str) -> None:
    found = keys(url, PATH=keyring(tmp_path, f"echo {CANARY}"))
    assert found.after_refusal(PAGE, found.header(PAGE)) is None
    assert asked(tmp_path) == []


@posix_only
def test_keyring_isnt_asked_for_other_places(tmp_path: Path) -> None:
    found = keys(PATH=keyring(tmp_path, f"echo user; echo {CANARY}"))
    assert found.after_refusal("https://other.example/simple/x/", None) is None
    assert asked(tmp_path) == []


@posix_only
def test_many_threads_ask_keyring_once_and_all_get_its_answer(tmp_path: Path) -> None:
    found = keys(PATH=keyring(tmp_path, f"sleep 0.1; echo user; echo {CANARY}"))
    answers: list[str | None] = []
    threads = [threading.Thread(target=lambda: answers.append(found.after_refusal(PAGE, None))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [KEY] * 8
    assert len(asked(tmp_path)) == 1


@posix_only
@pytest.mark.parametrize("path", ["", ".", "/absent"])
def test_a_keyring_of_the_working_directory_isnt_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    keyring(tmp_path, f"echo user; echo {CANARY}")
    monkeypatch.chdir(tmp_path / "bin")
    assert keys(PATH=path).after_refusal(PAGE, None) is None
    assert asked(tmp_path) == []


@posix_only
def test_the_library_runs_as_a_program_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    (tmp_path / "keyring.py").write_text(f"import sys; assert sys.argv[1] == 'get'; print({CANARY!r})")
    user = "https://user@index.example/simple/"
    assert keys(user, PYTHONPATH=str(tmp_path)).after_refusal(PAGE, None) == KEY
    monkeypatch.chdir(tmp_path)
    other = keys(user)
    assert other.after_refusal(PAGE, other.header(PAGE)) is None


@posix_only
def test_what_is_known_is_never_shown(tmp_path: Path) -> None:
    environment = netrc(tmp_path, f"machine index.example login user password {CANARY}")
    found = keys(**environment)
    assert CANARY not in f"{found!r} {vars(found)!r}"
