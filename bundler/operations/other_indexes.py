"""Indexes that pip and uv would have asked on this machine: named in a hint where ours can't be reached."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bundler.errors import SourceError
from bundler.index.locations import redact

__all__ = ["SYSTEM_FILE", "other_index", "telling_of_other_indexes"]

#: Where pip looks last.
SYSTEM_FILE = Path("/etc/pip.conf")

_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")


@contextmanager
def telling_of_other_indexes(known: Sequence[str]) -> Iterator[None]:
    """Add to the hint of a SourceError the index that pip or uv is set up with, if it isn't among the known URLs."""
    try:
        yield
    except SourceError as exc:
        found = other_index(os.environ)
        if found is not None and found[0].rstrip("/") not in [url.rstrip("/") for url in known]:
            told = f"{found[1]} names the index {found[0]}, which isn't asked: give it with --index-url"
            exc.hint = f"{exc.hint}; {told}" if exc.hint else told
        raise


def other_index(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """The first index that pip's or uv's settings name, without credentials, and where it is named."""
    for variable in _VARIABLES:
        if url := environment.get(variable):
            return redact(url), variable
    for path in _pip_files(environment):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):  # pip will tell of it; this is only a hint
            continue
        for section in ("install", "global"):
            if url := parser.get(section, "index-url", fallback=None):
                return redact(url), str(path)
    return None


def _pip_files(environment: Mapping[str, str]) -> Iterator[Path]:
    """Where pip looks, the strongest first."""
    if named := environment.get("PIP_CONFIG_FILE"):
        yield Path(named)
        if named == os.devnull:  # pip then reads no other either
            return
    if active := environment.get("VIRTUAL_ENV"):
        yield Path(active) / "pip.conf"
    if home := environment.get("HOME"):
        yield Path(environment.get("XDG_CONFIG_HOME") or Path(home) / ".config") / "pip" / "pip.conf"
        yield Path(home) / ".pip" / "pip.conf"
        yield Path(home) / "Library" / "Application Support" / "pip" / "pip.conf"
    if roaming := environment.get("APPDATA"):
        yield Path(roaming) / "pip" / "pip.ini"
    yield SYSTEM_FILE
