"""Critics: what tools and checkers said, and what a model says."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import cast

import pytest

from cladeflow.critique import Critic, EnvFeedback, LlmCritique
from cladeflow.environments import Environment, Reasoning, Toolbox
from cladeflow.errors import RecipeError
from cladeflow.models.engine import Completion, Engine, Request, Sampling
from cladeflow.records import Critique, Step, Task, Trajectory
from cladeflow.rollout.episode import EpisodeContext, Role
from cladeflow.sandbox.client import CheckerClient
from cladeflow.sandbox.gold import GoldStore

REASONING, TOOLBOX = Reasoning(), Toolbox()
CHAIN = REASONING.pose("chain 47+6-9")
PRICE = TOOLBOX.tasks(family="price", level=1, split="train", n=1, seed=0)[0]
STRANGER = REASONING.pose("chain 1+1")


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CheckerClient]:
    root = tmp_path_factory.mktemp("gold")
    GoldStore(root).add([CHAIN.gold, PRICE.gold])
    with CheckerClient(root) as client:
        yield client


class Characters:
    """A tokenizer whose tokens are characters."""

    chat = False

    def encode_prompt(self, text: str) -> list[int]:
        return [ord(character) for character in text]


class ScriptedEngine:
    """A model that says what it is told to say, and remembers what it was asked."""

    name, dtype, model_digest, tokenizer_digest = (
        "scripted",
        "float32",
        "model-digest",
        "characters",
    )
    tokenizer = Characters()

    def __init__(self, says: str) -> None:
        self.says = says
        self.asked: list[Request] = []
        self.queue: list[Future[list[Completion]]] = []

    def submit(self, requests: Sequence[Request]) -> list[Future[list[Completion]]]:
        self.asked += requests
        self.queue += [Future() for _ in requests]
        return self.queue[-len(requests) :]

    def pump(self) -> None:
        text = self.says
        tokens, logp = tuple(map(ord, text)), (0.0,) * len(text)
        for future in self.queue:
            future.set_result([Completion(tokens, logp, text, "stop")])
        self.queue.clear()


def episode(env: Environment, checker: CheckerClient, **engines: ScriptedEngine) -> EpisodeContext:
    return EpisodeContext(
        env=env,
        roles={name: Role(cast(Engine, engine), "{task}\n") for name, engine in engines.items()},
        agent_id="a",
        seed="seed",
        sampling=Sampling(),
        samples=1,
        check=lambda task, steps: checker.check([(task, steps)])[0],
        gen=2,
    )


def attempt(task: Task, *steps: Step | str) -> Trajectory:
    written = [
        Step(i=i, text=f"{step}\n") if isinstance(step, str) else step
        for i, step in enumerate(steps)
    ]
    return Trajectory(
        task_id=task.id, agent_id="a", steps=tuple(written), group=task.id, strategy="sample"
    )


def criticise(
    critic: Critic, task: Task, trajectory: Trajectory, ctx: EpisodeContext
) -> Critique | None:
    return ctx.scheduler.run([critic.critique(task, trajectory, ctx)])[0]


class TestEnvFeedback:
    @pytest.mark.parametrize(
        ("lines", "advice", "first_error"),
        [
            (["47+6=53", "53-9=44", "=44"], "ok", None),
            (["47+6=53", "53-9=45", "=45"], "err 2", 1),
            (["47+6=54", "54-9=45", "=45"], "err 1", 0),
            (["47+6=53", "53-9=44", "=4"], "err 3", 2),
            (["47+6=53"], "err 1", 0),
        ],
    )
    def test_the_first_wrong_line(
        self, checker: CheckerClient, lines: list[str], advice: str, first_error: int | None
    ) -> None:
        tried = attempt(CHAIN.task, *lines)
        said = criticise(EnvFeedback(), CHAIN.task, tried, episode(REASONING, checker))
        assert said is not None
        assert (said.advice, said.first_error, said.ok) == (advice, first_error, advice == "ok")
        assert (said.target, said.source, said.gen) == ((tried.id,), "env", 2)
        assert REASONING.judgement(said.advice) == (-1 if first_error is None else first_error)

    def test_a_failed_check_is_no_critique(self, checker: CheckerClient) -> None:
        context = episode(REASONING, checker)
        tried = attempt(STRANGER.task, "1+1=2", "=2")
        assert criticise(EnvFeedback(), STRANGER.task, tried, context) is None

    def test_tools_tell_of_refused_calls_and_not_of_the_answer(
        self, checker: CheckerClient
    ) -> None:
        context = episode(TOOLBOX, checker)
        wrong = attempt(PRICE.task, "answer 0")
        said = criticise(EnvFeedback(), PRICE.task, wrong, context)
        assert said is not None and said.ok

        session = TOOLBOX.session(PRICE.task)
        steps: list[Step] = []
        for line in ("calc 1+1\n", "lookup nothing\n", "calc x\n"):
            seen = session.step(line)
            steps.append(Step(i=len(steps), text=line, kind="act", call=seen.call))
            steps.append(Step(i=len(steps), role="tool", text=seen.text, kind="observe", train=0.0))
        said = criticise(EnvFeedback(), PRICE.task, attempt(PRICE.task, *steps), context)
        assert said is not None and said.ok is False
        assert (said.first_error, said.advice) == (2, "err 3")
        assert [(e.text, e.ref) for e in said.evidence] == [
            ("err\n", "step 3"),
            ("err\n", "step 5"),
        ]


class TestLlmCritique:
    def ask(
        self, checker: CheckerClient, says: str, role: str = "critic"
    ) -> tuple[Critique | None, Request]:
        engine = ScriptedEngine(says)
        ctx = episode(REASONING, checker, **{role: engine})
        tried = attempt(CHAIN.task, "47+6=53", "53-9=45", "=45")
        said = criticise(LlmCritique(role=role), CHAIN.task, tried, ctx)
        (request,) = engine.asked
        return said, request

    def test_the_model_is_shown_the_attempt_to_judge(self, checker: CheckerClient) -> None:
        _, request = self.ask(checker, "ok")
        shown = "".join(map(chr, request.context))
        assert shown == "judge chain 47+6-9\n47+6=53\n53-9=45\n=45\n?\n"
        assert request.sampling == Sampling(temperature=0.0)

    def test_a_found_error(self, checker: CheckerClient) -> None:
        said, _ = self.ask(checker, "err 2\n")
        assert said is not None
        assert (said.ok, said.first_error, said.advice) == (False, 1, "err 2")
        assert (said.author, said.source, said.gen) == ("model-digest", "critic", 2)

    def test_no_error(self, checker: CheckerClient) -> None:
        said, _ = self.ask(checker, " ok")
        assert said is not None
        assert (said.ok, said.first_error, said.steps, said.advice) == (True, None, (), "ok")

    @pytest.mark.parametrize("nonsense", ["", "err", "err x", "okay", "ok err 1", "=44"])
    def test_nonsense_is_no_critique(self, checker: CheckerClient, nonsense: str) -> None:
        assert self.ask(checker, nonsense)[0] is None

    @pytest.mark.parametrize(
        ("role", "source"), [("actor", "self"), ("critic", "critic"), ("teacher", "teacher")]
    )
    def test_who_speaks_follows_from_the_role(
        self, checker: CheckerClient, role: str, source: str
    ) -> None:
        said, request = self.ask(checker, "ok", role)
        assert said is not None and said.source == source
        assert f"/{role}/" in request.key
        assert LlmCritique(role=role).required() == {f"role:{role}"}

    def test_a_role_without_a_model_is_an_error(self, checker: CheckerClient) -> None:
        ctx = episode(REASONING, checker, actor=ScriptedEngine("ok"))
        with pytest.raises(RecipeError, match="role critic; bound are actor"):
            criticise(LlmCritique(), CHAIN.task, attempt(CHAIN.task, "=44"), ctx)


def test_critics_are_asked_in_order_within_an_episode(checker: CheckerClient) -> None:
    ctx = episode(REASONING, checker, critic=ScriptedEngine("nonsense"))
    ctx.critics = (LlmCritique(), EnvFeedback())
    tried = attempt(CHAIN.task, "47+6=54", "=45")
    said = ctx.scheduler.run([ctx.critic(CHAIN.task, tried)])[0]
    assert said is not None and (said.author, said.advice) == ("reasoning", "err 1")
    assert ctx.critiques == [said]
