"""Put one task to one agent of an evolution, and have the answer checked."""

from typing import Any, NamedTuple

from cladeflow.environments.base import Environment, Posed
from cladeflow.errors import CladeflowError
from cladeflow.recipes.model import Resolved
from cladeflow.records import Task, Trajectory, Verdict
from cladeflow.rollout.run import Setup, attempt, inference_strategies, judge
from cladeflow.sandbox.gold import GoldStore
from cladeflow.session import Session


class Answer(NamedTuple):
    """What an agent made of a task."""

    name: str
    agent_id: str
    task: Task
    trajectory: Trajectory
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """What scripts read."""
        return {
            "agent": self.agent_id,
            "name": self.name,
            "task": [message.text for message in self.task.prompt],
            "text": self.trajectory.text,
            "answer": self.trajectory.answer,
            "ok": self.verdict.ok,
            "parts": self.verdict.parts,
        }


def solve(session: Session, text: str, name: str, temperature: float, seed: int) -> Answer:
    """Let the agent called ``name`` attempt a text or a task of the cell ``family/level``."""
    agent = session.archive.agent(name).usable()
    resolved = Resolved.model_validate(session.archive.evolution.resolved)
    environments = [entry.build() for entry in resolved.recipe.environments]
    env, posed = _pose([e for e in environments if isinstance(e, Environment)], text, seed)
    GoldStore(session.home.gold).add([posed.gold])
    setup = Setup(
        agent=agent,
        refs=agent.weights,
        scale=resolved.scale,
        key=f"solve/{seed}",
        temperature=temperature,
        samples=1,
        evaluation=True,
    )
    strategies = inference_strategies(agent)
    made = attempt(session, setup, strategies, {env.name: env}, [posed.task])
    trajectory = made.trajectories[-1]
    [verdict] = judge(session.checker, [posed.task], [trajectory])
    return Answer(name, agent.id, posed.task, trajectory, verdict)


def _pose(environments: list[Environment], text: str, seed: int) -> tuple[Environment, Posed]:
    """The task that a text is, or one held-out task of the cell that it names."""
    family, slash, level = text.partition("/")
    for env in environments:
        if slash and family in env.families and level.isdigit():
            [posed] = env.tasks(family=family, level=int(level), split="heldout", n=1, seed=seed)
            return env, posed
    problems = []
    for env in environments:
        try:
            return env, env.pose(text)
        except CladeflowError as error:
            problems.append(str(error))
    cells = sorted(
        f"{family}/{levels[-1]}" for e in environments for family, levels in e.levels.items()
    )
    raise CladeflowError(f"{'; '.join(problems)}; or name a cell such as {', '.join(cells)}")
