"""What stands behind the "#" of a direct reference: `egg`, `subdirectory` and one hash, as pip writes them.

Other keys are refused, since pip passes over them and a mistyped `subdirectory` then means the wrong project.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import unquote

from packaging.utils import InvalidName, canonicalize_name

from bundler.digests import STRONG_ALGORITHMS, Digest
from bundler.errors import RequirementError
from bundler.requirements.origins import Origin
from bundler.requirements.quoting import quote

__all__ = ["Fragment", "check_strength"]

_WEAK = {"md5", "sha1", "sha224"}
_KEYS = {"egg", "subdirectory", *_WEAK, *STRONG_ALGORITHMS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """A fragment taken apart; `name` is normalized, `subdirectory` decoded and without "..", hashes are strong."""

    name: str | None = None
    subdirectory: str | None = None
    hashes: tuple[Digest, ...] = ()

    @classmethod
    def parse(cls, url: str, origin: Origin) -> Fragment:
        """Read a URL's fragment; an absent one is empty.

        Raises:
            RequirementError: an unknown key, one given twice or without a value, or a value that isn't valid.
        """
        found: dict[str, str] = {}
        for part in filter(None, url.partition("#")[2].split("&")):
            key, _, value = part.partition("=")
            if key not in _KEYS or key in found or not value:
                message = f"{quote(part)} behind the # of a URL isn't understood, or stands there twice"
                hint = "write #subdirectory=… or #sha256=…, joined by &"
                raise RequirementError(message, origin=str(origin), hint=hint)
            found[key] = value
        return cls(
            name=_name(found.pop("egg"), origin) if "egg" in found else None,
            subdirectory=_subdirectory(found.pop("subdirectory"), origin) if "subdirectory" in found else None,
            hashes=tuple(_digest(f"{key}={value}", origin) for key, value in found.items()),
        )


def check_strength(digest: Digest, origin: Origin) -> Digest:
    """Return a digest that binds.

    Raises:
        RequirementError: one of an algorithm that pip doesn't take in --hash either.
    """
    if digest.algorithm in STRONG_ALGORITHMS:
        return digest
    message = f"a hash by {digest.algorithm} is too weak to bind"
    raise RequirementError(message, origin=str(origin), hint="use sha256")


def _name(text: str, origin: Origin) -> str:
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as exc:
        message, hint = f"{quote(text)} behind #egg= isn't a name", "write name[extra] @ URL, without egg="
        raise RequirementError(message, origin=str(origin), hint=hint) from exc


def _subdirectory(text: str, origin: Origin) -> str:
    path = unquote(text)
    if path.startswith(("/", "\\")) or ".." in path.replace("\\", "/").split("/") or not path.isprintable():
        message = f"the subdirectory {quote(path)} leads out of what it is in"
        raise RequirementError(message, origin=str(origin), hint="write it relative to the top, without ..")
    return path


def _digest(text: str, origin: Origin) -> Digest:
    try:
        digest = Digest.parse(text)
    except ValueError as exc:
        raise RequirementError(f"{quote(text)} isn't a hash", origin=str(origin), hint="write sha256=…") from exc
    return check_strength(digest, origin)
