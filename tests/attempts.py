"""Attempts at reasoning tasks, written by hand, and what is known of them."""

from collections.abc import Sequence

from cladeflow.earlier import Earlier
from cladeflow.environments import Reasoning
from cladeflow.records import Parent, Step, Target, Task, Trajectory, Verdict, Verifier
from cladeflow.records.verdict import Outcome

ENV = Reasoning()
Judged = Sequence[tuple[Trajectory, float]]
"""Attempts with their rewards; a negative one is a check that failed."""


def attempt(
    task: Task, *lines: str, sample: int = 0, after: Trajectory | None = None
) -> Trajectory:
    """An attempt of so many lines; ``after`` is what it refines."""
    steps = tuple(Step(i=i, text=f"{line}\n") for i, line in enumerate(lines))
    return Trajectory(
        task_id=task.id,
        agent_id="agent",
        steps=steps,
        answer=ENV.answer("".join(step.text for step in steps)),
        group=task.id,
        sample=sample,
        attempt=0 if after is None else after.attempt + 1,
        parents=() if after is None else (Parent(traj_id=after.id, step_i=0),),
        strategy="sample",
    )


def verdict(target: Trajectory, value: float, outcome: Outcome = "checked") -> Verdict:
    """A verdict by nobody in particular."""
    return Verdict(
        target=Target(id=target.id),
        value=value,
        outcome=outcome,
        by=Verifier(strategy="test"),
    )


def earlier(tasks: Sequence[Task], judged: Judged) -> Earlier:
    """What a pass gathered."""
    verdicts = {
        t.id: verdict(t, max(value, 0.0), "error" if value < 0 else "checked")
        for t, value in judged
    }
    return Earlier({task.id: task for task in tasks}, [t for t, _ in judged], verdicts)
