"""What a person wrote, fit for a message: no password, no terminal escape, no end of a long line.

Text that couldn't be read has no parts that could be trusted, so everything between "//" and the last "@" goes, and
with it a password that holds a "/" or an "@". A repository is worth a closer look, for the commit behind its "@"; and
the user git is no secret.
"""

from __future__ import annotations

import re

__all__ = ["quote", "shown"]

_REPOSITORY = re.compile(r"(\+[a-z]+://)(?!git@)[^/\s]*@", re.IGNORECASE)
_USERINFO = re.compile(r"//(?!(?:git@)?[\w.-]++/|\*\*\*@).*@", re.DOTALL)
_QUERY = re.compile(r"(//[^\s?#]*\?)[^\s#]+")
_MAX_READ = 4096  # characters; the patterns take quadratic time


def quote(text: str, length: int = 80) -> str:
    """The text in quotes: redacted, cut to `length` characters, with escapes for what isn't printable."""
    return repr(_redacted(text)[:length])


def shown(text: str, length: int = 200) -> str:
    """The text as `quote` gives it, without the quotes, to stand in something longer."""
    return quote(text, length)[1:-1]


def _redacted(text: str) -> str:
    if len(text) > _MAX_READ:
        return f"a text of {len(text)} characters"
    text = _USERINFO.sub("//***@", _REPOSITORY.sub(r"\1***@", text))
    return _QUERY.sub(r"\1***", text)
