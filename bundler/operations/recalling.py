"""Recall: the same question, and every answer of the index it rests on still fresh, has the same locks as before.

A resolution depends on the requirements, the choices, the targets and what the index answered, and on nothing else;
metadata is bound to the file whose hash the answer states. So a lock is kept with the digests of the answers, and taken
again while each of them may be used without asking (RFC 9111 §4.2). Where one may not, everything goes its usual way.

Left out: direct references, locks as inputs and find-links places, whose content no stored answer vouches for.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from bundler import __version__
from bundler.cache.freshness import Fresh, decide
from bundler.cache.responses import ResponseStore
from bundler.cache.store import Store
from bundler.digests import Digest
from bundler.index.places import Places
from bundler.operations.planning import Plan
from bundler.operations.summaries import Chosen
from bundler.requirements.model import DeclaredRequirement
from bundler.simple.model import ACCEPT
from bundler.targets.descriptions import describe

__all__ = ["Locks", "question_of", "recall", "remember"]

_encode = msgspec.json.Encoder(enc_hook=str, order="deterministic").encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """The texts of the locks in the order of the files they go to, and what was chosen."""

    texts: tuple[str, ...]
    chosen: Chosen


class _Remembered(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    #: Digests of the index's answers by their URLs.
    answers: dict[str, str]
    locks: Locks


def question_of(plan: Plan, *, per_target: bool) -> Digest | None:
    """What decides the locks besides the index's answers, as a digest; None where more than that does."""
    wanted, places = plan.wanted, Places.of(plan.options, default_url=plan.asked.default_index_url)
    if wanted.references or wanted.locks or places.find_links:
        return None
    said = (
        __version__,
        [_said(part) for part in (wanted.requirements, wanted.constraints, wanted.overrides)],
        [describe(target) for target in plan.targets],
        [(index.location.url, index.projects, index.explicit) for index in places.indexes],
        plan.choices,
        plan.asked.consistent,
        per_target,
    )
    return Digest.sha256(_encode(said))


def _said(declared: Iterable[DeclaredRequirement]) -> list[object]:
    return [(str(each.requirement), each.hashes) for each in declared]


def recall(store: Store, question: Digest) -> Locks | None:
    """The locks that answered this question before, if every answer they rest on is still fresh."""
    data = store.responses.remembered(question)
    try:
        known = None if data is None else msgspec.json.decode(data, type=_Remembered)
    except (ValueError, RecursionError):  # damaged, or of another version: as if nothing were there
        return None
    if known is None:
        return None
    now = time.time()
    fresh = all(_is_fresh(store.responses, url, source, now) for url, source in known.answers.items())
    return known.locks if fresh else None


def _is_fresh(responses: ResponseStore, url: str, source: str, now: float) -> bool:
    stored = responses.answer(url, ACCEPT)
    if stored is None or str(stored.source) != source:
        return False
    return isinstance(decide(stored.headers, asked_at=stored.asked_at, now=now), Fresh)


def remember(store: Store, question: Digest, answers: Mapping[str, str | None], locks: Locks) -> None:
    """Keep locks with the answers they rest on; not if one of these can't be told again."""
    known = {url: source for url, source in answers.items() if source is not None}
    if len(known) == len(answers):
        store.responses.store_remembered(question, _encode(_Remembered(answers=known, locks=locks)))
