"""More of what the agent cannot do yet."""

from collections.abc import Sequence

from pydantic import Field

from cladeflow.earlier import NOTHING, Earlier
from cladeflow.environments.base import Environment, Posed
from cladeflow.records import Gold, Origin, Task
from cladeflow.task_synthesis.base import Generator


class FailureEvolve(Generator, name="failure_evolve", version=1):
    """x' ~ M(. | x) for train tasks x that the agent failed: p(x) <= ``at_most`` in earlier passes.

    p(x) is the share of an x's checked attempts that were right. M is the environment's own way to
    vary a task (`Environment.variants`), no model: a near variant of x at its level, or a task
    ``harder`` levels above it (below it, where negative). The failed tasks take turns, those with
    the lowest p first. x' names x among its parents. Source: the curriculum from failures of
    WebRL (Qi et al. 2024, arXiv:2411.02337), where a language model writes x'.
    """

    at_most: float = Field(default=0.0, ge=0, lt=1)
    harder: int = 0

    def required(self) -> frozenset[str]:
        return frozenset({"earlier"})

    def generate(
        self,
        env: Environment,
        *,
        n: int,
        gen: int,
        draw: int,
        seed: int,
        earlier: Earlier = NOTHING,
    ) -> Sequence[Posed]:
        failed = [task for task in self._failed(earlier) if task.env == env.name]
        turns = -(-n // len(failed)) if failed else 0
        found: dict[str, Posed] = {}
        pools = [self._variants(env, task, turns, f"{seed}/{draw}") for task in failed]
        for turn in range(turns):
            for pool in pools:
                if turn < len(pool):
                    found.setdefault(_text(pool[turn].task), pool[turn])
        known = {_text(task) for task in earlier.tasks.values()}
        return [posed for text, posed in found.items() if text not in known][:n]

    def _failed(self, earlier: Earlier) -> list[Task]:
        rates: dict[str, float] = {}
        for task_id, attempts in earlier.by_task().items():
            task = earlier.tasks[task_id]
            marks = [mark for t in attempts if (mark := earlier.correct(t)) == mark]
            if marks and task.kind == "solve" and task.split == "train":
                rates[task_id] = sum(marks) / len(marks)
        hard = [task_id for task_id, rate in rates.items() if rate <= self.at_most]
        return [earlier.tasks[task_id] for task_id in sorted(hard, key=lambda one: rates[one])]

    def _variants(self, env: Environment, task: Task, n: int, key: str) -> list[Posed]:
        level = task.level + self.harder
        if level not in env.levels[task.family]:
            return []
        made = env.variants(task, level=level, n=n, key=f"{self.name}/{key}/{task.id}")
        return [_descends(posed, task) for posed in made]


def _text(task: Task) -> str:
    return "".join(message.text for message in task.prompt) + repr(sorted(task.hidden.items()))


def _descends(posed: Posed, parent: Task) -> Posed:
    """The same task with its lineage, and so with an id of its own."""
    origin = Origin(
        strategy=FailureEvolve.name, parents=(parent.id,), licence=parent.origin.licence
    )
    task = posed.task.model_copy(update={"origin": origin})
    return Posed(task, Gold(task_id=task.id, value=posed.gold.value))
