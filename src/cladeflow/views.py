"""What happened in an evolution, generation by generation, read from its commits."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from cladeflow.errors import CladeflowError
from cladeflow.graph import Node, StageCall, plan_call
from cladeflow.records import Decision, EvalReport, ReportRow
from cladeflow.session import Session
from cladeflow.store import Commit
from cladeflow.telemetry import METRICS, Metrics, read_metrics
from cladeflow.visit import Visit

_TOKENS = ("cladeflow_generated_tokens_total", "cladeflow_trained_tokens_total")


class StageView(NamedTuple):
    """One finished stage call."""

    call: StageCall
    commit: Commit
    metrics: Metrics

    @property
    def seconds(self) -> float:
        """Wall time of the attempt that was committed."""
        return float(self.commit.volatile["seconds"])


class GenerationView(NamedTuple):
    """One child of one generation; generation 0 is the initial agent."""

    generation: int
    child: int
    agent_id: str
    report: EvalReport
    outcome: str
    reasons: tuple[str, ...]
    promoted: bool
    tokens: int
    """Sampled and trained in the generation."""
    seconds: float
    counts: Mapping[str, int] = {}
    """Totals of the generation's counters by metric, whatever their labels."""

    def row(self, metric: str, family: str = "all") -> ReportRow | None:
        """A metric of the report, by exact name or by prefix such as ``pass@``."""
        rows = (r for r in self.report.rows if r.family == family)
        return next((r for r in rows if r.metric == metric or r.metric.startswith(metric)), None)

    def to_json(self) -> dict[str, Any]:
        """What scripts read."""
        return {
            "generation": self.generation,
            "child": self.child,
            "agent": self.agent_id,
            "outcome": self.outcome,
            "promoted": self.promoted,
            "reasons": list(self.reasons),
            "tokens": self.tokens,
            "seconds": round(self.seconds, 1),
            "contaminated": self.counts.get("cladeflow_contaminated_examples_total", 0),
            "rows": [row.model_dump() for row in self.report.rows],
            "deltas": [delta.model_dump() for delta in self.report.deltas],
            "exploration": self.report.exploration,
        }


def stage_views(session: Session, generation: int) -> list[StageView]:
    """Every finished stage call of a generation; none where it was not even planned."""
    visit, views = Visit(session), list[StageView]()
    if visit.found(Node(plan_call(generation), ())) is None:
        return views
    for node in visit.nodes(generation):
        commit = visit.found(node)
        if commit is None:
            break
        metrics = read_metrics(session.store, commit.metrics)
        views.append(StageView(node.call, commit, metrics))
    return views


def generation_views(session: Session) -> list[GenerationView]:
    """Every finished generation, after the agent that the evolution started from."""
    promoted = {event.agent_id for event in session.archive.events(kinds=["promoted"])}
    return [
        view
        for generation in range(1, session.archive.generations() + 1)
        for view in finished_views(session, stage_views(session, generation), promoted)
    ]


def finished_views(
    session: Session, stages: Sequence[StageView], promoted: Collection[str]
) -> list[GenerationView]:
    """A generation's children, in the first one after the initial agent; none before its end.

    ``promoted`` are the agents that the archive calls so.
    """
    decided = next((s.commit for s in stages if s.call.stage == "promote"), None)
    if decided is None:
        return []
    decisions = list(session.read(decided.sets["decisions"], Decision))
    views = [_initial(session, stages)] if stages[0].call.generation == 1 else []
    for stage in stages:
        if stage.call.stage == "evaluate":
            report = next(session.read(stage.commit.sets["reports"], EvalReport))
            mine = [d for d in decisions if d.agent_id == report.agent_id]
            spent = [s for s in stages if s.call.child in (None, stage.call.child)]
            counts = _counts([s.metrics for s in spent])
            views.append(
                GenerationView(
                    generation=stage.call.generation,
                    child=stage.call.child or 0,
                    agent_id=report.agent_id,
                    report=report,
                    outcome=_worst([d.outcome for d in mine]),
                    reasons=tuple(reason for d in mine for reason in d.reasons),
                    promoted=report.agent_id in promoted,
                    tokens=sum(counts.get(name, 0) for name in _TOKENS),
                    seconds=sum(s.seconds for s in spent),
                    counts=counts,
                )
            )
    return views


def _initial(session: Session, stages: Sequence[StageView]) -> GenerationView:
    """The first incumbent's own report, which the first evaluation made beside the child's."""
    evaluation = next(s for s in stages if s.call.stage == "evaluate")
    _, report = session.read(evaluation.commit.sets["reports"], EvalReport)
    return GenerationView(0, 0, report.agent_id, report, "initial", (), False, 0, 0.0)


def _worst(outcomes: list[str]) -> str:
    """What several gates say together."""
    return next((o for o in ("fail", "inconclusive") if o in outcomes), "pass")


def _counts(metrics: Sequence[Metrics]) -> dict[str, int]:
    """Counters added up over stages and labels."""
    totals: dict[str, int] = {}
    for entry in (entry for one in metrics for entry in one.to_json()):
        if METRICS[entry["name"]].kind == "counter":
            totals[entry["name"]] = totals.get(entry["name"], 0) + int(entry["value"])
    return totals


def nothing_left(session: Session) -> str:
    """What is said of an evolution that has all of its generations."""
    home, done = session.home.directory, session.archive.generations()
    return (
        f"{home} has its {done} generations; "
        f"'cladeflow evolve --home {home} --generations {done + 5}' goes on to more"
    )


def require_finished(session: Session) -> list[GenerationView]:
    """`generation_views`; raises `CladeflowError` where none has finished or can be read."""
    views = generation_views(session)
    if views:
        return views
    home, done = session.home.directory, session.archive.generations()
    if done:
        raise CladeflowError(
            f"none of the {done} finished generations of {home} has all of its commits: restore "
            f"what is missing below {session.store.uri}/generations"
        )
    raise CladeflowError(
        f"no generation of {home} has finished; 'cladeflow evolve --home {home}' carries on"
    )
