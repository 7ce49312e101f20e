"""Walking a generation: every call's commit is found, or made from its inputs' commits."""

from functools import cached_property

from cladeflow.graph import Node, StageCall, fused, plan_call, redone, unroll
from cladeflow.plan.model import Plan
from cladeflow.records import digest
from cladeflow.redo import redo_counts
from cladeflow.session import Session
from cladeflow.stage import Stage, StageContext, load
from cladeflow.store import Commit, newest_commit, read_commit
from cladeflow.work import Output, Share, Work, once


class Visit:
    """Walks a generation's calls, finding or making each one's commit."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._commits: dict[StageCall, Commit] = {}

    def plan(self, generation: int) -> Plan:
        """The generation's plan, made now if there is none."""
        commit = self.commit(Node(plan_call(generation), ()))
        return Plan.model_validate(commit.values["plan"])

    def begun(self) -> Plan | None:
        """The plan of the generation that was begun and not finished, if there is one."""
        return self.planned(self.session.archive.generations() + 1)

    def planned(self, generation: int) -> Plan | None:
        """The generation's plan, if it was made."""
        commit = self.found(Node(plan_call(generation), ()))
        return Plan.model_validate(commit.values["plan"]) if commit else None

    def nodes(self, generation: int) -> tuple[Node, ...]:
        """Every call of a generation, in order, with how often a person had it redone."""
        plan = self.plan(generation)
        nodes = unroll(plan.resolved.recipe, generation, len(plan.parents))
        return redone(nodes, redo_counts(self.session.archive))

    def tasks(self, generation: int) -> list[tuple[Node, ...]]:
        """The same calls, those together that one process runs."""
        return fused(self.plan(generation).resolved.recipe, self.nodes(generation))

    def commit(self, node: Node) -> Commit:
        """The call's commit: found, or made from its inputs' commits; published in either case."""
        ctx, stage = self._context(node), load(node.call.stage)
        if node.call not in self._commits:
            input_hash = _input_hash(stage, ctx)
            key = f"{node.call.path}/{input_hash}"
            self._commits[node.call] = once(
                self.session, key, stage.name, input_hash, lambda work: _run(stage, ctx, key, work)
            )
        stage.publish(ctx, self._commits[node.call])
        return self._commits[node.call]

    def share(self, node: Node, share: Share) -> None:
        """Commit one worker's share of the call's shards, unless the call is done."""
        if self.found(node) is None:
            load(node.call.stage).share(self._context(node), self.address(node), share)

    def found(self, node: Node) -> Commit | None:
        """The call's commit if it is there; makes nothing.

        What a finished generation consists of is history: where a call has nothing at the address
        that the strategies' present versions give it, what was committed of it last counts.
        """
        if any(need not in self._commits for need in node.needs):
            return None
        commit = read_commit(self.session.store, self.address(node))
        if commit is None and node.call.generation <= self._finished:
            commit = newest_commit(self.session.store, node.call.path)
        if commit is not None:
            self._commits[node.call] = commit
        return commit

    def address(self, node: Node) -> str:
        """Where the call's commit lies, or will; its inputs have been found or made."""
        return f"{node.call.path}/{_input_hash(load(node.call.stage), self._context(node))}"

    def key(self, call: StageCall) -> str:
        """Where the commit lies that was found or made of ``call``."""
        return f"{call.path}/{self._commits[call].input_hash}"

    @cached_property
    def _finished(self) -> int:
        """The newest generation that had ended when this visit first looked for what is missing."""
        return self.session.archive.generations()

    def _context(self, node: Node) -> StageContext:
        return StageContext(self.session, node, {need: self._commits[need] for need in node.needs})


def _run(stage: Stage, ctx: StageContext, key: str, work: Work) -> Output:
    """The stage's work, with the records that it starts from and ends with counted."""
    given = [manifest for commit in ctx.inputs.values() for manifest in commit.sets.values()]
    output = stage.run(ctx, key, work)
    for name, sets in (("input", given), ("output", output.sets.values())):
        for manifest in sets:
            total = f"cladeflow_{name}_records_total"
            work.metrics.count(total, manifest.count, record=manifest.record)
    return output


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
