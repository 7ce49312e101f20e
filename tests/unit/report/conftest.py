"""The rounds of a generation as commits hold them, made of the records that a test names."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from cladeflow.graph import StageCall, StageName
from cladeflow.home import Home
from cladeflow.records import Critique, Record, Step, Target, Task, Trajectory, Verdict, Verifier
from cladeflow.records.example import Example
from cladeflow.records.task import Message, Origin
from cladeflow.report.attempts import Gathered
from cladeflow.session import Session
from cladeflow.store import Commit
from cladeflow.telemetry import Metrics
from cladeflow.views import StageView

Gather = Callable[..., Gathered]

SETS: dict[str, tuple[StageName, type[Record]]] = {
    "tasks": ("task_synthesis", Task),
    "trajectories": ("rollout", Trajectory),
    "critiques": ("critique", Critique),
    "verdicts": ("verification", Verdict),
    "examples": ("fine_tune", Example),
}


def task(text: str, level: int = 3) -> Task:
    return Task(
        env="reasoning",
        family="chain",
        level=level,
        prompt=(Message(role="user", text=text),),
        checker="exact",
        origin=Origin(strategy="seed_tasks"),
    )


def attempt(of: Task, *texts: str, agent: str = "a", **fields: object) -> Trajectory:
    steps = tuple(Step(i=i, text=f"{text}\n") for i, text in enumerate(texts))
    return Trajectory.model_validate(
        {"task_id": of.id, "agent_id": agent, "steps": steps, "answer": texts[-1],
         "group": of.id, "strategy": "sample", **fields}
    )  # fmt: skip


def verdict(of: Trajectory, right: bool, first_error: int | None = None) -> Verdict:
    parts = {} if first_error is None else {"first_error": float(first_error)}
    by = Verifier(strategy="verifiable_reward")
    return Verdict(target=Target(id=of.id), value=float(right), ok=right, parts=parts, by=by)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with Session(Home(tmp_path)) as session:
        yield session


@pytest.fixture
def gather(session: Session) -> Gather:
    def make(**sets: Sequence[Record]) -> Gathered:
        views = []
        for name, records in sets.items():
            stage, kind = SETS[name]
            update = 0 if stage == "fine_tune" else None
            call = StageCall(generation=3, child=0, round="main", stage=stage, update=update)
            manifest = session.write(f"{call.path}/{name}", kind, records)
            commit = Commit(stage=stage, input_hash="h", sets={name: manifest})
            views.append(StageView(call, commit, Metrics()))
        return Gathered(session, views)

    return make
