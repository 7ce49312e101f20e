"""Episodes within a session: engines by role, critics, and the checker as services."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from cladeflow.critique.base import Critic
from cladeflow.environments.base import Environment
from cladeflow.models.engine import Sampling
from cladeflow.recipes.model import Scale
from cladeflow.recipes.parse import parse_entry
from cladeflow.records import Agent, Critique, Step, Target, Task, Trajectory, Verdict
from cladeflow.rollout.base import Rollout
from cladeflow.rollout.episode import EpisodeContext, Role, run_episodes
from cladeflow.rollout.scheduler import Scheduler
from cladeflow.session import Session

if TYPE_CHECKING:
    from cladeflow.sandbox.client import CheckerClient


class Attempts(NamedTuple):
    """Trajectories in the order of their tasks, and what critics said of them on the way."""

    trajectories: list[Trajectory]
    critiques: list[Critique]
    generated: Counter[str]
    """Tokens by role."""
    prompted: Counter[str]


class Setup(NamedTuple):
    """Who attempts tasks, and how."""

    agent: Agent
    refs: Mapping[str, str]
    """Model Ref by role."""
    scale: Scale
    key: str
    """Seeds every sample."""
    temperature: float = 1.0
    max_tokens: int | None = None
    samples: int | None = None
    critics: Sequence[Critic] = ()
    evaluation: bool = False
    gen: int = 0
    failures: Mapping[str, Sequence[Trajectory]] = {}
    """Wrong attempts of earlier passes, by task id."""

    def context(self, session: Session, env: Environment) -> EpisodeContext:
        """The episodes' view of the session."""
        prompt = self.agent.scaffold.prompts.get(env.name, "{task}")
        engines = session.engines(self.refs, self.scale.engine, self.scale.dtype)
        return EpisodeContext(
            env=env,
            roles={role: Role(engine, prompt) for role, engine in engines.items()},
            agent_id=self.agent.behaviour,
            seed=self.key,
            sampling=Sampling(
                temperature=self.temperature,
                max_tokens=self.max_tokens or self.scale.max_tokens,
                stop=env.stop,
            ),
            samples=self.samples or self.scale.samples,
            check=lambda task, steps: _check(session, task, steps),
            critics=self.critics,
            gen=self.gen,
            failures=self.failures,
            evaluation=self.evaluation,
            told=session.live.generated,
            scheduler=Scheduler(session.computing),
        )


def attempt(
    session: Session,
    setup: Setup,
    strategies: Iterable[Rollout],
    environments: Mapping[str, Environment],
    tasks: Sequence[Task],
) -> Attempts:
    """Every strategy attempts every task in the task's environment."""
    made = Attempts([], [], Counter(), Counter())
    for name in dict.fromkeys(task.env for task in tasks):
        mine = [task for task in tasks if task.env == name]
        for strategy in strategies:
            context = setup.context(session, environments[name])
            made.trajectories.extend(run_episodes(strategy, mine, context))
            made.critiques.extend(context.critiques)
            made.generated.update(context.generated)
            made.prompted.update(context.prompted)
    return made


def criticise(
    session: Session,
    setup: Setup,
    environments: Mapping[str, Environment],
    work: Sequence[tuple[Task, Sequence[Trajectory]]],
) -> Attempts:
    """What every critic of the setup has to say of every trajectory; no trajectories."""
    made = Attempts([], [], Counter(), Counter())
    for name in dict.fromkeys(task.env for task, _ in work):
        context = setup.context(session, environments[name])
        asked = [
            critic.critique(task, trajectory, context)
            for task, trajectories in work
            if task.env == name
            for trajectory in trajectories
            for critic in setup.critics
        ]
        said = context.scheduler.run(asked)
        made.critiques.extend(critique for critique in said if critique is not None)
        made.generated.update(context.generated)
        made.prompted.update(context.prompted)
    return made


def inference_strategies(agent: Agent) -> list[Rollout]:
    """How an agent answers, by its own scaffold."""
    entries = [{name: options} for name, options in agent.scaffold.inference.items()]
    built = [parse_entry(entry, "rollout", "scaffold.inference").build() for entry in entries]
    return [strategy for strategy in built if isinstance(strategy, Rollout)]


def judge(
    checker: "CheckerClient", tasks: Sequence[Task], trajectories: Sequence[Trajectory]
) -> list[Verdict]:
    """The environment's own verdict on each trajectory, from the checker process."""
    by_id = {task.id: task for task in tasks}
    found = checker.verdicts([(by_id[t.task_id], t.steps) for t in trajectories])
    return [
        verdict.model_copy(update={"target": Target(id=trajectory.id)})
        for trajectory, verdict in zip(trajectories, found, strict=True)
    ]


def _check(session: Session, task: Task, steps: Sequence[Step]) -> Verdict:
    return session.checker.check([(task, steps)])[0]
