"""resolvelib's search, remembering what it asks again in every round.

resolvelib asks of every criterion in every round whether its pin still meets it, and of every open one how urgent it
is: n² questions for n pins, nearly all of them as before. Criteria are never changed, only replaced, so that the same
object gives the same answer until its pin changes.

What has been in conflict often is decided early, so that whatever it rules out is seen before much is built upon it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from resolvelib.resolvers import Criterion, Resolution
from resolvelib.structs import State

from bundler.resolution.candidates import Candidate
from bundler.resolution.provider import Claim, Provider, Reporter
from bundler.resolution.wants import Key, Want

__all__ = ["Search"]

#: From so many conflicts on a key is decided earlier, as in uv: below, the order of the requirements rules.
_OFTEN = 5

_Criterion = Criterion[Want, Candidate]


class Search(Resolution[Want, Candidate, Key]):
    """A search for one set of pins; used once."""

    def __init__(self, provider: Provider, reporter: Reporter) -> None:
        super().__init__(provider, reporter)
        self._conflicts = reporter.conflicts
        #: Whether a criterion's pin meets it; forgotten whenever a pin changes without its criterion.
        self._satisfied: dict[_Criterion, bool] = {}
        self._urgency: dict[_Criterion, Any] = {}
        self._causes_of: State[Want, Candidate, Key] | None = None
        self._conflicted: set[Key] = set()

    def _is_current_pin_satisfying(self, name: Key, criterion: _Criterion) -> bool:
        known = self._satisfied.get(criterion)
        if known is None:
            known = self._satisfied[criterion] = super()._is_current_pin_satisfying(name, criterion)
        return known

    def _attempt_to_pin_criterion(self, name: Key) -> list[_Criterion]:
        self._satisfied.pop(self._states[-1].criteria[name], None)
        return super()._attempt_to_pin_criterion(name)

    def _backjump(self, causes: list[Claim]) -> bool:
        self._satisfied.clear()
        self._urgency.clear()
        return super()._backjump(causes)

    def _rollback_states(self) -> None:
        self._satisfied.clear()
        super()._rollback_states()

    def _remove_information_from_criteria(self, criteria: dict[Key, _Criterion], parents: Collection[Key]) -> None:
        """Unpin what is no longer satisfied, whose requirements are forgotten here; every criterion is replaced.

        resolvelib (1.2.1) leaves the pin. Should it fit again later, it would stand without what it asks for.
        """
        super()._remove_information_from_criteria(criteria, parents)
        for parent in parents:
            del self._states[-1].mapping[parent]

    def _patch_criteria(self, incompatibilities_from_broken: list[tuple[Key, list[Candidate]]]) -> bool:
        """Each candidate once: resolvelib (1.2.1) joins the lists of two states, and doubles them at each conflict."""
        return super()._patch_criteria(
            [(key, list(dict.fromkeys(both))) for key, both in incompatibilities_from_broken]
        )

    def _get_preference(self, name: Key) -> tuple[bool, int, bool, Any]:
        """An extra waits for its project, so that one look decides it; then comes what conflicts often, or just did."""
        state = self._states[-1]
        if self._causes_of is not state:
            self._causes_of = state
            self._conflicted = {cause.requirement.key for cause in state.backtrack_causes}
        criterion = state.criteria[name]
        urgency = self._urgency.get(criterion)
        if urgency is None:
            urgency = self._urgency[criterion] = super()._get_preference(name)
        waits = name[1] is not None and (name[0], None) not in state.mapping
        conflicts = self._conflicts[name]
        return waits, -conflicts if conflicts >= _OFTEN else 0, name not in self._conflicted, urgency
