"""User names and passwords that no URL holds: from netrc at the start, from keyring when an index refuses us.

A URL's own password comes first; a URL with only a user name asks netrc and keyring for that user. netrc is read once,
keyring is asked once for each place. keyring runs as a program of its own, with no terminal and for a bounded time, so
that no backend of it can ask a question, hang us or run in our process. Whatever is found goes where the place's own
credentials would go (`locations.authorization`) and nowhere else.

No exception here carries or is chained to a text that may hold a secret: netrc's parser quotes what it can't read.
"""

from __future__ import annotations

import importlib.util
import netrc
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from bundler.errors import UsageError
from bundler.index.locations import Credentials, IndexLocation, authorization, closest, is_local

__all__ = ["Keys"]

#: Seconds for all questions about one place.
PATIENCE = 30.0
_NETRC_NAMES = (".netrc", "_netrc") if os.name == "nt" else (".netrc",)


class Keys:
    """What opens the places of a run; safe to use from many threads."""

    def __init__(self, locations: Iterable[IndexLocation], environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._locations = _with_netrc(tuple(locations), environment)
        self._asked: set[str] = set()
        self._lock = threading.Lock()

    def header(self, url: str) -> str | None:
        """The Authorization header for a URL, or None."""
        return authorization(url, self._locations)

    def after_refusal(self, url: str, sent: str | None) -> str | None:
        """Another header for a URL that answered 401 to `sent`, or None; asks keyring, which may take a while."""
        with self._lock:
            place = closest(url, self._locations)
            if place is not None and _lacks_password(place) and place.url not in self._asked:
                self._asked.add(place.url)
                found = _from_keyring(place, self._environment)
                if found is not None:
                    known = replace(place, credentials=found)
                    self._locations = tuple(known if each is place else each for each in self._locations)
            header = self.header(url)
        return None if header == sent else header


def _lacks_password(place: IndexLocation) -> bool:
    return place.credentials is None or not place.credentials.has_password


def _with_netrc(locations: tuple[IndexLocation, ...], environment: Mapping[str, str]) -> tuple[IndexLocation, ...]:
    if all(is_local(place.url) or not _lacks_password(place) for place in locations):
        return locations
    known = _read_netrc(environment)
    return locations if known is None else tuple(_completed(place, known) for place in locations)


def _completed(place: IndexLocation, known: netrc.netrc) -> IndexLocation:
    """The place with what netrc knows of its host, if that is of the user whom the URL names."""
    found = known.authenticators(urlsplit(place.url).hostname or "")
    if found is None or is_local(place.url) or not _lacks_password(place):
        return place
    login, _, password = found
    if place.credentials is not None and place.credentials.user != login:
        return place
    return replace(place, credentials=Credentials(login or "", password or ""))


def _read_netrc(environment: Mapping[str, str]) -> netrc.netrc | None:
    """What the first netrc file says, where there is one.

    Raises:
        UsageError: it can't be read or understood.
    """
    path = next((path for path in _netrc_paths(environment) if os.path.isfile(path)), None)
    if path is None:
        return None
    try:
        return netrc.netrc(str(path))
    except netrc.NetrcParseError as exc:
        line = f":{exc.lineno}" if exc.lineno else ""
    except UnicodeDecodeError:
        line = ""
    except OSError as exc:
        raise UsageError(f"can't read {path}: {(exc.strerror or str(exc)).lower()}") from exc
    raise UsageError(f"{path}{line}: not the form of a netrc file", hint="correct that line, or set NETRC=/dev/null")


def _netrc_paths(environment: Mapping[str, str]) -> list[Path]:
    if named := environment.get("NETRC"):
        return [Path(named)]
    home = environment.get("USERPROFILE" if os.name == "nt" else "HOME")
    return [Path(home) / name for name in _NETRC_NAMES] if home else []


def _from_keyring(place: IndexLocation, environment: Mapping[str, str]) -> Credentials | None:
    """What keyring knows under the place's URL, as people write it with and without the last `/`, or its host."""
    command = _keyring_command(environment)
    user = None if place.credentials is None else place.credentials.user
    if command is None or (user is not None and user.startswith("-")):  # which keyring would take for an option
        return None
    deadline = time.monotonic() + PATIENCE
    for service in dict.fromkeys((place.url, place.url.rstrip("/"), urlsplit(place.url).netloc)):
        question = ("get", service, user) if user else ("--mode", "creds", "get", service)
        lines = _answer((*command, *question), environment, deadline - time.monotonic())
        if user and lines:
            return Credentials(user, lines[0])
        if not user and len(lines) == 2:
            return Credentials(*lines)
    return None


def _keyring_command(environment: Mapping[str, str]) -> Sequence[str] | None:
    if sys.executable and importlib.util.find_spec("keyring") is not None:
        return (sys.executable, "-P", "-m", "keyring")  # -P: not a keyring.py of the working directory
    found = shutil.which("keyring", path=environment.get("PATH", ""))
    return (found,) if found is not None and os.path.isabs(found) else None


def _answer(command: Sequence[str], environment: Mapping[str, str], patience: float) -> list[str]:
    """The lines that keyring prints; none where it fails, whatever the reason: the index's refusal stands then."""
    try:
        done = subprocess.run(  # noqa: S603  # keyring itself, found on an absolute PATH entry; no shell
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=max(0.0, patience),
            start_new_session=True,  # without a terminal there is nobody to prompt
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []
    return done.stdout.decode("utf-8", "replace").splitlines() if done.returncode == 0 else []
