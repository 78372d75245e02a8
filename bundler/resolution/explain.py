"""Why not: the text a person needs when no set of versions fits.

The proof that `refutation` finds is told by `story`, the shortest one where several projects are left without versions;
where it takes a distinction of cases, one proof for each version of one project. Where there is no such proof either,
what resolvelib died of is told, with the chain that leads to each asker.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bundler.errors import ResolutionError
from bundler.resolution.hints import hint_of
from bundler.resolution.provider import Claim, Provider, Reporter
from bundler.resolution.refutation import Ask, Refutation
from bundler.resolution.story import Story, supposed
from bundler.resolution.wants import Demand, Key

__all__ = ["exhausted", "explain"]

_SHOWN_LINES = 12
_COMPARED = 4  # stories of which the shortest is told
_CASES = 4  # versions that are each supposed
_TRIED = 4  # projects of which one version after another is supposed


def explain(causes: Iterable[Claim], provider: Provider, reporter: Reporter, demand: Demand) -> ResolutionError:
    """Turn a conflict into an error whose details tell it."""
    stories = _proofs(provider, demand)
    if not stories:
        stories = [Story(Refutation(provider, demand.roots), provider, demand)]
        _tell_causes(stories[0], _with_what_was_learned(causes, provider), reporter)
    return _error(stories, provider, demand)


def exhausted(provider: Provider, reporter: Reporter, demand: Demand) -> ResolutionError:
    """The error for a search that its budget stopped: the conflict, if what was read shows one; else what flips."""
    if stories := _proofs(provider, demand):
        return _error(stories, provider, demand)
    flipping = [(name, count) for name, count in reporter.pins.most_common(5) if count > 1]
    names = " and ".join(name for name, _ in flipping[:2]) or "the requirements"
    return ResolutionError(
        f"the search for versions that fit together on {demand.target.name} was stopped: it found no end",
        details=tuple(f"{name}: tried {count} times" for name, count in flipping),
        hint=f"narrow {names} with version bounds, in the requirements or in a constraints file (-c)",
    )


def _error(stories: Sequence[Story], provider: Provider, demand: Demand) -> ResolutionError:
    lines = list(dict.fromkeys(line for story in stories for line in story.lines()))
    if len(lines) > _SHOWN_LINES:
        lines[_SHOWN_LINES - 1 :] = [f"and {len(lines) - _SHOWN_LINES + 1} more lines like these"]
    return ResolutionError(
        f"no versions satisfy the requirements together on {demand.target.name}",
        details=tuple(lines),
        hint=hint_of(stories[0].sites, stories[0].told, provider, demand),
    )


def _proofs(provider: Provider, demand: Demand) -> list[Story]:
    """One story that tells all, or one for each case; none where there is no proof."""
    facts = Refutation(provider, demand.roots)
    return [_shortest(facts, provider, demand)] if facts.find() else _by_cases(facts, provider, demand)


def _shortest(facts: Refutation, provider: Provider, demand: Demand) -> Story:
    stories = [Story(facts, provider, demand) for _ in facts.ends[:_COMPARED]]
    for story, key in zip(stories, facts.ends, strict=False):
        story.tell_end(key)
    return min(stories, key=lambda story: len(story.lines()))


def _by_cases(facts: Refutation, provider: Provider, demand: Demand) -> list[Story]:
    """A story for each version left of a needed project, the one with the fewest, if all of them end."""
    for key, versions in sorted(facts.choices(most=_CASES), key=lambda choice: len(choice[1]))[:_TRIED]:
        cases = [Refutation(provider, (*demand.roots, supposed(key, version))) for version in versions]
        if all(case.find() for case in cases):
            return [_shortest(case, provider, demand) for case in cases]
    return []


def _with_what_was_learned(causes: Iterable[Claim], provider: Provider) -> list[Claim]:
    """The causes of a failure, and why what could have met them was found dead before."""
    told = list(causes)
    seen: set[Key] = set()
    for cause in told:  # grows meanwhile
        key = cause.requirement.key
        wants = tuple(other.requirement for other in told if other.requirement.key == key)
        if key in seen or next(iter(provider.candidates(key, wants)), None) is not None:
            continue
        seen.add(key)
        told += provider.deaths(key, wants)
    return told


def _tell_causes(story: Story, causes: Iterable[Claim], reporter: Reporter) -> None:
    """Tell who asks for what, those together who ask the same, and what there is of it."""
    asks: dict[Key, dict[tuple[Key | None, str], Ask]] = {}
    for cause in causes:
        asked = _ask(cause)
        known = asks.setdefault(asked.key, {}).get((asked.asker, cause.requirement.text))
        versions = {*asked.versions, *(known.versions if known else ())}
        merged = Ask(asker=asked.asker, versions=tuple(sorted(versions, reverse=True)), wants=asked.wants)
        asks[asked.key][(asked.asker, cause.requirement.text)] = merged
    for key, several in asks.items():
        for ask in several.values():
            if ask.asker is not None:
                story.tell_asks(_chain(ask.asker[0], reporter))
            story.tell_asks([ask])
        story.tell_what_there_is(key, tuple((ask,) for ask in several.values()))
    story.tell_remark("this was the last of several combinations tried; none of the others fits either")


def _chain(name: str, reporter: Reporter) -> list[Ask]:
    """Who led to a project, from the person on: the first that asked for it, and for that one in turn."""
    chain: list[Ask] = []
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        asked = sorted(reporter.asked.get(name, {}).values(), key=lambda asked: asked.parent is not None)
        chain += map(_ask, asked[:1])
        name = asked[0].parent.name if asked and asked[0].parent else name
    return chain[::-1]


def _ask(asked: Claim) -> Ask:
    want, parent = asked
    if parent is None:
        return Ask(asker=None, versions=(), wants=(want,))
    return Ask(asker=(parent.name, parent.extra), versions=(parent.version,), wants=(want,))
