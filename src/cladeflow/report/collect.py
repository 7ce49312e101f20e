"""Reads the archive and the store into what a report page shows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any, TypeVar

from cladeflow import __version__
from cladeflow.archive import Member, Recorded
from cladeflow.archive.archive import Archive
from cladeflow.errors import CladeflowError
from cladeflow.records import ReportRow
from cladeflow.report.attempts import Gathered, shown_task
from cladeflow.report.costs import Bill, gain
from cladeflow.report.learned import learned
from cladeflow.report.view import (
    AgentNode,
    ChampionChange,
    Decided,
    Evaluated,
    Gap,
    Learned,
    Measure,
    Report,
    Score,
    StageCost,
)
from cladeflow.session import Session
from cladeflow.telemetry.prices import Prices
from cladeflow.views import GenerationView, StageView, finished_views, stage_views

T = TypeVar("T")

METRICS = ("greedy", "sampled", "pass@")
"""Rows of a report that the page shows, by how their metric begins."""
_DECIMALS = 4
_SEVERITY = ("fail", "inconclusive")


def collect(session: Session, prices: Prices | None = None) -> Report:
    """The report of a home, with what it cost where there are ``prices``.

    What is damaged or missing is among its gaps. Raises `HomeError` where no evolution was ever
    started.
    """
    archive = session.archive
    evolution, champion = archive.evolution, archive.champion().agent.id
    recipe, done = evolution.resolved["recipe"], archive.generations()
    history = _History(session, done, Bill(session, prices))
    newest = Gathered(session, history.newest)
    nothing: tuple[Learned, ...] = ()
    return Report(
        recipe=evolution.recipe,
        summary=recipe.get("summary", ""),
        paper=(recipe.get("paper") or {}).get("title", ""),
        seed=evolution.seed,
        scale=evolution.scale,
        environments=tuple(entry["name"] for entry in recipe["environments"]),
        started=evolution.created,
        written=datetime.now(UTC).isoformat(timespec="seconds"),
        version=__version__,
        generations=done,
        initial=evolution.initial,
        champion=champion,
        line=tuple(member.agent.id for member in archive.lineage(champion)),
        reigning=tuple(_reigning(archive, done)),
        agents=tuple(_agents(archive)),
        champions=tuple(_change(change) for change in archive.history()),
        evaluated=tuple(_evaluated(view) for view in history.views),
        costs=tuple(history.costs),
        prices=prices,
        task=history.attempted("the attempts", lambda: shown_task(newest), None),
        learned=history.attempted("the examples", lambda: learned(newest), nothing),
        gaps=tuple(_joined(history.gaps)),
    )


class _History:
    """The generations' commits, as far as they can be read."""

    def __init__(self, session: Session, done: int, bill: Bill) -> None:
        self.gaps: list[Gap] = []
        self.views: list[GenerationView] = []
        self.costs: list[StageCost] = []
        self._bill = bill
        self._promoted = {e.agent_id for e in session.archive.events(kinds=["promoted"])}
        self.newest: Sequence[StageView] = ()
        """Stages of the newest generation that has ended and can be read."""
        for generation in range(1, done + 1):
            self.attempted(
                f"generation {generation}", partial(self._add, session, generation), None
            )
        unfinished = partial(self._note_unfinished, session, done + 1)
        self.attempted(f"generation {done + 1}", unfinished, None)

    def attempted(self, where: str, read: Callable[[], T], otherwise: T) -> T:
        """What ``read`` gives, or a gap in its place."""
        try:
            return read()
        except CladeflowError as error:
            self.gaps.append(Gap(where=where, why=str(error)))
        except (LookupError, TypeError, ValueError) as error:  # a commit that somebody edited
            why = f"its commits hold something that this version does not write ({error!r:.200})"
            self.gaps.append(Gap(where=where, why=why))
        return otherwise

    def _add(self, session: Session, generation: int) -> None:
        stages = stage_views(session, generation)
        views = finished_views(session, stages, self._promoted)
        if not views:
            raise CladeflowError(
                "its commits are not all there: some were removed from the store, or never copied "
                "into it; what the archive knows of it is shown"
            )
        self.newest = stages
        self.views += views
        self.costs += self._bill.costs(generation, stages)

    def _note_unfinished(self, session: Session, generation: int) -> None:
        if not any(session.store.list(f"generations/{generation}")):
            return
        stages = ", ".join(stage.call.stage for stage in stage_views(session, generation))
        raise CladeflowError(f"begun and not finished; so far: {stages or 'nothing'}")


def _joined(gaps: Sequence[Gap]) -> Iterable[Gap]:
    """Gaps one after the other for the same reason, as one."""
    for why, several in groupby(gaps, key=lambda gap: gap.why):
        first, *others = (gap.where for gap in several)
        yield Gap(where=f"{first} to {others[-1].split()[-1]}" if others else first, why=why)


def _agents(archive: Archive) -> Iterable[AgentNode]:
    """Every agent with its fate and with what its rollouts were like."""
    fates = {e.agent_id: e for e in archive.events(kinds=["promoted", "rejected"])}
    measured = {e.agent_id: e.payload for e in archive.events(kinds=["evaluated"])}
    for member in archive.agents():
        agent_id = member.agent.id
        rollouts = dict(_rollouts(measured.get(agent_id, {})))
        yield _node(member, fates.get(agent_id), rollouts)


def _rollouts(payload: Mapping[str, Any]) -> Iterable[tuple[str, Measure]]:
    """What was measured of an agent's rollouts; its bounds where it was evaluated with any."""
    bounds = payload.get("exploration_bounds", {})
    for name, value in payload.get("exploration", {}).items():
        found = {"value": value, **bounds.get(name, {})}
        yield name, Measure(**{key: round(number, _DECIMALS) for key, number in found.items()})


def _node(member: Member, fate: Recorded | None, rollouts: dict[str, Measure]) -> AgentNode:
    return AgentNode(
        id=member.agent.id,
        generation=member.agent.gen,
        child=member.child,
        status=member.status,
        parents=member.agent.parents,
        ok=member.tally.ok,
        fail=member.tally.fail,
        clade_ok=member.tally.clade_ok,
        clade_fail=member.tally.clade_fail,
        children=member.tally.children,
        created=member.created,
        decided=None if fate is None else _decided(fate),
        exploration=rollouts,
    )


def _decided(fate: Recorded) -> Decided:
    gates = fate.payload.get("gates", {})
    outcome = next((o for o in _SEVERITY if o in gates.values()), "pass")
    return Decided(
        outcome="promoted" if fate.kind == "promoted" else outcome,
        gates=gates,
        why=fate.why,
        when=fate.created,
    )


def _reigning(archive: Archive, done: int) -> Iterable[str]:
    """Whoever was champion when the next generation entered the archive; of the last one, now."""
    born = {member.agent.id: member.agent.gen for member in archive.agents()}
    added = archive.events(kinds=["added"])[::-1]
    entered = {born[event.agent_id]: event.id for event in added}  # the first of each generation
    for generation in range(done):
        yield archive.champion(at_event=entered[generation + 1]).agent.id
    yield archive.champion().agent.id


def _change(change: Recorded) -> ChampionChange:
    return ChampionChange(
        when=change.created,
        kind=change.kind,
        before=change.incumbent_id or "",
        after=change.agent_id,
        who=change.who,
        why=change.why,
    )


def _evaluated(view: GenerationView) -> Evaluated:
    scores: dict[str, dict[str, Score]] = {}
    for row in view.report.rows:
        if row.metric.startswith(METRICS):
            scores.setdefault(row.family, {}).setdefault(row.metric, _score(row))
    return Evaluated(
        generation=view.generation,
        child=view.child,
        agent=view.agent_id,
        scores=scores,
        tokens=view.tokens,
        seconds=round(view.seconds, 1),
        gain=round(gain(view), _DECIMALS),
    )


def _score(row: ReportRow) -> Score:
    value, lo, hi = (round(number, _DECIMALS) for number in (row.value, row.lo, row.hi))
    return Score(value=value, lo=lo, hi=hi, n=row.n)
