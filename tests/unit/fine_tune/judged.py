"""A round's attempts with the rewards that a test gives them."""

from collections.abc import Mapping, Sequence
from typing import Any

from cladeflow.fine_tune import RoundData
from cladeflow.records import Step, Task, Trajectory, Verdict
from cladeflow.records.task import Message, Origin
from cladeflow.records.verdict import Target, Verifier


def task(name: str) -> Task:
    return Task(
        env="reasoning",
        family="chain",
        prompt=(Message(role="user", text=name),),
        checker="exact",
        origin=Origin(strategy="seed_tasks", licence="CC0-1.0"),
    )


def attempt(of: Task, sample: int = 0, **changes: Any) -> Trajectory:
    tokens = (3, 4 + sample)
    step = Step(i=0, text=f"={sample}", tokens=tokens, logp=(-0.5, -1.0 - sample))
    values = {
        "task_id": of.id,
        "agent_id": "agent",
        "models": {"actor": "weights"},
        "tokenizer": "tokens",
        "context": (1, 2),
        "steps": (step,),
        "group": of.id,
        "sample": sample,
        "strategy": "sample",
        "params": {"temperature": 1.0},
        **changes,
    }
    return Trajectory.model_validate(values)


def verdict(of: Trajectory, value: float, **changes: Any) -> Verdict:
    by = Verifier(strategy="verifiable_reward")
    return Verdict(target=Target(id=of.id), value=value, by=by, **changes)


def judged(rewards: Mapping[str, Sequence[float | None]]) -> RoundData:
    """Attempts at tasks by name; a reward of None is a check that ran out of time."""
    tasks = {name: task(name) for name in rewards}
    made = [(attempt(tasks[n], i), r) for n, found in rewards.items() for i, r in enumerate(found)]
    verdicts = {
        t.id: verdict(t, 0.0, outcome="timeout") if r is None else verdict(t, r) for t, r in made
    }
    by_id = {t.id: t for t in tasks.values()}
    return RoundData(by_id, [t for t, _ in made], verdicts, gen=3, seed="key")
