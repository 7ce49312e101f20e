"""How a stage call becomes a commit exactly once, whoever runs it and however often."""

import os
import platform
import resource
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

from cladeflow import __version__
from cladeflow.environments.base import Environment
from cladeflow.graph import Node, StageCall, plan_call, unroll
from cladeflow.plan.model import Plan
from cladeflow.recipes.model import Entry, Round, Scale
from cladeflow.records import Agent, Record, canonical_json, digest
from cladeflow.session import Session
from cladeflow.store import (
    Commit,
    SetManifest,
    join_sets,
    read_commit,
    store_ref,
    write_commit,
)
from cladeflow.strategy import Strategy
from cladeflow.telemetry import Metrics

R = TypeVar("R", bound=Record)
Item = TypeVar("Item")


@dataclass
class Output:
    """What the work of a call gives; `once` turns it into a commit."""

    sets: dict[str, SetManifest] = field(default_factory=dict)
    models: dict[str, str] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Work:
    """Where one attempt at a call writes. Nothing there is visible before the commit."""

    session: Session
    commit_key: str
    attempt: str
    metrics: Metrics

    @property
    def key(self) -> str:
        """Below which the attempt's objects lie."""
        return f"{self.commit_key}/{self.attempt}"

    def write_set(self, name: str, kind: type[R], records: Sequence[R]) -> SetManifest:
        """Write records as a shard of this attempt."""
        return self.session.write(f"{self.key}/{name}", kind, records)

    def directory(self, name: str) -> Path:
        """A local directory to fill for `keep`."""
        return self.session.store.workspace(f"{self.key}/{name}")

    def keep(self, directory: Path, name: str) -> str:
        """Put a filled directory into the store; its Ref."""
        self.session.store.put_tree(directory, f"{self.key}/{name}")
        return store_ref(self.commit_key, name, directory)


def once(
    session: Session, key: str, stage: str, input_hash: str, work: Callable[[Work], Output]
) -> Commit:
    """The commit at ``key``, doing the ``work`` only where there is none yet."""
    done = read_commit(session.store, key)
    if done is not None:
        return done
    attempt = uuid4().hex[:12]
    mine = Work(session, key, attempt, Metrics())
    began, cpu, model = time.perf_counter(), time.process_time(), session.model_seconds
    output = work(mine)
    seconds = time.perf_counter() - began
    mine.metrics.gauge("cladeflow_stage_seconds", seconds)
    mine.metrics.gauge("cladeflow_stage_cpu_seconds", time.process_time() - cpu)
    mine.metrics.gauge("cladeflow_stage_model_seconds", session.model_seconds - model)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    mine.metrics.gauge("cladeflow_stage_memory_peak_bytes", peak)
    metrics = f"{mine.key}/metrics.json"
    session.store.write(metrics, canonical_json(mine.metrics.to_json()).encode())
    commit = Commit(
        stage=stage,
        input_hash=input_hash,
        sets=output.sets,
        models=output.models,
        values=output.values,
        metrics=metrics,
        volatile={
            "attempt": attempt,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "host": platform.node(),
            "pid": os.getpid(),
            "version": __version__,
        },
    )
    winner = write_commit(session.store, key, attempt, commit)
    shutil.rmtree(session.home.scratch(input_hash), ignore_errors=True)
    return winner


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
        weights = dict(self.parent.weights)
        for commit in updates:
            weights |= commit.models
        return Agent(
            gen=self.call.generation,
            weights=weights,
            scaffold=self.parent.scaffold,
            memory=self.parent.memory,
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
        if ":" in binding:
            from cladeflow.models.binding import external_ref

            return external_ref(binding)
        agents = {
            "parent": self.parent,
            "current": self.agent,
            "initial": self.plan.initial,
            "champion": self.plan.incumbent,
            "previous_generation": self.plan.previous,
        }
        weights = agents[binding].weights
        return weights.get(role) or weights["actor"]

    def key(self, *parts: object) -> str:
        """The seed of a random generator: root seed, this call, and what it is for."""
        where = (self.plan.seed, self.call.path, self.call.redo, *parts)
        return "/".join(str(part) for part in where)

    def records(self, name: str, kind: type[R]) -> list[R]:
        """Every record of the input sets called ``name``, in the order of the inputs."""
        found = (c.sets[name] for c in self.inputs.values() if name in c.sets)
        return [record for manifest in found for record in self.session.read(manifest, kind)]


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

    def publish(self, ctx: StageContext, commit: Commit) -> None:
        """Carry a commit into the archive; called at every visit, so it must be idempotent."""


class MapStage(Stage):
    """A stage that treats items independently, in fixed shards that are the unit of resumption."""

    @abstractmethod
    def items(self, ctx: StageContext) -> Sequence[Any]:
        """The items, in an order that depends on the inputs alone."""

    @abstractmethod
    def run_shard(self, ctx: StageContext, items: Sequence[Any], work: Work) -> Output:
        """Treat one shard of items."""

    def shard_size(self, ctx: StageContext, items: int) -> int:
        """Items per shard, of so many."""
        return ctx.scale.shard

    def values(self, ctx: StageContext, shards: Sequence[Commit]) -> dict[str, Any]:
        """Small results over all shards."""
        return {}

    def run(self, ctx: StageContext, key: str, work: Work) -> Output:
        """Run the shards that are missing, then list them all in one manifest."""
        items = self.items(ctx)
        shards = run_shards(
            ctx.session,
            key,
            self.name,
            items,
            self.shard_size(ctx, len(items)),
            lambda part, mine: self.run_shard(ctx, part, mine),
            what=str(ctx.call),
        )
        for shard in shards:
            work.metrics.merge(Metrics.from_json(ctx.store.read(shard.metrics)))
        return Output(sets=gather(shards), values=self.values(ctx, shards))


def run_shards(
    session: Session,
    key: str,
    stage: str,
    items: Sequence[Item],
    size: int,
    run: Callable[[Sequence[Item], Work], Output],
    what: str,
) -> list[Commit]:
    """The commits of all shards of ``items`` below ``key``, doing those that are missing."""
    shards = []
    for index, start in enumerate(range(0, len(items), size)):
        session.progress(what, start, len(items))
        work = partial(run, items[start : start + size])
        shards.append(once(session, f"{key}/shard-{index}", stage, digest([key, index]), work))
    session.progress(what, len(items), len(items))
    return shards


def gather(shards: Sequence[Commit]) -> dict[str, SetManifest]:
    """One manifest per set, listing the shards' files; no data is copied."""
    names = sorted({name for shard in shards for name in shard.sets})
    return {name: join_sets([shard.sets[name] for shard in shards]) for name in names}


def load(name: str) -> Stage:
    """The stage called ``name``, importing its room at first use."""
    stage: Stage = import_module(f"cladeflow.{name}.stage").STAGE
    return stage


def build(entries: Sequence[Entry]) -> list[Strategy]:
    """The strategies of a slot."""
    return [entry.build() for entry in entries]


class Visit:
    """Walks a generation's calls, finding or making each one's commit."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._commits: dict[StageCall, Commit] = {}

    def plan(self, generation: int) -> Plan:
        """The generation's plan, made now if there is none."""
        commit = self.commit(Node(plan_call(generation), ()))
        return Plan.model_validate(commit.values["plan"])

    def nodes(self, generation: int) -> tuple[Node, ...]:
        """Every call of a generation, in order."""
        plan = self.plan(generation)
        return unroll(plan.resolved.recipe, generation, len(plan.parents))

    def commit(self, node: Node) -> Commit:
        """The call's commit: found, or made from its inputs' commits."""
        if node.call not in self._commits:
            ctx = self._context(node)
            stage = load(node.call.stage)
            input_hash = _input_hash(stage, ctx)
            key = f"{node.call.path}/{input_hash}"
            commit = once(
                self.session, key, stage.name, input_hash, lambda work: stage.run(ctx, key, work)
            )
            stage.publish(ctx, commit)
            self._commits[node.call] = commit
        return self._commits[node.call]

    def found(self, node: Node) -> Commit | None:
        """The call's commit if it is there; makes nothing."""
        if any(need not in self._commits for need in node.needs):
            return None
        ctx = self._context(node)
        key = f"{node.call.path}/{_input_hash(load(node.call.stage), ctx)}"
        commit = read_commit(self.session.store, key)
        if commit is not None:
            self._commits[node.call] = commit
        return commit

    def _context(self, node: Node) -> StageContext:
        return StageContext(self.session, node, {need: self._commits[need] for need in node.needs})


def _input_hash(stage: Stage, ctx: StageContext) -> str:
    return digest(
        {
            "stage": stage.name,
            "contract": stage.contract,
            "call": ctx.call.model_dump(mode="json"),
            "strategies": [strategy.identity() for strategy in stage.strategies(ctx)],
            "inputs": [[need.path, ctx.inputs[need].digest] for need in ctx.inputs],
            **stage.identity(ctx),
        }
    )
