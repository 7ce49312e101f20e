"""What the stages of each generation spent: time, tokens, and dollars where prices are set."""

from collections.abc import Iterable, Iterator, Sequence

from cladeflow.exporter.commits import read
from cladeflow.report.view import StageCost
from cladeflow.session import Session
from cladeflow.store import commit_keys
from cladeflow.telemetry import Metrics
from cladeflow.telemetry.prices import Prices
from cladeflow.views import GenerationView, StageView

_DECIMALS = 9
"""Of dollars: a stage of an embedded model costs a few millionths."""
_RETENTION = "retention"


class Bill:
    """Prices the commits of a home's generations, each of them once."""

    def __init__(self, session: Session, prices: Prices | None) -> None:
        self._store = session.store
        self._prices = prices
        self._new: dict[int, dict[str, None]] = {}
        """Behaviours by the generation that evaluates them first: the start's with the first."""
        seen: set[str] = set()
        for member in session.archive.agents():
            agent = member.agent
            if agent.behaviour not in seen:
                seen.add(agent.behaviour)
                self._new.setdefault(max(agent.gen, 1), {})[agent.behaviour] = None

    def costs(self, generation: int, stages: Sequence[StageView]) -> Iterator[StageCost]:
        """What each stage spent, in order; raises `StoreError` where a document is damaged."""
        for name in dict.fromkeys(stage.call.stage for stage in stages):
            mine = [stage for stage in stages if stage.call.stage == name]
            yield StageCost(
                generation=generation,
                stage=name,
                seconds=round(sum(stage.seconds for stage in mine), 2),
                model_seconds=round(_total(mine, "cladeflow_stage_model_seconds"), 2),
                generated=int(_total(mine, "cladeflow_generated_tokens_total")),
                trained=int(_total(mine, "cladeflow_trained_tokens_total")),
                dollars=self._dollars(generation, name, mine),
            )

    def _dollars(self, generation: int, name: str, stages: Sequence[StageView]) -> dict[str, float]:
        """By resource. What evaluations spent is committed with them, not with their stage."""
        if self._prices is None:
            return {}
        spent = Metrics()
        for metrics in (stage.metrics for stage in stages):
            spent.merge(metrics)
        if name == "evaluate":
            for metrics in self._evaluations(generation):
                spent.merge(metrics)
        cost = self._prices.cost(spent)
        return {resource: round(dollars, _DECIMALS) for resource, dollars in cost.items()}

    def _evaluations(self, generation: int) -> Iterator[Metrics]:
        """Of the agents that the generation was the first to evaluate."""
        for behaviour in self._new.get(generation, ()):
            for key in commit_keys(self._store, f"evals/{behaviour}", depth=2):
                yield read(self._store, key)[1]


def gain(view: GenerationView) -> float:
    """The share of held-out tasks that a promoted child solves beyond its incumbent; else 0."""
    for delta in view.report.deltas if view.promoted else ():
        found = (delta.family, delta.metric)
        if found == ("all", "accuracy") and delta.suite != _RETENTION:
            return delta.delta
    return 0.0


def _total(stages: Iterable[StageView], metric: str) -> float:
    """A metric added up over stages and labels."""
    return sum(sample.value for stage in stages for sample in stage.metrics.samples(metric))
