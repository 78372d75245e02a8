"""URLs of files and repositories: which are usable, and a repository's as PEP 610 writes it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from bundler.errors import RequirementError
from bundler.requirements.origins import Origin
from bundler.requirements.quoting import quote

__all__ = ["SCP_LIKE", "is_usable", "repository_url"]

#: git's short form of ssh, user@host:path; behind ssh:// digits and a slash after the colon are a port.
SCP_LIKE = re.compile(r"(?:git\+)?(?:ssh://(?![^/]*:[0-9]+/))?([\w.-]+@[\w.-]+):(?!/)([^\s#]+)")
_REVISION = re.compile(r"[\w.+/-]+")  # what can stand behind the @ of a URL
_UNSAFE = re.compile(r"[\x00-\x20\x7f]")


def is_usable(url: str) -> bool:
    """Whether a URL has a path on a host, or for file: and git+file: on this machine."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    if parts.scheme in ("file", "git+file"):
        there = host in ("", "localhost")  # RFC 8089
    else:  # a host that starts with "-" would be an option to git or ssh (CVE-2017-1000117)
        there = bool(host) and not host.startswith("-") and port != 0
    return bool(parts.scheme) and there and parts.path.startswith("/") and not _UNSAFE.search(url)


def repository_url(git: str, revision: str | None, origin: Origin) -> str:
    """The URL of a repository at a commit, tag or branch, as PEP 610 writes it; git's own short form of ssh too.

    Raises:
        RequirementError: a revision that can't stand in a URL.
    """
    short = SCP_LIKE.fullmatch(git)
    url = f"ssh://{short[1]}/{short[2]}" if short else git.removeprefix("git+")
    if revision is None:
        return f"git+{url}"
    if not _REVISION.fullmatch(revision) or "#" in url:
        message = f"{quote(revision)} can't be told as the revision of {quote(git)}"
        raise RequirementError(message, origin=str(origin), hint="name the commit by its hash, behind a plain URL")
    return f"git+{url}@{revision}"
