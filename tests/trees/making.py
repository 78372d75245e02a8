"""Source trees made for tests: projects, and real git repositories that no setting of the machine reaches."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from bundler.trees.model import TreeFile

__all__ = ["BACKEND", "GitRepository", "content", "git", "project", "pyproject", "write_files"]

_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@tests.example",
    "GIT_AUTHOR_DATE": "2020-02-02T02:02:02Z",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@tests.example",
    "GIT_COMMITTER_DATE": "2020-02-02T02:02:02Z",
}

#: A build backend that lies in the tree, so that nothing has to be installed to build it.
BACKEND = b"""\
import base64, hashlib, pathlib, zipfile

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    version = next(line[9:].strip() for line in open("PKG-INFO") if line.startswith("Version: "))
    files = {"demo.py": pathlib.Path("demo.py").read_bytes()}
    info = "demo-%s.dist-info" % version
    files[info + "/METADATA"] = pathlib.Path("PKG-INFO").read_bytes()
    files[info + "/WHEEL"] = b"Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    hashes = {n: base64.urlsafe_b64encode(hashlib.sha256(d).digest()).rstrip(b"=").decode() for n, d in files.items()}
    rows = ["%s,sha256=%s,%d\\n" % (name, hashes[name], len(data)) for name, data in files.items()]
    files[info + "/RECORD"] = ("".join(rows) + info + "/RECORD,,\\n").encode()
    name = "demo-%s-py3-none-any.whl" % version
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / name, "w") as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return name
"""


def pyproject(name: str = "demo", version: str = "1.0", *lines: str) -> bytes:
    """A pyproject.toml with a static [project] table; `lines` follow in the same table."""
    return "\n".join(["[project]", f'name = "{name}"', f'version = "{version}"', *lines, ""]).encode()


def project(name: str = "demo", version: str = "1.0", *lines: str) -> dict[str, bytes]:
    """The files of a small project."""
    return {"pyproject.toml": pyproject(name, version, *lines), f"{name}.py": b"answer = 42\n"}


def write_files(root: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def content(data: bytes, *, executable: bool = False) -> TreeFile:
    """A file in memory."""

    def read() -> Iterator[bytes]:
        yield from (data[start : start + 1000] for start in range(0, len(data), 1000))

    return TreeFile(size=len(data), executable=executable, read=read)


def git(directory: Path, *arguments: str, said: str | None = None) -> str:
    """Run git to success; `said` is its input."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=directory,
        env={**kept, **_ENVIRONMENT},
        input=said,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class GitRepository:
    """A repository with a work tree."""

    def __init__(self, root: Path, files: Mapping[str, bytes] | None = None) -> None:
        self.root = root
        root.mkdir(parents=True)
        git(root, "init", "--quiet", "--initial-branch=main")
        if files:
            self.commit(files)

    def commit(self, files: Mapping[str, bytes] | None = None) -> str:
        """Write files, commit all there is and give the commit."""
        write_files(self.root, files or {})
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "--allow-empty", "--message=x")
        return self.head

    @property
    def head(self) -> str:
        return git(self.root, "rev-parse", "HEAD")

    @property
    def url(self) -> str:
        return f"git+{self.root.as_uri()}"
