"""git as a process: no questions, and nothing of the settings that runs a program unasked.

Of the environment git gets what it needs to reach a host (ssh, certificates, proxies) and no variable that points it
at another repository. Hooks, templates, the file system monitor and maintenance are off. It reads no terminal, runs in
a session of its own and is killed with its children when its time is over or the caller is interrupted. A password
reaches git through a credential helper and the environment, never as an argument, and only for the host it is for;
whatever git says is shown without it.

Left out: a ceiling on what a fetch brings, for which git has no setting; only time bounds it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, cast
from urllib.parse import quote, urlsplit

from bundler.errors import EnvironmentProblem, SourceError, Unavailable, UnusableFile
from bundler.requirements.quoting import shown
from bundler.trees.repositories import Login, Repository

__all__ = ["Git"]

#: Seconds that all runs for one repository, its submodules included, may take.
TIMEOUT = 900.0
#: Bytes of one answer: the names of 90,000 files and more.
MAX_ANSWER = 32 << 20

_KEPT = ("SSH", "SSH_COMMAND", "SSH_VARIANT", "SSL_CAINFO", "SSL_CAPATH", "EXEC_PATH")
_KEPT_VARIABLES = {f"GIT_{name}" for name in (*_KEPT, "CONFIG_GLOBAL", "CONFIG_SYSTEM", "CONFIG_NOSYSTEM")}
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "init.templateDir=",
    "gc.auto=0",
    "maintenance.auto=false",
    "fetch.recurseSubmodules=false",
)
_HELPER = (
    """!f() { test "$1" != get || printf 'username=%s\\npassword=%s\\n' "$BUNDLER_USER" "$BUNDLER_PASSWORD"; }; f"""
)
_MAX_LINES = 6


class Git:
    """git, run in one directory, and with the login of one repository where there is one."""

    def __init__(self, directory: Path, repository: Repository | None = None, *, deadline: float | None = None) -> None:
        self._directory = directory
        self._repository = repository
        #: When it is killed, by time.monotonic.
        self.deadline = time.monotonic() + TIMEOUT if deadline is None else deadline

    def read(self, *arguments: str, ceiling: int = MAX_ANSWER) -> bytes:
        """Run to the end and give what it writes.

        Raises:
            Unavailable: it failed, or ran out of time; the details are its own words.
            UnusableFile: it writes more than `ceiling` bytes.
            EnvironmentProblem: there is no git, or it can't be run.
        """
        with self.running(*arguments) as (_, answers):
            answer = answers.read(ceiling + 1)
            if len(answer) > ceiling:
                raise UnusableFile(f"{self._subject()} has names and references without end")
        return answer

    @contextmanager
    def running(self, *arguments: str) -> Iterator[tuple[BinaryIO, BinaryIO]]:
        """Run while the block runs: streams to its input and from its output. Leaving the block ends the input.

        Raises:
            Unavailable, EnvironmentProblem: see `read`.
        """
        with tempfile.TemporaryFile() as said, self._started(arguments, said) as process:
            timer = threading.Timer(max(0.0, self.deadline - time.monotonic()), _kill, [process])
            timer.start()
            try:
                yield cast("BinaryIO", process.stdin), cast("BinaryIO", process.stdout)
                with suppress(BrokenPipeError):
                    cast("BinaryIO", process.stdin).close()
                process.wait()
            finally:  # an interrupt included
                late = not timer.is_alive()
                timer.cancel()
                _kill(process)
            if process.returncode:
                raise self._failure(arguments[0], said, late=late)

    @contextmanager
    def _started(self, arguments: tuple[str, ...], said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        program = shutil.which("git")
        if program is None:
            hint = "install git, or name a wheel or sdist instead"
            raise EnvironmentProblem(f"{self._subject()} can't be read: there is no git here", hint=hint)
        try:
            process = subprocess.Popen(  # noqa: S603  # what varies can't become an option, see `repositories`
                [program, *self._settings(), *arguments],
                cwd=self._directory,
                env=self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
            )
        except OSError as exc:
            raise EnvironmentProblem.from_os_error(exc, "run git") from exc
        with process:
            yield process

    def _settings(self) -> list[str]:
        settings = list(_SETTINGS)
        if self._login is not None and self._repository is not None:
            parts = urlsplit(self._repository.url)
            settings += ["credential.helper=", f"credential.{parts.scheme}://{parts.netloc}.helper={_HELPER}"]
        return [word for setting in settings for word in ("-c", setting)]

    def _environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or k in _KEPT_VARIABLES}
        scheme = self._repository.scheme if self._repository is not None else "file"
        kept |= {
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ASKPASS": "",
            "SSH_ASKPASS_REQUIRE": "never",
            "GIT_HTTP_LOW_SPEED_LIMIT": "1000",
            "GIT_HTTP_LOW_SPEED_TIME": "60",
            # https never becomes http; ssh, since many rewrite https to it (url.<base>.insteadOf)
            "GIT_ALLOW_PROTOCOL": f"https:ssh:{scheme}",
        }
        if self._repository is not None:
            kept["GIT_DIR"] = str(self._directory)  # no search through the directories above
        if self._login is not None:
            user, password = self._login.pair()
            kept |= {"BUNDLER_USER": user, "BUNDLER_PASSWORD": password}
        return kept

    @property
    def _login(self) -> Login | None:
        return self._repository.login if self._repository is not None else None

    def _subject(self) -> str:
        return str(self._directory) if self._repository is None else self._repository.url

    def _failure(self, verb: str, said: IO[bytes], *, late: bool) -> SourceError:
        said.seek(max(0, said.seek(0, os.SEEK_END) - 4096))
        lines = self._redacted(said.read().decode("utf-8", "replace")).splitlines()
        details = tuple(shown(line.strip()) for line in lines[-_MAX_LINES:] if line.strip())
        if late:
            return Unavailable(f"{self._subject()}: git took longer than {TIMEOUT:.0f} seconds", details=details)
        hint = "check the URL, and that git reaches it without asking for anything" if self._repository else None
        return Unavailable(f"{self._subject()}: git {verb} failed", details=details, hint=hint)

    def _redacted(self, text: str) -> str:
        secrets = self._login.pair() if self._login is not None else ()
        for secret in filter(None, secrets):
            text = text.replace(secret, "***").replace(quote(secret, safe=""), "***")
        return text


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill git and its children, if it is still there."""
    if process.poll() is None:
        with suppress(OSError):
            if os.name == "nt":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
