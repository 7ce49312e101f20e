"""The archive as columns, one entry per agent, oldest first: what parent selections compute on."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from cladeflow.archive.population import NO_PARENTS, Member

Counts = NDArray[np.int64]
Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.intp]
T = TypeVar("T")


@dataclass(frozen=True)
class Columns:
    """N agents at one moment; every array is [N] and to be read only."""

    ids: Sequence[str]
    champion: int
    """Index of the agent in charge."""
    ok: Counts
    """Held-out tasks that the agent itself solved."""
    fail: Counts
    """Held-out tasks that the agent itself did not solve."""
    clade_ok: Counts
    """Tasks solved by the agent and all its descendants, each agent counted once."""
    clade_fail: Counts
    children: Counts
    eligible: Flags
    """May be a parent: evaluated, or what the evolution started from, not quarantined, and with
    its weights still there."""
    derived: dict[Hashable, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What selections computed of these columns; `derive` fills it."""

    @classmethod
    def of(cls, members: Sequence[Member], champion: str) -> Self:
        """The columns of ``members``, oldest first."""
        ids = [member.agent.id for member in members]
        clades: dict[str, set[int]] = {agent_id: set() for agent_id in ids}
        for index in reversed(range(len(members))):
            clade = clades[ids[index]] | {index}
            clades[ids[index]] = clade
            for parent in members[index].agent.parents:
                clades[parent] |= clade
        ok, fail, children = np.array([m.tally[:3] for m in members], dtype=np.int64).T
        return cls(
            ids=ids,
            champion=ids.index(champion),
            ok=ok,
            fail=fail,
            clade_ok=np.array([ok[list(clades[i])].sum() for i in ids]),
            clade_fail=np.array([fail[list(clades[i])].sum() for i in ids]),
            children=children,
            eligible=np.array([m.status not in NO_PARENTS for m in members]),
        )

    @property
    def score(self) -> Scores:
        """Share of the held-out tasks that each agent solved; nan before its first evaluation."""
        trials = self.ok + self.fail
        return np.where(trials > 0, self.ok / np.maximum(trials, 1), np.nan)

    def derive(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` computed of these columns when ``key``, which names it, was first asked."""
        if key not in self.derived:
            self.derived[key] = make()
        return cast(T, self.derived[key])
