"""The options of a line of a requirements file: which there are, how they are spelled, and what they say.

Only whole names are understood: pip takes `--extra` for --extra-index-url until it gets another option of that
beginning. An option that a bundle can't honour is refused by name, with what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from packaging.utils import InvalidName, canonicalize_name

from bundler.errors import RequirementError
from bundler.requirements.files.references import Locate, absolute_url
from bundler.requirements.nearest import nearest
from bundler.requirements.options import Options
from bundler.requirements.origins import Origin
from bundler.requirements.quoting import quote, shown

__all__ = ["read_options", "read_words"]

_FLAGS = {
    "--no-index": Options(no_index=True),
    "--pre": Options(pre=True),
    "--prefer-binary": Options(prefer_binary=True),
    "--require-hashes": Options(require_hashes=True),
}
_VALUED = {
    "--index-url",
    "--extra-index-url",
    "--find-links",
    "--no-binary",
    "--only-binary",
    "--requirement",
    "--constraint",
    "--editable",
    "--hash",
    "--config-settings",
}
_SPELLINGS = {
    "-i": "--index-url",
    "--pypi-url": "--index-url",
    "-f": "--find-links",
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-C": "--config-settings",
    "--config-setting": "--config-settings",
}
_SETUP_PY = "leave it out: it speaks to setup.py, and nothing is built"
_PRE = "leave it out, or write --pre for all projects"
_REFUSED = {
    "--trusted-host": "leave it out, and name the certificate to be trusted in the variable SSL_CERT_FILE",
    "--use-feature": "leave it out: it speaks to pip",
    "--global-option": _SETUP_PY,
    "--install-option": _SETUP_PY,
    "--build-option": _SETUP_PY,
    "--all-releases": _PRE,
    "--only-final": _PRE,
    "--no-require-hashes": "leave it out, and --require-hashes with it",
}


def read_words(words: Sequence[str], origin: Origin) -> tuple[tuple[str, str], ...]:
    """Give each option by its long name, with its value, which is empty where it takes none.

    Raises:
        RequirementError: an unknown or refused option, a value missing or too many.
    """
    return tuple(_read_words(words, origin))


def read_options(pairs: Sequence[tuple[str, str]], *, origin: Origin, file: str | None, locate: Locate) -> Options:
    """Join what the options of a line say of indexes and preferences; paths and URLs come out absolute.

    Raises:
        RequirementError: a value that isn't a URL, a path to something, or a name; an option of another kind.
    """
    found = Options()
    for option, value in pairs:
        found = found.joined(_FLAGS[option] if option in _FLAGS else _valued(option, value, origin, file, locate))
    return found


def _read_words(words: Sequence[str], origin: Origin) -> Iterator[tuple[str, str]]:
    remaining = iter(words)
    for word in remaining:
        if word.startswith("--"):
            option, glue, value = word.partition("=")
        else:
            option, value = word[:2], word[2:].removeprefix("=")
            glue = word[2:]
        option = _SPELLINGS.get(option, option)
        if option in _VALUED:
            value = value if glue else next(remaining, "")
            if not value:
                raise _error(f"the option {option} has no value", origin, f"write one behind it: {option}=…")
        elif option not in _FLAGS:
            raise _not_taken(word, option, origin)
        elif glue:
            raise _error(f"the option {option} takes no value", origin, f"write {option} alone")
        yield option, value


def _not_taken(word: str, option: str, origin: Origin) -> RequirementError:
    if not word.startswith("-"):
        message = f"{quote(word)} stands behind the options, where nothing is expected"
        return _error(message, origin, 'quote a value with spaces, such as -r "my file.txt"')
    if option in _REFUSED:
        return _error(f"the option {option} isn't taken in a requirements file", origin, _REFUSED[option])
    written = word.partition("=")[0]
    near = nearest(written, (*_VALUED, *_FLAGS)) if written.startswith("--") else None
    hint = f"did you mean {near}?" if near else "leave it out here"
    return _error(f"the option {shown(written, 80)} isn't understood in a requirements file", origin, hint)


def _valued(option: str, value: str, origin: Origin, file: str | None, locate: Locate) -> Options:
    match option:
        case "--index-url":
            return Options(index_url=_place(option, value, origin, locate, None))
        case "--extra-index-url":
            return Options(extra_index_urls=(_place(option, value, origin, locate, None),))
        case "--find-links":
            return Options(find_links=(_place(option, value, origin, locate, file),))
        case "--no-binary":
            return Options(no_binary=_names(option, value, origin))
        case "--only-binary":
            return Options(only_binary=_names(option, value, origin))
    raise _error(f"the option {option} stands among others", origin, "give it a line of its own")


def _place(option: str, value: str, origin: Origin, locate: Locate, file: str | None) -> str:
    """An http URL as it is; a path or file: URL made absolute, from `file` if it is there, else from where we are."""
    try:
        parts = urlsplit(value)
        remote = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:  # not chained: its text may hold a password
        remote = False
    found = value if remote else file and absolute_url(value, locate, file)
    found = found or absolute_url(value, locate)
    if found is None:
        what = "a place that can't be read" if "@" in value else quote(value)
        message = f"{option} names {what}: neither an http URL nor a path where something is"
        raise _error(message, origin, "write https://host/path/, or a path that exists")
    return found


def _names(option: str, value: str, origin: Origin) -> tuple[str, ...]:
    names = tuple(name.strip() for name in value.split(","))
    for name in names:
        try:
            if name not in (":all:", ":none:"):
                canonicalize_name(name, validate=True)
        except InvalidName as exc:
            message = f"{quote(name)} isn't the name of a project for {option}"
            raise _error(message, origin, "write names with commas between them, or :all:, or :none:") from exc
    return names


def _error(message: str, origin: Origin, hint: str) -> RequirementError:
    return RequirementError(message, origin=str(origin), hint=hint)
