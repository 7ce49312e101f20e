"""What a rollout strategy sees of the world while it attempts a task."""

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from cladeflow.environments.base import Environment
from cladeflow.errors import CladeflowError, RecipeError
from cladeflow.models.context import Context
from cladeflow.models.engine import Completion, Engine, Request, Sampling
from cladeflow.records import Critique, Parent, Step, Task, Trajectory, Usage, Verdict
from cladeflow.rollout.scheduler import Scheduler
from cladeflow.rollout.steps import steps_of
from cladeflow.strategy import Strategy

if TYPE_CHECKING:
    from cladeflow.rollout.base import Rollout

T = TypeVar("T")


class EpisodeError(Exception):
    """A strategy, a service or an engine failed inside an episode; the message names the task."""


class Role(NamedTuple):
    """A model in a role: its engine, and the template with ``{task}`` that puts tasks to it."""

    engine: Engine
    prompt: str = "{task}"


class Critic(Protocol):
    """What `EpisodeContext.critic` asks (`cladeflow.critique.base.Critic`)."""

    async def critique(
        self, task: Task, trajectory: Trajectory, ctx: "EpisodeContext"
    ) -> Critique | None:
        """A critique, or None where there is nothing to say."""


class Model(NamedTuple):
    """A role's model as episodes use it."""

    role: str
    engine: Engine
    ctx: "EpisodeContext"

    @property
    def digest(self) -> str:
        """Digest of the weights."""
        return self.engine.model_digest

    def room(self, context: Context) -> int:
        """Tokens that may follow ``context``."""
        return max(0, self.engine.max_length - len(context.ids))

    async def generate(
        self, context: Context, *, key: str, n: int = 1, sampling: Sampling | None = None
    ) -> list[Completion]:
        """``n`` continuations of ``context``, which stays as it is.

        ``key`` must be unique among the requests of the run; with the run's seed, the agent and
        the role it seeds one generator per continuation.
        """
        seed = f"{self.ctx.seed}/{self.ctx.agent_id}/{self.role}/{key}"
        request = Request(tuple(context.ids), sampling or self.ctx.sampling, seed, n)
        completions = await self.ctx.scheduler.request(self.engine, request)
        tokens = sum(len(c.tokens) for c in completions)
        self.ctx.generated[self.role] += tokens
        self.ctx.told(self.role, tokens)
        self.ctx.prompted[self.role] += len(context.ids)
        return completions


@dataclass(eq=False)
class EpisodeContext:
    """Models, services and settings of the episodes that run together (a shard's)."""

    env: Environment
    roles: Mapping[str, Role]
    agent_id: str
    seed: str
    """Prefix of every request's key."""
    sampling: Sampling
    """Unless a strategy says otherwise."""
    samples: int
    """Attempts per task, unless a strategy says otherwise."""
    check: Callable[[Task, Sequence[Step]], Verdict]
    """A verdict by the killable checker process."""
    critics: Sequence[Critic] = ()
    gen: int = 0
    failures: Mapping[str, Sequence[Trajectory]] = field(default_factory=dict)
    """Wrong attempts of earlier passes, by task id."""
    evaluation: bool = False
    """Whether verdicts are held back until the episode has ended."""
    scheduler: Scheduler = field(default_factory=Scheduler)
    critiques: list[Critique] = field(default_factory=list)
    """What `critic` has answered, to be committed with the trajectories."""
    generated: Counter[str] = field(default_factory=Counter)
    """Tokens that each role's model has generated."""
    told: Callable[[str, int], None] = lambda role, tokens: None
    """Hears of them as they come."""
    prompted: Counter[str] = field(default_factory=Counter)
    """Tokens that each role's model was given."""

    def model(self, role: str = "actor") -> Model:
        """The model bound to ``role``; raises `RecipeError` where there is none."""
        return Model(role, self._role(role).engine, self)

    def open(self, task: Task, role: str = "actor") -> Context:
        """A context that puts ``task`` to a role's model."""
        return self.ask(self.env.render(task.prompt), role)

    def ask(self, text: str, role: str = "actor") -> Context:
        """A context that puts ``text`` to a role's model in place of a task."""
        bound = self._role(role)
        return Context.open(bound.engine.tokenizer, bound.prompt.replace("{task}", text))

    async def critic(self, task: Task, trajectory: Trajectory) -> Critique | None:
        """The first critique that the recipe's critics have to give."""
        for critic in self.critics:
            critique = await critic.critique(task, trajectory, self)
            if critique is not None:
                self.critiques.append(critique)
                return critique
        return None

    async def verify(self, task: Task, steps: Sequence[Step]) -> Verdict:
        """The checker's verdict; raises `RecipeError` during evaluation."""
        if self.evaluation:
            raise RecipeError(
                "a verdict was asked for during evaluation: an agent's inference strategy may"
                " not see the checker; use a critic that does not, such as llm_critique"
            )
        return self.check(task, steps)

    async def gather(self, *coroutines: Coroutine[Any, Any, T]) -> list[T]:
        """Results of coroutines that run side by side, in order; asyncio's own must not be used."""
        return await self.scheduler.gather(*coroutines)

    def trajectory(
        self,
        task: Task,
        context: Context,
        *,
        strategy: Strategy,
        sampling: Sampling,
        sample: int = 0,
        attempt: int = 0,
        parents: tuple[Parent, ...] = (),
        truncated: bool = False,
        role: str = "actor",
    ) -> Trajectory:
        """What was written in ``context``, as the record of one attempt at ``task``.

        Attempts of an evaluation are never trained on, so their tokens are not kept.
        """
        engine, trainable = self._role(role).engine, not self.evaluation
        steps = steps_of(context, tokens=trainable)
        said = "".join(step.text for step in steps if step.role == "agent")
        return Trajectory(
            gen=self.gen,
            task_id=task.id,
            agent_id=self.agent_id,
            models={role: engine.model_digest},
            tokenizer=engine.tokenizer_digest,
            context=context.prompt if trainable else (),
            steps=_with_answer(steps, self.env),
            answer=self.env.answer(said),
            parents=parents,
            group=task.id,
            sample=sample,
            attempt=attempt,
            strategy=strategy.name,
            params=_params(strategy, sampling),
            truncated=truncated,
            usage=_usage(context),
        )

    def _role(self, role: str) -> Role:
        if role not in self.roles:
            raise RecipeError(
                f"the strategy asks for a model in the role {role}; bound are"
                f" {', '.join(sorted(self.roles))}: add it under roles"
            )
        return self.roles[role]


def _params(strategy: Strategy, sampling: Sampling) -> dict[str, Any]:
    """The options set, and how was sampled: what log-probabilities are to be compared at."""
    options = strategy.model_dump(mode="json", exclude_none=True)
    return options | sampling.model_dump(mode="json", exclude={"stop"})


def _with_answer(steps: list[Step], env: Environment) -> tuple[Step, ...]:
    """The agent's last line is the answer if it can be read as one."""
    last = next((i for i in reversed(range(len(steps))) if steps[i].role == "agent"), None)
    if last is not None and env.answer(steps[last].text) is not None:
        steps[last] = steps[last].model_copy(update={"kind": "answer"})
    return tuple(steps)


def _usage(context: Context) -> Usage:
    written = [turn for turn in context.turns if turn.logp is not None]
    generated = sum(len(turn.tokens) for turn in written)
    return Usage(
        prompt_tokens=len(context.ids) - generated,
        gen_tokens=generated,
        calls=len(written),
        env_steps=len(context.turns) - len(written),
    )


def run_episodes(
    strategy: "Rollout", tasks: Sequence[Task], ctx: EpisodeContext
) -> list[Trajectory]:
    """Attempt ``tasks`` side by side; trajectories in the order of the tasks.

    Raises the first episode's error, naming the task: a `CladeflowError` of the same class, or an
    `EpisodeError`. The other episodes are cancelled.
    """
    attempts = ctx.scheduler.run([_named(task, strategy, ctx) for task in tasks])
    return [trajectory for attempt in attempts for trajectory in attempt]


async def _named(task: Task, strategy: "Rollout", ctx: EpisodeContext) -> list[Trajectory]:
    """One episode, made only when it is awaited: an interrupt leaves none behind unawaited."""
    where = f"task {task.id[:12]} ({task.env} {task.family} {task.level})"
    try:
        return await strategy.episode(task, ctx)
    except CladeflowError as error:
        raise type(error)(f"{where}: {error}") from error
    except Exception as error:
        raise EpisodeError(f"{where}: {type(error).__name__}: {error}") from error
