"""What a stage is: work that its inputs name, over items or as a whole, and what it may see."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar, TypeVar

from cladeflow.earlier import NOTHING, Earlier
from cladeflow.environments.base import Environment
from cladeflow.errors import ModelError
from cladeflow.graph import Node, StageCall, plan_call
from cladeflow.plan.model import Plan
from cladeflow.quarantine import sparing
from cladeflow.recipes.model import Entry, Round, Scale
from cladeflow.records import Agent, AgentPatch, Record, Task, Trajectory, Verdict, digest
from cladeflow.session import Session
from cladeflow.store import Commit, materialise
from cladeflow.strategy import Strategy
from cladeflow.telemetry import Metrics, read_metrics
from cladeflow.work import Output, Share, Work, gather, run_shards

R = TypeVar("R", bound=Record)


class StageContext:
    """One stage call with its inputs: what a stage may read, and nothing else."""

    def __init__(self, session: Session, node: Node, inputs: Mapping[StageCall, Commit]) -> None:
        self.session = session
        self.store = session.store
        self.call = node.call
        self.inputs = inputs

    @cached_property
    def plan(self) -> Plan:
        """The generation's plan."""
        return Plan.model_validate(self.inputs[plan_call(self.call.generation)].values["plan"])

    @property
    def scale(self) -> Scale:
        """Constants of the resolved scale."""
        return self.plan.resolved.scale

    @property
    def round(self) -> Round:
        """The round of the recipe that this call belongs to."""
        return next(r for r in self.plan.resolved.recipe.rounds if r.name == self.call.round)

    @property
    def parent(self) -> Agent:
        """The agent this call's child descends from."""
        return self.plan.parents[self.call.child or 0]

    @cached_property
    def agent(self) -> Agent:
        """The child as far as it has come: the parent with what earlier updates changed."""
        updates = [c for call, c in self.inputs.items() if call.stage == "fine_tune"]
        weights, scaffold, memory = self.parent.weights, self.parent.scaffold, self.parent.memory
        for patch in map(_patch, updates):
            weights = weights | patch.weights
            scaffold, memory = patch.scaffold or scaffold, patch.memory or memory
        return Agent(
            gen=self.call.generation,
            weights=weights,
            scaffold=scaffold,
            memory=memory,
            parents=(self.parent.id,),
            recipe=self.plan.resolved.hash,
            data=digest([commit.sets["examples"].digest for commit in updates]),
            control=self.plan.control,
        )

    @cached_property
    def environments(self) -> dict[str, Environment]:
        """The recipe's environments by name."""
        built = build(self.plan.resolved.recipe.environments)
        return {e.name: e for e in built if isinstance(e, Environment)}

    def bound(self, role: str) -> str:
        """Model Ref that the recipe binds ``role`` to, at this point of the generation."""
        binding = self.plan.resolved.recipe.roles.get(role, "current")
        return self._external(role) if ":" in binding else self.weights(binding, role)

    def _external(self, role: str) -> str:
        """Ref of a model outside of the evolution; raises where it is not what the plan says."""
        plan = f"the plan of generation {self.plan.generation}"
        ref = self.plan.external.get(role)
        if ref is None:
            raise ModelError(
                f"{plan} does not say which model roles.{role} is: an earlier version made it; "
                "start another home with --home"
            )
        try:
            materialise(self.store, ref)
        except ModelError as error:
            raise ModelError(f"roles.{role}, as {plan} has it: {error}") from error
        return ref

    def weights(self, agent: str, role: str) -> str:
        """Ref of an agent's weights in ``role``; where it has none of its own, the actor's."""
        agents = {
            "parent": self.parent,
            "current": self.agent,
            "initial": self.plan.initial,
            "champion": self.plan.incumbent,
            "previous_generation": self.plan.previous,
        }
        weights = agents[agent].weights
        return weights.get(role) or weights["actor"]

    def key(self, *parts: object) -> str:
        """The seed of a random generator: root seed, this call, and what it is for."""
        where = (self.plan.seed, self.call.path, self.call.redo, *parts)
        return "/".join(str(part) for part in where)

    def records(self, name: str, kind: type[R]) -> list[R]:
        """Every record of the input sets called ``name``, in the order of the inputs."""
        return self._read(self.inputs.values(), name, kind)

    def gathered(self, name: str, kind: type[R]) -> list[R]:
        """As `records`, of this pass over the round alone."""
        return self._read((c for at, c in self.inputs.items() if self._of_pass(at)), name, kind)

    @cached_property
    def earlier(self) -> Earlier:
        """What the passes that this one may start from have gathered."""
        commits = [c for call, c in self.inputs.items() if not self._of_pass(call)]
        return Earlier(
            tasks={task.id: task for task in self._read(commits, "tasks", Task)},
            trajectories=self._read(commits, "trajectories", Trajectory),
            verdicts={v.target.id: v for v in self._read(commits, "verdicts", Verdict)},
        )

    def earlier_for(self, strategies: Iterable[Strategy]) -> Earlier:
        """`earlier`, which is read from the store, where one of ``strategies`` starts from it."""
        return self.earlier if any("earlier" in s.required() for s in strategies) else NOTHING

    def tasks(self) -> list[Task]:
        """The tasks of this pass: posed for it, or those of the passes that it starts from."""
        if self.round.task_synthesis:
            return self.gathered("tasks", Task)
        return list(self.earlier.tasks.values())

    def _of_pass(self, call: StageCall) -> bool:
        return (call.round, call.repeat) == (self.call.round, self.call.repeat)

    def _read(self, commits: Iterable[Commit], name: str, kind: type[R]) -> list[R]:
        found = (commit.sets[name] for commit in commits if name in commit.sets)
        return [record for manifest in found for record in self.session.read(manifest, kind)]


def _patch(update: Commit) -> AgentPatch:
    """What an update changed of its agent."""
    values = update.values
    return AgentPatch.model_validate(
        {"weights": update.models, **{k: values[k] for k in ("scaffold", "memory") if k in values}}
    )


class Stage(ABC):
    """One stage: how to name its work by its inputs, and how to do it."""

    name: ClassVar[str]
    contract: ClassVar[int] = 1
    """Raised when the stage itself (not a strategy) would give other outputs for equal inputs."""

    def strategies(self, ctx: StageContext) -> list[Strategy]:
        """The strategies of this call; their identities are part of the input hash."""
        return []

    def identity(self, ctx: StageContext) -> dict[str, Any]:
        """Further content that the output depends on."""
        return {}

    @abstractmethod
    def run(self, ctx: StageContext, key: str, work: Work) -> Output:
        """Do the work of the call whose commits live at ``key``."""

    def share(self, ctx: StageContext, key: str, share: Share) -> None:
        """Commit the shards of one worker, ahead of the call; a stage without shards has none."""

    def publish(self, ctx: StageContext, commit: Commit) -> None:
        """Carry a commit into the archive; called at every visit, so it must be idempotent."""


class MapStage(Stage):
    """A stage that treats items independently, in fixed shards that are the unit of resumption."""

    @abstractmethod
    def items(self, ctx: StageContext) -> Sequence[Any]:
        """The items, in an order that depends on the inputs alone."""

    @abstractmethod
    def run_shard(self, ctx: StageContext, items: Sequence[Any], work: Work) -> Output:
        """Treat one shard of items, or some of it; what it counts, it counts when it succeeds."""

    def shard_size(self, ctx: StageContext, items: int) -> int:
        """Items per shard, of so many."""
        return ctx.scale.shard

    def values(self, ctx: StageContext, shards: Sequence[Commit]) -> dict[str, Any]:
        """Small results over all shards."""
        return {}

    def summarise(self, metrics: Metrics) -> None:
        """Add the figures over all shards, from what they have counted."""

    def run(self, ctx: StageContext, key: str, work: Work) -> Output:
        """Run the shards that are missing, then list them all in one manifest."""
        shards = self._shards(ctx, key)
        for shard in shards:
            work.metrics.merge(read_metrics(ctx.store, shard.metrics))
        self.summarise(work.metrics)
        return Output(sets=gather(shards), values=self.values(ctx, shards))

    def share(self, ctx: StageContext, key: str, share: Share) -> None:
        self._shards(ctx, key, share)

    def _shards(self, ctx: StageContext, key: str, share: Share | None = None) -> list[Commit]:
        items = self.items(ctx)
        return run_shards(
            ctx.session,
            key,
            self.name,
            items,
            self.shard_size(ctx, len(items)),
            lambda part, mine: self._spared(ctx, part, mine),
            what=str(ctx.call),
            share=share,
        )

    def _spared(self, ctx: StageContext, items: Sequence[Any], work: Work) -> Output:
        """`run_shard` without the items that fail alone, which the commit names."""
        trial = replace(work, attempt=f"{work.attempt}-trial", metrics=Metrics())
        output, poison = sparing(
            items,
            lambda part: self.run_shard(ctx, part, work),
            lambda part: self.run_shard(ctx, part, trial),
        )
        if poison:
            work.metrics.count("cladeflow_quarantined_items_total", len(poison), stage=self.name)
            output.values["quarantined"] = {str(one.at): one.reason for one in poison}
        return output


def load(name: str) -> Stage:
    """The stage called ``name``, importing its room at first use."""
    stage: Stage = import_module(f"cladeflow.{name}.stage").STAGE
    return stage


def build(entries: Sequence[Entry]) -> list[Strategy]:
    """The strategies of a slot."""
    return [entry.build() for entry in entries]
