"""Where a git repository is: `git+https://host/x.git@ref`, taken apart (pip's form; PEP 610).

The URL that git is given, and that is shown or recorded, has no password in it: that stands in a `Login`, which prints
as `***` and which `git` hands over only when this host asks for it. Characters by which a URL could become an option of
git or ssh are refused, and so is what git would run a program for (`ext::`).

Left out: the other systems (hg, svn, bzr), and scp's form `git@host:path`, for which the refusal says what to write.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from bundler.errors import UsageError

__all__ = ["Login", "Repository"]

_SCHEMES = ("https", "ssh", "http", "git", "file")
_HOST = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9A-Fa-f:.]+")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_REF = re.compile(
    r"(?!-)(?!.*(?:\.\.|@\{|//))[^\0-\x20\x7f~^:?*\[\\]{1,250}"
)  # git-check-ref-format, short of its rarest
_ODD = re.compile(r"[\0-\x20\x7f]")
_SCP = re.compile(r"(?:([A-Za-z0-9._-]+)@)?([A-Za-z0-9.-]+):(?!/)(.+)")


class Login:
    """A user name and a password for one host; prints as `***`."""

    __slots__ = ("__pair",)

    def __init__(self, user: str, password: str) -> None:
        self.__pair = (user, password)

    def pair(self) -> tuple[str, str]:
        """Both, in the clear."""
        return self.__pair

    def __repr__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository and what is wanted of it; two of the same URL and ref are equal."""

    #: What git is given: without a password, and without a user unless ssh needs one.
    url: str
    #: A branch, a tag, a commit or a full name such as refs/pull/1/head; None for the branch that HEAD names.
    ref: str | None = None
    login: Login | None = field(default=None, compare=False)

    @classmethod
    def parse(cls, url: str) -> Repository:
        """Read `git+SCHEME://…@REF`, without its fragment.

        Raises:
            UsageError: another version control system or scheme, or a URL or ref with odd characters.
        """
        system, _, rest = url.partition("+")
        shown = f"{url.partition('://')[0][:20]}://…"  # the rest may hold a password
        if system != "git":
            raise UsageError(f"{shown} names a repository that isn't git's", hint=_HINT)
        parts = _parts(rest, shown)
        path, at, ref = parts.path.rpartition("@")
        if not at:
            return _located(parts, shown)
        bare = _located(parts._replace(path=path), shown)
        ref = unquote(ref)
        if not _REF.fullmatch(ref):
            raise UsageError(f"{bare.url}: {ref[:80]!r} can't be the name of a commit, branch or tag", hint=_HINT)
        return cls(url=bare.url, ref=ref, login=bare.login)

    @property
    def scheme(self) -> str:
        """The protocol that git speaks."""
        return self.url.partition(":")[0]

    def pinned(self, commit: str) -> str:
        """The URL of one commit of it, fit to be recorded."""
        return f"git+{self.url}@{commit}"

    def submodule(self, url: str) -> Repository:
        """The repository that a submodule's `url` names, relative to this one where it says so (gitmodules(5)).

        Raises:
            UsageError: a URL that isn't taken, or one of this machine's files in a repository from elsewhere.
        """
        shown = f"{self.url}: its submodule's URL"
        if url.startswith(("./", "../")):
            parts = urlsplit(self.url)
            return Repository(url=urlunsplit(parts._replace(path=_joined(parts.path, url, shown))), login=self.login)
        scp = _SCP.fullmatch(url)
        if url.startswith("/"):
            url = f"file://{url}"
        elif scp is not None and "://" not in url:
            url = f"ssh://{scp[1] or 'git'}@{scp[2]}/{scp[3]}"
        other = _located(_parts(url, shown), shown)
        if other.scheme == "file" and self.scheme != "file":
            raise UsageError(f"{shown} names a file of this machine")
        same = urlsplit(other.url)[:2] == urlsplit(self.url)[:2]
        return Repository(url=other.url, login=other.login or (self.login if same else None))


_HINT = "write git+https://host/path.git@REF, or git+ssh://git@host/path.git@REF"


def _parts(url: str, shown: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in _SCHEMES and (parts.port is None or parts.port > 0)
    except ValueError:  # not told, not chained: its text may hold the password
        usable = False
    if not usable or _ODD.search(url) or parts.query:
        raise UsageError(f"{shown} isn't the URL of a git repository that can be asked", hint=_HINT) from None
    return parts


def _located(parts: SplitResult, shown: str) -> Repository:
    host, user = parts.hostname or "", unquote(parts.username or "")
    local = parts.scheme == "file"
    if (host not in ("", "localhost") if local else not _HOST.fullmatch(host)) or len(parts.path) < 2:
        raise UsageError(f"{shown} isn't the URL of a git repository that can be asked", hint=_HINT)
    netloc = parts.netloc.rpartition("@")[2]
    if parts.scheme == "ssh" and user:
        if not _USER.fullmatch(user):
            raise UsageError(f"{shown} has a user name that ssh can't be given", hint=_HINT)
        netloc = f"{user}@{netloc}"
    url = urlunsplit((parts.scheme, netloc, parts.path, "", ""))
    return Repository(url=url, login=_login(parts, user, shown) if parts.scheme in ("https", "http") else None)


def _login(parts: SplitResult, user: str, shown: str) -> Login | None:
    password = unquote(parts.password or "")
    if _ODD.search(user + password):
        raise UsageError(f"{shown} has a user name or password with control characters")
    return Login(user, password) if user or password else None


def _joined(path: str, relative: str, shown: str) -> str:
    parts = path.rstrip("/").split("/")
    for step in relative.split("/"):
        if step == "..":
            parts = parts[:-1]
        elif step not in ("", "."):
            parts.append(step)
    if len(parts) < 2 or _ODD.search(relative):
        raise UsageError(f"{shown} leads out of its host")
    return "/".join(parts)
