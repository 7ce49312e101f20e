"""What the archive says of an evolution, folded event by event."""

from collections import Counter, deque
from datetime import datetime
from itertools import pairwise, takewhile
from math import sqrt
from statistics import median
from typing import NamedTuple

import numpy as np
from sqlalchemy import func, select

from cladeflow.archive import Recorded, schema
from cladeflow.archive.archive import Archive
from cladeflow.archive.columns import Columns
from cladeflow.archive.events import CHAMPION_CHANGES
from cladeflow.archive.lease import holder
from cladeflow.telemetry import Metrics

_Z = 1.959964
"""Of a 95 % interval."""
_INTERVALS = 10
"""Generations whose median interval says when the next one is due."""
_APPROVAL = "human_approval"
"""The gate that waits for a person; see `promote.approval`."""


class Decided(NamedTuple):
    """What became of a generation's children."""

    promoted: bool
    failed: bool
    """Every child failed a gate."""


class Population:
    """Reads an archive by event id; its gauges are those of the newest event read."""

    def __init__(self) -> None:
        self.evolution = ""
        self.recipe = ""
        self.metrics = Metrics()
        self.running = False
        self.recent: set[str] = set()
        """Behaviours of the initial agent, the champion and the newest generation's children: who
        may have been evaluated since."""
        self.touched: set[str] = set()
        """Behaviours of the agents that something happened to since someone last cleared this."""
        self._event = self._agent = self._measured_at = 0
        self._depth: dict[int, int] = {}
        self._made: dict[str, tuple[int, str]] = {}
        """Generation and behaviour of every agent."""
        self._decided: dict[int, Decided] = {}
        self._ends: deque[float] = deque(maxlen=_INTERVALS + 1)
        self._waiting: set[str] = set()
        self._changed: float | None = None
        self._kinds: Counter[str] = Counter()

    @property
    def interval(self) -> float | None:
        """Median seconds between the ends of the last generations."""
        return median(b - a for a, b in pairwise(self._ends)) if len(self._ends) > 1 else None

    def refresh(self, archive: Archive) -> None:
        """Read what happened since; raises `HomeError` where the archive is out of reach."""
        self.running = holder(archive) is not None
        if not self.evolution:
            found = archive.evolution
            self.evolution, self.recipe = found.id[:12], found.recipe
            self._ends.append(_seconds(found.created))
        events = archive.events(since=self._event)
        if events:
            self._read_agents(archive)
        for event in events:
            self._fold(event)
            self._event = event.id
        if self._event > self._measured_at:
            self.metrics = self._measured(archive)
            self._measured_at = self._event

    def _read_agents(self, archive: Archive) -> None:
        """Agents born since; parents come before their children."""
        agents, edges = schema.agents.c, schema.agent_parents.c
        with archive.database.read() as db:
            query = select(agents.seq, agents.id, agents.generation, agents.behaviour)
            born = db.execute(query.where(agents.seq > self._agent).order_by(agents.seq)).all()
            parents: dict[int, list[int]] = {}
            for child, parent in db.execute(
                select(edges.agent_seq, edges.parent_seq).where(edges.agent_seq > self._agent)
            ):
                parents.setdefault(child, []).append(parent)
        for row in born:
            above = [self._depth[parent] for parent in parents.get(row.seq, ())]
            self._depth[row.seq] = 1 + max(above) if above else 0
            self._made[row.id] = row.generation, row.behaviour
            self._agent = row.seq

    def children(self, generation: int) -> set[str]:
        """Behaviours of the agents that a generation made."""
        return {behaviour for made, behaviour in self._made.values() if made == generation}

    def _fold(self, event: Recorded) -> None:
        self._kinds[event.kind] += 1
        self.touched.add(self._made[event.agent_id][1])
        if event.kind in CHAMPION_CHANGES:
            self._changed = _seconds(event.created)
            self._waiting.clear()  # they were compared with the champion before
            generation = self._made[event.agent_id][0]
            if event.kind == "promoted" and generation in self._decided:  # as approved later
                self._decided[generation] = Decided(promoted=True, failed=False)
        if event.kind in ("approved", "quarantined"):
            self._waiting.discard(event.agent_id)
        if event.key.startswith("decided/"):
            self._decide(event)

    def _decide(self, event: Recorded) -> None:
        """A child's fate; that of the last child ends its generation."""
        gates = event.payload.get("gates", {})
        generation = self._made[event.agent_id][0]
        first = generation not in self._decided
        before = self._decided.get(generation, Decided(promoted=False, failed=True))
        self._decided[generation] = Decided(
            promoted=before.promoted or event.kind == "promoted",
            failed=before.failed and "fail" in gates.values(),
        )
        if first:
            self._ends.append(_seconds(event.created))
        others = {outcome for gate, outcome in gates.items() if gate != _APPROVAL}
        if event.kind == "rejected" and _APPROVAL in gates and others <= {"pass"}:
            self._waiting.add(event.agent_id)

    def _measured(self, archive: Archive) -> Metrics:
        metrics, columns = Metrics(), archive.columns()
        for kind, number in self._kinds.items():
            metrics.count("cladeflow_archive_events_total", number, kind=kind)
        for kind in sorted(CHAMPION_CHANGES):
            metrics.count("cladeflow_champion_changes_total", self._kinds[kind], kind=kind)
        metrics.gauge("cladeflow_last_success_timestamp_seconds", self._ends[-1])
        metrics.gauge("cladeflow_pending_approvals", len(self._waiting))
        metrics.gauge("cladeflow_archive_depth_generations", max(self._depth.values()))
        decided = [self._decided[number] for number in sorted(self._decided, reverse=True)]
        unpromoted = sum(1 for _ in takewhile(lambda one: not one.promoted, decided))
        failed = sum(1 for _ in takewhile(lambda one: one.failed, decided))
        metrics.gauge("cladeflow_unpromoted_generations", unpromoted)
        metrics.gauge("cladeflow_failed_gate_generations", failed)
        for status, number in _statuses(archive):
            metrics.gauge("cladeflow_archive_agents", number, status=status)
        _measure_columns(metrics, columns)
        self._measure_champion(metrics, columns)
        return metrics

    def _measure_champion(self, metrics: Metrics, columns: Columns) -> None:
        generation, behaviour = self._made[columns.ids[columns.champion]]
        newest = max(self._decided, default=0)
        metrics.gauge("cladeflow_champion_generations", generation)
        metrics.gauge("cladeflow_champion_age_generations", max(newest - generation, 0))
        since = self._ends[0] if self._changed is None else self._changed
        metrics.gauge("cladeflow_champion_since_timestamp_seconds", since)
        self.recent = {self._made[columns.ids[0]][1], behaviour, *self.children(newest)}


def _statuses(archive: Archive) -> list[tuple[str, int]]:
    status = schema.tallies.c.status
    with archive.database.read() as db:
        rows = db.execute(select(status, func.count()).group_by(status).order_by(status))
        return [(name, number) for name, number in rows]


def _measure_columns(metrics: Metrics, columns: Columns) -> None:
    metrics.gauge("cladeflow_archive_valid_ratio", float(columns.eligible.mean()))
    score = columns.score[~np.isnan(columns.score)]
    trials = columns.clade_ok + columns.clade_fail
    clades = (columns.clade_ok / np.maximum(trials, 1))[trials > 0]
    for name, shares in (
        ("cladeflow_archive_score_ratio", score),
        ("cladeflow_archive_clade_score_ratio", clades),
    ):
        if shares.size:
            metrics.gauge(name, float(np.max(shares)), rank="best")
            metrics.gauge(name, float(np.median(shares)), rank="median")
    at = columns.champion
    if trials[at]:
        share = float(columns.clade_ok[at] / trials[at])
        metrics.gauge("cladeflow_archive_clade_score_ratio", share, rank="champion")
    ok, own = int(columns.ok[at]), int(columns.ok[at] + columns.fail[at])
    if own:
        lower, upper = wilson(ok, own)
        metrics.gauge("cladeflow_champion_score_ratio", ok / own)
        metrics.gauge("cladeflow_champion_score_lower_ratio", lower)
        metrics.gauge("cladeflow_champion_score_upper_ratio", upper)


def wilson(ok: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of ``ok`` in ``n`` (Wilson 1927).

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)
    """
    p, zz = ok / n, _Z**2
    half = _Z * sqrt(p * (1 - p) / n + zz / (4 * n * n))
    middle = p + zz / (2 * n)
    return (middle - half) / (1 + zz / n), (middle + half) / (1 + zz / n)


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
