"""Wheels and sdists made in memory: valid, tiny, and the same bytes each time.

Nothing of bundler is used here, so that these files can serve as an oracle.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import re
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from itertools import product

__all__ = ["CANARY_VARIABLE", "core_metadata", "make_sdist", "make_wheel"]

#: An sdist's setup.py writes the file that this environment variable names: a test sets it and finds no such file.
CANARY_VARIABLE = "BUNDLER_TEST_CANARY"

_SETUP_PY = f"""\
import os, pathlib
pathlib.Path(os.environ["{CANARY_VARIABLE}"]).write_text("setup.py was run")
"""


def make_wheel(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    extras: Sequence[str] = (),
    tag: str = "py3-none-any",
    files: Mapping[str, bytes] | None = None,
    metadata: bytes | None = None,
) -> tuple[str, bytes]:
    """A wheel's file name and bytes; `metadata` replaces the METADATA that the other arguments would give."""
    stem = f"{_escape(name)}-{version}"
    members = (
        dict(files) if files is not None else {f"{_escape(name)}/__init__.py": f"version = {version!r}\n".encode()}
    )
    members[f"{stem}.dist-info/METADATA"] = (
        metadata if metadata is not None else core_metadata(name, version, requires, requires_python, extras)
    )
    members[f"{stem}.dist-info/WHEEL"] = _wheel_file(tag)
    members[f"{stem}.dist-info/RECORD"] = _record(members, f"{stem}.dist-info/RECORD")
    return f"{stem}-{tag}.whl", _zip(members)


def make_sdist(
    name: str,
    version: str,
    *,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    extras: Sequence[str] = (),
    static: bool = True,
    dynamic: Sequence[str] = (),
    pyproject: bytes | None = None,
    files: Mapping[str, bytes] | None = None,
    metadata: bytes | None = None,
) -> tuple[str, bytes]:
    """An sdist's file name and bytes: PKG-INFO 2.2 when static (PEP 643), 2.1 without dependencies when not.

    Its setup.py writes a canary. `metadata` replaces the whole PKG-INFO.
    """
    stem = f"{_escape(name)}-{version}"
    if metadata is None:
        declared = requires if static else ()
        form = "2.2" if static else "2.1"
        metadata = core_metadata(name, version, declared, requires_python, extras, dynamic=dynamic, form=form)
    members = {f"{stem}/PKG-INFO": metadata, f"{stem}/setup.py": _SETUP_PY.encode()}
    if pyproject is not None:
        members[f"{stem}/pyproject.toml"] = pyproject
    members |= {f"{stem}/{path}": data for path, data in (files or {}).items()}
    return f"{stem}.tar.gz", _tar_gz(members)


def core_metadata(
    name: str,
    version: str,
    requires: Sequence[str] = (),
    requires_python: str | None = None,
    extras: Sequence[str] = (),
    *,
    dynamic: Sequence[str] = (),
    form: str = "2.1",
) -> bytes:
    """The text of METADATA or PKG-INFO."""
    lines = [f"Metadata-Version: {form}", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Python: {requires_python}"] if requires_python is not None else []
    lines += [f"Dynamic: {field}" for field in dynamic]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    return ("\n".join(lines) + "\n\nMade for a test.\n").encode()


def _escape(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()


def _wheel_file(tag: str) -> bytes:
    interpreters, abis, platforms = (part.split(".") for part in tag.split("-")[-3:])
    tags = "".join(f"Tag: {'-'.join(parts)}\n" for parts in product(interpreters, abis, platforms))
    pure = "true" if platforms == ["any"] else "false"
    return f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: {pure}\n{tags}".encode()


def _record(members: Mapping[str, bytes], own_name: str) -> bytes:
    rows = [
        f"{path},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}"
        for path, data in members.items()
    ]
    return "\n".join([*rows, f"{own_name},,", ""]).encode()


def _zip(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, data in members.items():
            info = zipfile.ZipInfo(path, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = 0o100644 << 16
            archive.writestr(info, data)
    return buffer.getvalue()


def _tar_gz(members: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in members.items():
            info = tarfile.TarInfo(path)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)
