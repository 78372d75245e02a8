"""What `--python` names: an interpreter's markers and tags, wherever it runs.

The forms are `3.12` (3.12.0 in markers), `3.12.4`, `3.13t` (free-threaded), `pypy3.11` and `cpython3.12`. Tags come
from packaging's functions with every argument given, so nothing of the running interpreter leaks in.

Left out: Python 2 and anything before 3.6, the oldest that a supported system (RHEL 8) still ships; debug builds, which
install what release builds do; implementations other than CPython and PyPy, for which a target description serves.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.tags import (
    INTERPRETER_SHORT_NAMES,
    Tag,
    compatible_tags,
    cpython_tags,
    generic_tags,
)

from bundler.errors import UsageError

__all__ = ["KNOWN_PYTHONS", "Python"]

#: PyPy's own version, which `implementation_version` asks for and no `--python` tells: the newest we knew.
PYPY_VERSION = "7.3.20"

_OLDEST = (3, 6)
_OLDEST_FREE_THREADED = (3, 13)
_FORM = re.compile(r"(cpython|pypy|)([0-9])\.([0-9]{1,2})(?:\.([0-9]{1,2}))?(t?)")
_FREE_THREADED_ABI = re.compile(r"cp[0-9]+[a-z]*t[a-z]*")

#: What `bundler target list` shows; other versions of the same forms are understood as well.
KNOWN_PYTHONS = (
    *((f"3.{minor}", f"CPython 3.{minor}") for minor in range(15, 5, -1)),
    *((f"3.{minor}t", f"CPython 3.{minor}, free-threaded") for minor in (15, 14, 13)),
    *((f"pypy3.{minor}", f"PyPy 3.{minor}") for minor in (11, 10, 9)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Python:
    """An interpreter; `full_version` is what `python_full_version` says."""

    implementation: str
    full_version: str
    implementation_version: str
    free_threaded: bool = False

    @classmethod
    def parse(cls, text: str) -> Python:
        """Read what `--python` takes.

        Raises:
            UsageError: another form, or a Python that is too old.
        """
        match = _FORM.fullmatch(text.strip().lower())
        if match is None:
            raise _unknown(text)
        implementation, major, minor, patch, threads = match.groups()
        full_version = f"{major}.{int(minor)}.{int(patch or 0)}"
        python = cls(
            implementation=implementation or "cpython",
            full_version=full_version,
            implementation_version=PYPY_VERSION if implementation == "pypy" else full_version,
            free_threaded=bool(threads),
        )
        python._check(text)
        return python

    @classmethod
    def of_environment(cls, environment: Mapping[str, str], best_tag: Tag) -> Python:
        """The interpreter that a marker environment and its best tag belong to."""
        return cls(
            implementation=environment["implementation_name"],
            full_version=environment["python_full_version"],
            implementation_version=environment["implementation_version"],
            free_threaded=_FREE_THREADED_ABI.fullmatch(best_tag.abi) is not None,
        )

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version."""
        major, minor, *_ = self.full_version.split(".")
        return int(major), int(minor)

    @property
    def label(self) -> str:
        """The interpreter's part of a target's name: `cp312`, `cp312.4`, `cp313t`, `pp311`."""
        short = INTERPRETER_SHORT_NAMES.get(self.implementation, self.implementation)
        major, minor, *rest = self.full_version.split(".", 2)
        patch = "" if rest in ([], ["0"]) else f".{rest[0]}"
        return f"{short}{major}{minor}{patch}{'t' if self.free_threaded else ''}"

    def environment(self) -> dict[str, str]:
        """The markers of PEP 508 that the interpreter decides."""
        return {
            "implementation_name": self.implementation,
            "implementation_version": self.implementation_version,
            "platform_python_implementation": {"cpython": "CPython", "pypy": "PyPy"}[self.implementation],
            "python_full_version": self.full_version,
            "python_version": "{}.{}".format(*self.version),
        }

    def tags(self, platforms: Sequence[str]) -> Iterator[Tag]:
        """The tags this Python installs on a machine with these platform tags, in packaging's order (PEP 425)."""
        nodot = "{}{}".format(*self.version)
        if self.implementation == "cpython":
            yield from cpython_tags(self.version, [self._abi(nodot)], platforms)
            yield from compatible_tags(self.version, f"cp{nodot}", platforms)
        else:
            yield from generic_tags(f"pp{nodot}", [f"pypy{nodot}_pp73"], platforms)
            yield from compatible_tags(self.version, "pp3", platforms)

    def _abi(self, nodot: str) -> str:
        pymalloc = "m" if self.version < (3, 8) else ""  # in the ABI's name until bpo-36707
        return f"cp{nodot}{'t' if self.free_threaded else ''}{pymalloc}"

    def _check(self, text: str) -> None:
        if self.version < _OLDEST or self.version >= (4, 0):
            raise UsageError(f"Python {text} can't be a target: bundler knows Python 3.6 and newer")
        if self.free_threaded and (self.version < _OLDEST_FREE_THREADED or self.implementation != "cpython"):
            raise UsageError(f"Python {text} can't be a target: only CPython has free threads, since 3.13")


def _unknown(text: str) -> UsageError:
    near = difflib.get_close_matches(text.strip().lower(), [name for name, _ in KNOWN_PYTHONS], n=3)
    meant = f"did you mean {', '.join(near)}? " if near else ""
    return UsageError(
        f"unknown Python {text[:80]!r}",
        hint=f"{meant}see `bundler target list`, or write a version such as 3.12, 3.12.4, 3.13t or pypy3.11",
    )
