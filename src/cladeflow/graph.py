"""How a recipe unrolls into stage calls. Every runner walks what this gives."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Literal, NamedTuple

from cladeflow.recipes.model import Recipe, Round
from cladeflow.records import Value

StageName = Literal[
    "plan",
    "task_synthesis",
    "rollout",
    "critique",
    "verification",
    "fine_tune",
    "evaluate",
    "promote",
]


class StageCall(Value):
    """Which stage of which generation, child, round and update. All a worker is told to do."""

    generation: int
    child: int | None = None
    """None for the stages that the children of a generation share: plan and promote."""
    round: str | None = None
    repeat: int = 0
    stage: StageName
    update: int | None = None
    redo: int = 0

    @property
    def path(self) -> str:
        """Where in the store the call's commits live."""
        parts = ["generations", str(self.generation)]
        if self.child is not None:
            parts.append(str(self.child))
        if self.round is not None:
            parts.append(f"{self.round}.{self.repeat}")
        parts.append(self.stage if self.update is None else f"{self.stage}.{self.update}")
        return "/".join(parts)

    def __str__(self) -> str:
        """The path without its first word, as progress and errors name a call."""
        return self.path.removeprefix("generations/")


class Node(NamedTuple):
    """A call and the calls whose commits it reads, the plan first."""

    call: StageCall
    needs: tuple[StageCall, ...]


class Gathered(NamedTuple):
    """The calls of one pass over a round that made and judged trajectories."""

    round: str
    calls: tuple[StageCall, ...]


def plan_call(generation: int) -> StageCall:
    """The call that starts a generation."""
    return StageCall(generation=generation, stage="plan")


def promote_call(generation: int) -> StageCall:
    """The call that ends a generation."""
    return StageCall(generation=generation, stage="promote")


def unroll(recipe: Recipe, generation: int, children: int = 1) -> tuple[Node, ...]:
    """Every call of one generation, each after all that it needs."""
    plan = plan_call(generation)
    nodes = [Node(plan, ())]
    evaluations = []
    for child in range(children):
        nodes += _child(recipe, plan, child)
        evaluations.append(nodes[-1].call)
    nodes.append(Node(promote_call(generation), (plan, *evaluations)))
    return tuple(nodes)


def redone(nodes: Sequence[Node], counts: Mapping[str, int]) -> tuple[Node, ...]:
    """``nodes`` with every call's ``redo`` as ``counts`` says, by the call's path."""

    def again(call: StageCall) -> StageCall:
        count = counts.get(call.path, 0)
        return call.model_copy(update={"redo": count}) if count else call

    return tuple(Node(again(node.call), tuple(map(again, node.needs))) for node in nodes)


def fused(recipe: Recipe, nodes: Sequence[Node]) -> list[tuple[Node, ...]]:
    """``nodes`` as the tasks of a runner that gives each a process or a pod of its own.

    All passes of a round with ``repeat`` > 1 are one task, which keeps its models loaded from the
    rollout of one pass to that of the next; every other call is a task by itself.
    """
    repeated = {part.name for part in recipe.rounds if part.repeat > 1}

    def task(node: Node) -> tuple[object, ...]:
        call = node.call
        return (call.child, call.round) if call.round in repeated else (call,)

    return [tuple(part) for _, part in groupby(nodes, key=task)]


def _child(recipe: Recipe, plan: StageCall, child: int) -> Iterator[Node]:
    """The rounds of one child, then its evaluation."""
    data: list[Gathered] = []
    updates: list[StageCall] = []
    for part in recipe.rounds:
        for repeat in range(part.repeat):
            at = StageCall(
                generation=plan.generation,
                child=child,
                round=part.name,
                repeat=repeat,
                stage="task_synthesis",
            )
            earlier = _seen(part, data)
            gathered = list(_gather(part, plan, at, earlier, updates))
            yield from gathered
            tasks = [] if part.task_synthesis else _tasks(earlier)
            data.append(Gathered(part.name, (*tasks, *(node.call for node in gathered))))
            seen = _seen(part, data)
            for index in range(len(part.fine_tune)):
                call = at.model_copy(update={"stage": "fine_tune", "update": index})
                yield Node(call, (plan, *seen, *updates))
                updates.append(call)
    call = StageCall(generation=plan.generation, child=child, stage="evaluate")
    yield Node(call, (plan, *(data[-1].calls if data else ()), *updates))


def _gather(
    part: Round,
    plan: StageCall,
    at: StageCall,
    earlier: list[StageCall],
    updates: list[StageCall],
) -> Iterator[Node]:
    """The stages of a round that make and judge trajectories; a slot that is none is skipped."""
    done: list[StageCall] = []
    stages: tuple[tuple[StageName, bool], ...] = (
        ("task_synthesis", bool(part.task_synthesis)),
        ("rollout", bool(part.rollout)),
        ("critique", bool(part.critique)),
        ("verification", bool(part.verification)),
    )
    for stage, present in stages:
        if present:
            call = at.model_copy(update={"stage": stage})
            weights = updates if stage != "task_synthesis" else []
            yield Node(call, (plan, *earlier, *done, *weights))
            done.append(call)


def _seen(part: Round, data: list[Gathered]) -> list[StageCall]:
    """The newest pass so far, unless the round's inputs say otherwise.

    Before a pass that is what it may start from, after it what its updates learn from.
    """
    if part.inputs == "all":
        return [call for gathered in data for call in gathered.calls]
    named = [g for g in data if part.inputs in ("last", g.round)]
    return list(named[-1].calls) if named else []


def _tasks(calls: list[StageCall]) -> list[StageCall]:
    """Those that posed tasks: a pass without task synthesis takes up the tasks that it sees."""
    return [call for call in calls if call.stage == "task_synthesis"]
