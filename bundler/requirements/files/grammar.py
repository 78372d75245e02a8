"""requirements.txt: what is wanted, as people and tools write it down, in the grammar of pip's documentation.

A file is a row of items: requirements by name, direct references, options, and other files, which whoever asked reads
in their turn. Every line that isn't understood is refused with its file and line, the line being the first of a
continued one; nothing is skipped in silence.

Where we differ from pip:

- What a line asks for that a bundle can't honour is refused by name, with what to do: --trusted-host, --use-feature,
  the options of setup.py, editable repositories. An editable directory is taken as the copy that a bundle holds.
- A hash binds the requirement that it stands behind, and no other: pip demands one of every line once there is one.
  --require-hashes demands it here.
- Of the hashes behind a name, one must be by sha256. Files are chosen by what the index states of them, which is
  sha256; pip fetches a file and then hashes it. A direct reference may have others.
- An option behind a requirement, other than --hash and --config-settings, is refused where pip passes over it. So is
  a second value, and an option shortened to its beginning.
- --config-settings is read and not kept: it speaks to a build, and nothing is built.
- Constraints ask for nothing, so they hold neither extras nor direct references.

The module is pure: files are found by `locate`, and environment variables come as an argument. Their values may be
secrets, so a message quotes a line as it is written and never as it reads with the values filled in.
"""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from bundler.digests import Digest
from bundler.distributions import parse_requirement
from bundler.errors import RequirementError
from bundler.requirements.files.fragments import check_strength
from bundler.requirements.files.lines import expand, logical_lines
from bundler.requirements.files.options import read_options, read_words
from bundler.requirements.files.references import OTHER_FILES, Locate, parse_editable, parse_reference
from bundler.requirements.model import DeclaredReference, DeclaredRequirement
from bundler.requirements.options import Options
from bundler.requirements.origins import COMMAND_LINE, Origin
from bundler.requirements.quoting import quote, shown
from bundler.requirements.terms import check_hashes

__all__ = ["Include", "Item", "Locate", "parse_argument", "parse_file"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """-r or -c; as in pip, the option decides what the named file is, not the file it stands in."""

    path: str
    constraint: bool
    origin: Origin


Item = DeclaredRequirement | DeclaredReference | Options | Include

_OPTIONS = re.compile(r"(?:^|(?<=\s))-.*", re.DOTALL)
_QUOTING = re.compile(r"""[^\t -~]|["'\\]""")  # shlex takes a second for 500 KB of hashes
_NEARLY = re.compile(r"([\w.-]+\s*(?:\[[^]]*\])?)\s*(=>|=<|=|)\s*([0-9]\S*)")
_MAX_HINTED = 200  # characters; the pattern takes cubic time
_MAX_TEXT = 4096  # characters, as in distributions.parse_requirement: nobody writes more
_OF_REQUIREMENTS = {"--hash", "--config-settings"}


def parse_file(
    data: bytes, name: str, *, constraint: bool, environment: Mapping[str, str], locate: Locate
) -> Iterator[Item]:
    """Read the items of a requirements file, or of a constraints file, in their order.

    Raises:
        RequirementError: a line that isn't understood or not taken, bytes that aren't UTF-8, an unset variable.
    """
    for origin, written in logical_lines(data, name):
        line = _Line(origin=origin, file=name, constraint=constraint, locate=locate)
        text = expand(written, environment, origin).strip()
        yield line.item(text) if text == written else _item_with_values(line, text, written)


def parse_argument(text: str, *, locate: Locate) -> DeclaredRequirement | DeclaredReference:
    """Read a positional requirement of the command line.

    Raises:
        RequirementError: it isn't understood or not taken.
    """
    line = _Line(origin=COMMAND_LINE, file=None, constraint=False, locate=locate)
    head, words = line.split(text.strip())
    if words and not head:
        raise line.error(f"{quote(text)} isn't a requirement", hint="give options as arguments of their own")
    return line.declared(head, read_words(words, COMMAND_LINE))


def _item_with_values(line: _Line, text: str, written: str) -> Item:
    """The item of a line whose variables are filled in; its own errors could quote their values, and are dropped."""
    with contextlib.suppress(RequirementError):
        return line.item(text)
    line.item(written)  # mostly refused for the same reason
    raise line.error(f"{quote(written)} isn't understood once its variables are filled in")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """Where a line stands, and so how it is understood."""

    origin: Origin
    file: str | None
    constraint: bool
    locate: Locate

    def item(self, text: str) -> Item:
        head, words = self.split(text)
        pairs = read_words(words, self.origin)
        if head or not pairs:
            return self.declared(head, pairs)
        (option, value), *others = pairs
        if option in _OF_REQUIREMENTS:
            raise self.error(f"{option} stands behind no requirement", hint="write it behind the one it is for")
        if option in ("--requirement", "--constraint") and not others:
            return self.include(value, constraint=option == "--constraint")
        if option == "--editable" and all(other == "--config-settings" for other, _ in others):
            return self.unconstraining(parse_editable(value, origin=self.origin, locate=self.locate))
        return read_options(pairs, origin=self.origin, file=self.file, locate=self.locate)

    def split(self, text: str) -> tuple[str, list[str]]:
        """A requirement, perhaps empty, and the words of its options; shlex would take the quotes off a marker."""
        match = _OPTIONS.search(text)
        if match is None:
            return text, []
        try:
            words = shlex.split(match[0]) if _QUOTING.search(match[0]) else match[0].split()
        except ValueError as exc:
            raise self.error(f"{quote(match[0])} has a quote or backslash that isn't closed") from exc
        return text[: match.start()].strip(), words

    def include(self, path: str, *, constraint: bool) -> Include:
        if "://" in path:
            raise self.error(f"{quote(path)} is a URL", hint="fetch the file first, and name it by its path")
        if "\0" in path:
            raise self.error(f"{quote(path)} isn't a path", hint="write the path of a file")
        return Include(path=path, constraint=constraint, origin=self.origin)

    def declared(self, text: str, pairs: Sequence[tuple[str, str]]) -> DeclaredRequirement | DeclaredReference:
        if len(text) > _MAX_TEXT:
            raise self.error(f"a requirement of {len(text)} characters isn't one")
        hashes = tuple(filter(None, (self.hash(option, value) for option, value in pairs)))
        reference = parse_reference(text, origin=self.origin, locate=self.locate, hashes=hashes)
        return self.unconstraining(reference) if reference else self.by_name(text, hashes)

    def hash(self, option: str, value: str) -> Digest | None:
        """What one of the options behind a requirement says of its files."""
        if option not in _OF_REQUIREMENTS:
            raise self.error(f"the option {option} stands behind a requirement", hint="give it a line of its own")
        if option == "--config-settings":
            if not value.partition("=")[1]:
                raise self.error("--config-settings has no KEY=VALUE", hint="write --config-settings=KEY=VALUE")
            return None
        try:
            return check_strength(Digest.parse(value), self.origin)
        except ValueError as exc:
            raise self.error(f"--hash has no valid value: {quote(value, 140)}", hint="write --hash=sha256:…") from exc

    def unconstraining(self, reference: DeclaredReference) -> DeclaredReference:
        if self.constraint:
            message = f"the constraint on {reference.name or 'a file or directory'} is a direct reference"
            raise self.error(message, hint="constraints narrow versions by name: write name==1.0")
        return reference

    def by_name(self, text: str, hashes: tuple[Digest, ...]) -> DeclaredRequirement:
        if text.endswith(OTHER_FILES):
            raise self.error(f"{quote(text)} isn't a requirement", hint=f"did you mean -r {shown(text)}?")
        try:
            requirement = parse_requirement(text)
        except ValueError as exc:
            details = (shown(str(exc)),)
            raise self.error(f"{quote(text)} isn't a requirement", details=details, hint=_hint(text)) from None
        if requirement.url is not None:
            hint = f"write {requirement.name} @ https://… or {requirement.name} @ file:…"
            raise self.error(f"{requirement.name} is asked for at {quote(requirement.url)}, which is no URL", hint=hint)
        if self.constraint and requirement.extras:
            hint = "leave the extras out here: constraints narrow versions and ask for nothing"
            raise self.error(f"the constraint on {requirement.name} has extras", hint=hint)
        check_hashes(hashes, requirement.name, self.origin, hint="write --hash=sha256:…")
        return DeclaredRequirement(requirement=requirement, origin=self.origin, hashes=hashes)

    def error(self, message: str, *, details: tuple[str, ...] = (), hint: str | None = None) -> RequirementError:
        return RequirementError(message, origin=str(self.origin), details=details, hint=hint)


def _hint(text: str) -> str | None:
    match = _NEARLY.fullmatch(text) if len(text) <= _MAX_HINTED else None
    if match is None:
        return None
    operator = {"=>": ">=", "=<": "<="}.get(match[2], "==")
    return f"did you mean {match[1].strip()}{operator}{match[3]}?"
