"""The ledger: everything that an evolution's commits say, each of them counted once."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cladeflow.errors import StoreError
from cladeflow.exporter.commits import Read, call_of, read
from cladeflow.records import Agent
from cladeflow.store import Commit, Store, commit_keys, read_set
from cladeflow.telemetry import Metrics

EVALUATION = "evaluation"
"""The stage label of the attempts at held-out suites, which agents share between generations."""
_GAIN = {"family": "all", "metric": "accuracy"}
_RETENTION = "retention"
AGAIN = 50
"""Agents of old that each reading looks at again: a listing each, a few hundredths of a second."""


class Place(NamedTuple):
    """Where in a generation something was measured."""

    stage: str
    round: str = ""


class Ledger:
    """Reads a store bit by bit.

    ``totals`` adds up every commit's metrics by place; whoever reads the same store again comes to
    the same sums. A generation that is decided, and has a successor, is not looked at again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.totals: dict[Place, Metrics] = {}
        self.gained = 0.0
        """Improvements of promoted children over their incumbents, added up; a share."""
        self.finished = 0
        """The newest generation that is decided."""
        self.begun = 0
        self._open: dict[int, dict[str, Read]] = {}
        """What is known of the newest decided generation and of those after it."""
        self._evaluated: dict[str, dict[str, Metrics]] = {}
        """Evaluations by agent (its behaviour) and key, of the agents asked for lately."""
        self._everyone: OrderedDict[str, None] = OrderedDict()
        """Agents (their behaviour) asked for so far, the longest unread ones first."""
        self._counted: set[str] = set()
        """Keys of the evaluations that are in the totals."""
        self._damaged: set[str] = set()
        """What could not be read lately, and what of it can not be read any more."""

    @property
    def unreadable(self) -> int:
        """Damaged commits and metrics documents found so far."""
        return len(self._damaged)

    def refresh(self, behaviours: Iterable[str]) -> None:
        """Read what was committed since, and the evaluations of the agents named.

        Those of some agents that were named before are read as well, in turn: agents of old are
        evaluated again where a gate re-tests them, or a person does. Raises `StoreError` where
        what was there before has gone: the store is out of reach.
        """
        generation = max(self.finished, 1)
        while self._refresh_generation(generation):
            self.begun = max(self.begun, generation)
            if generation - 1 < self.finished:
                self._open.pop(generation - 1, None)
            generation += 1
        if self.begun > generation - 1:
            raise StoreError(f"{self._store.uri}: generation {generation} is not there any more")
        self._evaluated = {name: self._evaluations(name) for name in behaviours}
        self._everyone.update(dict.fromkeys(self._evaluated))
        for _ in range(min(AGAIN, len(self._everyone))):
            self._look_again(next(iter(self._everyone)))

    def newest(self) -> list[Read]:
        """The calls of the newest finished generation, in order; of several attempts the last."""
        calls = {made.call: made for made in self._calls(self.finished)}
        return list(calls.values())

    def shown(self) -> int:
        """The child whose measures stand for that generation: the promoted one, else the first."""
        calls = self.newest()
        winner = next(
            (c.commit.values.get("winner") for c in calls if c.call.stage == "promote"), None
        )
        evaluated = [made for made in calls if made.call.stage == "evaluate"]
        if winner is not None and len(evaluated) > 1:
            for made in evaluated:
                if self._agent(made) == winner:
                    return made.call.child or 0
        return 0

    def _agent(self, evaluated: Read) -> str | None:
        """Id of the agent that a call evaluated, if that can be read."""
        try:
            [agent] = read_set(self._store, evaluated.commit.sets["agents"], Agent)
        except StoreError:
            self._damaged.add(evaluated.key)
            return None
        return agent.id

    def evaluations(self, behaviours: Iterable[str]) -> Iterator[Metrics]:
        """Of those agents that were named at the last refresh."""
        for behaviour in behaviours:
            yield from self._evaluated.get(behaviour, {}).values()

    def _calls(self, generation: int) -> list[Read]:
        return sorted(self._open.get(generation, {}).values(), key=lambda made: made.created)

    def _refresh_generation(self, generation: int) -> bool:
        """Read a generation's new commits; whether it was begun at all."""
        known = self._open.get(generation, {})
        found = False
        for key in commit_keys(self._store, f"generations/{generation}"):
            call = call_of(key)
            if call is None:
                continue
            found = True
            if key not in known and (got := self._read(key)) is not None:
                known[key] = Read(key, call, *got)
                self._add(Place(call.stage, call.round or ""), known[key].metrics)
        if found:
            self._open[generation] = known
            self._settle(generation)
        return found

    def _settle(self, generation: int) -> None:
        """Take note of a decision."""
        decided = [made for made in self._calls(generation) if made.call.stage == "promote"]
        if generation > self.finished and decided:
            self.finished = generation
            if decided[-1].commit.values.get("winner") is not None:
                self.gained += _gain(self.newest(), self.shown())

    def _evaluations(self, behaviour: str) -> dict[str, Metrics]:
        known = self._evaluated.get(behaviour, {})
        for key in commit_keys(self._store, f"evals/{behaviour}", depth=2):
            if key not in known and (got := self._read(key)) is not None:
                known[key] = got[1]
                self._count(key, known[key])
        return known

    def _look_again(self, behaviour: str) -> None:
        """Count what was added to an agent's evaluations; it is the last in turn now."""
        self._everyone.move_to_end(behaviour)
        for key in commit_keys(self._store, f"evals/{behaviour}", depth=2):
            if key not in self._counted and (got := self._read(key)) is not None:
                self._count(key, got[1])

    def _count(self, key: str, evaluation: Metrics) -> None:
        if key not in self._counted:
            self._counted.add(key)
            self._add(Place(EVALUATION), evaluation)

    def _read(self, key: str) -> tuple[Commit, Metrics] | None:
        try:
            found = read(self._store, key)
        except StoreError:
            self._damaged.add(key)
            return None
        self._damaged.discard(key)
        return found

    def _add(self, place: Place, metrics: Metrics) -> None:
        self.totals.setdefault(place, Metrics()).merge(metrics)


def _gain(calls: Iterable[Read], child: int) -> float:
    """The first difference in accuracy over all families that a child's evaluation found."""
    for made in calls:
        if (made.call.stage, made.call.child) == ("evaluate", child):
            for sample in made.metrics.samples("cladeflow_improvement_ratio"):
                if sample.labels["suite"] != _RETENTION and _GAIN.items() <= sample.labels.items():
                    return sample.value
    return 0.0
