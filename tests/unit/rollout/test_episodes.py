from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from cladeflow.environments.base import Environment
from cladeflow.errors import CladeflowError, RecipeError
from cladeflow.models import Request, Sampling
from cladeflow.models.transformers_engine import TransformersEngine
from cladeflow.records import Critique, StepJudgement, Task, Trajectory
from cladeflow.rollout import Rollout, Sample, SelfRefine
from cladeflow.rollout.episode import EpisodeContext, EpisodeError, run_episodes
from tests.unit.rollout.conftest import written
from tests.unit.rollout.counting_environments import Counting, Endless, Saying

Make = Callable[..., EpisodeContext]


@pytest.fixture
def requests(engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Every request that the engine gets."""
    seen: list[Request] = []
    submit = engine.submit
    monkeypatch.setattr(engine, "submit", lambda r: (seen.extend(r), submit(r))[1])
    return seen


def test_single_turn_samples_are_one_request(make_context: Make, requests: list[Request]) -> None:
    tasks = Saying().some(4)
    found = run_episodes(Sample(), tasks, make_context(Saying()))
    assert [(t.task_id, t.group, t.sample) for t in found] == [
        (task.id, task.id, i) for task in tasks for i in range(3)
    ]
    assert [request.n for request in requests] == [3] * 4
    assert len({t.id for t in found}) == 12


def test_a_trajectory_says_what_was_sampled(make_context: Make, engine: TransformersEngine) -> None:
    [task] = Saying().some(1)
    sampling = Sampling(max_tokens=60)
    for made in run_episodes(Sample(n=6), [task], make_context(Saying(), sampling=sampling)):
        assert (made.gen, made.agent_id, made.strategy) == (4, "agent", "sample")
        assert made.models == {"actor": engine.model_digest}
        assert made.tokenizer == engine.tokenizer_digest
        assert engine.tokenizer.decode(made.context) == "say 0 0\n"
        tokens = written(made.steps)
        assert engine.tokenizer.decode(tokens).removesuffix("</s>") == made.text
        logp = [p for step in made.steps for p in step.logp or ()]
        assert logp == pytest.approx(engine.score([made.context], [tokens])[0], abs=1e-4)
        assert all(round(p, 6) == p for p in logp)
        assert made.truncated == (tokens[-1] != engine.tokenizer.end)
        assert made.usage.gen_tokens == len(tokens)
        assert made.usage.prompt_tokens == len(made.context)
        assert made.params["temperature"] == 1.0


def test_steps_are_lines(make_context: Make, engine: TransformersEngine) -> None:
    """A step ends with the token that holds its newline; its last may hold more (two newlines)."""
    sampling = Sampling(max_tokens=120)
    found = run_episodes(Sample(n=20), Saying().some(2), make_context(Saying(), sampling=sampling))
    assert any(len(made.steps) > 2 for made in found)
    for made in found:
        assert [step.i for step in made.steps] == list(range(len(made.steps)))
        for step in made.steps:
            shown = [token for token in step.tokens or () if token != engine.tokenizer.end]
            assert engine.tokenizer.decode(shown) == step.text
            assert "\n" not in step.text.rstrip("\n")
        assert all(step.text.endswith("\n") for step in made.steps[:-1])
        assert {step.kind for step in made.steps[:-1]} <= {"think"}


def test_options_override_the_runs_sampling(make_context: Make, requests: list[Request]) -> None:
    strategy = Sample(n=2, temperature=0.5, top_p=0.9, max_tokens=4)
    run_episodes(strategy, Saying().some(1), make_context(Saying()))
    assert requests[0].sampling == Sampling(temperature=0.5, top_p=0.9, max_tokens=4)


def test_turns_alternate_with_the_environment(
    make_context: Make, engine: TransformersEngine
) -> None:
    tasks = Counting().some(2)
    found = run_episodes(Sample(n=4), tasks, make_context(Counting()))
    assert [t.sample for t in found] == [0, 1, 2, 3] * 2
    for made in found:
        turns = [step for step in made.steps if step.call is not None]
        assert [step.call.args["turn"] for step in turns if step.call] == [1, 2, 3]
        told = [step for step in made.steps if step.kind == "observe"]
        assert [step.text for step in told] == [f"{len(step.text)}\n" for step in turns[:2]]
        assert {step.role for step in told} == {"tool"}
        assert {step.train for step in told} == {0.0}
        assert all(step.logp is None for step in told)
        assert not made.truncated
        assert (made.usage.calls, made.usage.env_steps) == (3, 2)
    assert len({tuple(written(t.steps)) for t in found}) == 8


def test_tokens_of_all_turns_are_one_context(make_context: Make, requests: list[Request]) -> None:
    """What the model read at its last turn is the prompt and every step before it."""
    [made] = run_episodes(Sample(n=1), Counting().some(1), make_context(Counting()))
    assert len(requests) == 3
    whole = [*made.context, *written(made.steps)]
    for request in requests:
        assert whole[: len(request.context)] == list(request.context)


def test_turns_run_out(make_context: Make) -> None:
    [made] = run_episodes(Sample(n=1), Endless().some(1), make_context(Endless()))
    assert made.truncated
    assert made.usage.calls == 5


def test_the_models_context_runs_out(make_context: Make) -> None:
    context = make_context(Endless(), sampling=Sampling(max_tokens=300))
    [made] = run_episodes(Sample(n=1), Endless().some(1), context)
    assert made.truncated


def test_equal_runs_give_equal_trajectories(make_context: Make) -> None:
    tasks = Counting().some(3)
    one, again = (
        [t.to_line() for t in run_episodes(Sample(n=2), order, make_context(Counting()))]
        for order in (tasks, tasks[::-1])
    )
    assert sorted(one) == sorted(again)
    other = run_episodes(Sample(n=2), tasks, make_context(Counting(), seed="1"))
    assert not {t.to_line() for t in other} & set(one)


class Grumbler:
    """Finds the first ``wrong`` attempts of each chain wrong at their first step."""

    def __init__(self, wrong: int) -> None:
        self.wrong = wrong

    async def critique(
        self, task: Task, trajectory: Trajectory, ctx: EpisodeContext
    ) -> Critique | None:
        ok = trajectory.attempt >= self.wrong
        return Critique(
            target=(trajectory.id,),
            author="test",
            source="critic",
            ok=ok,
            steps=() if ok else (StepJudgement(i=0, ok=False),),
            advice="ok" if ok else "err 1",
        )


class Silent(Grumbler):
    async def critique(self, *_: Any) -> Critique | None:
        return None


@pytest.mark.parametrize("env", [Saying(), Counting()])
def test_self_refine_revises_until_the_critic_agrees(
    make_context: Make, engine: TransformersEngine, env: Saying
) -> None:
    context = make_context(env, critics=[Silent(0), Grumbler(2)])
    found = run_episodes(SelfRefine(n=2, max_attempts=5), env.some(1), context)
    assert [(t.sample, t.attempt) for t in found] == [(i, k) for i in range(2) for k in range(3)]
    assert [c.ok for c in context.critiques].count(True) == 2
    for before, after in pairwise(found):
        if after.attempt == 0:
            assert not after.parents
            continue
        assert [(p.traj_id, p.step_i) for p in after.parents] == [(before.id, 0)]
        asked = engine.tokenizer.decode(after.context)
        assert asked.startswith("revise say 0 0\n")
        assert asked.endswith("err 1\n")


def test_self_refine_stops_at_its_limit_without_a_last_critique(make_context: Make) -> None:
    context = make_context(Saying(), critics=[Grumbler(99)])
    found = run_episodes(SelfRefine(n=1, max_attempts=3), Saying().some(1), context)
    assert len(found) == 3
    assert len(context.critiques) == 2


class Poisoned(Rollout, name="poisoned_in_a_test", version=1):
    """Fails at one task."""

    victim: str
    kind: str = "bug"

    async def episode(self, task: Task, ctx: EpisodeContext) -> list[Trajectory]:
        if task.id == self.victim and self.kind == "bug":
            raise KeyError("oops")
        if task.id == self.victim and self.kind == "verify":
            await ctx.verify(task, [])
        if task.id == self.victim and self.kind == "role":
            ctx.model("oracle")
        return await Sample().episode(task, ctx)


def poisoned(kind: str, context: EpisodeContext, env: Environment) -> Any:
    tasks = Saying().some(5)
    return tasks[3], lambda: run_episodes(Poisoned(victim=tasks[3].id, kind=kind), tasks, context)


def test_a_poison_task_is_named(make_context: Make) -> None:
    task, run = poisoned("bug", make_context(Saying()), Saying())
    with pytest.raises(EpisodeError, match=rf"task {task.id[:12]} \(saying word 1\): KeyError"):
        run()


@pytest.mark.parametrize(("kind", "says"), [("verify", "during evaluation"), ("role", "oracle")])
def test_a_users_error_stays_one_and_names_the_task(
    make_context: Make, kind: str, says: str
) -> None:
    task, run = poisoned(kind, make_context(Saying(), evaluation=True), Saying())
    with pytest.raises(RecipeError, match=f"task {task.id[:12]}.*{says}"):
        run()


def test_verdicts_outside_evaluation(make_context: Make) -> None:
    _, run = poisoned("verify", make_context(Saying()), Saying())
    assert len(run()) == 15


def test_a_prompt_too_long_names_its_task(make_context: Make) -> None:
    [task] = Saying().some(1, seed=10**300)
    with pytest.raises(CladeflowError, match=f"task {task.id[:12]}.*256"):
        run_episodes(Sample(), [task], make_context(Saying()))


def test_self_refine_takes_up_failures_and_nothing_else(
    make_context: Make, engine: TransformersEngine
) -> None:
    tasks = Saying().some(3)
    context = make_context(Saying())
    failures = {
        t.id: run_episodes(Sample(n=n), [t], context) for t, n in zip(tasks, (1, 3), strict=False)
    }
    context = make_context(Saying(), critics=[Grumbler(1)], failures=failures)
    found = run_episodes(SelfRefine(start="failures", n=2), tasks, context)
    assert [(t.task_id, t.sample, t.attempt) for t in found] == [
        (tasks[0].id, 0, 1),
        (tasks[1].id, 0, 1),
        (tasks[1].id, 1, 1),
    ]
    taken = [failures[tasks[0].id][0], *failures[tasks[1].id][:2]]
    assert [t.parents[0].traj_id for t in found] == [t.id for t in taken]
    assert [c.target for c in context.critiques] == [(t.id,) for t in taken]
    asked = engine.tokenizer.decode(found[0].context)
    assert asked.startswith("revise say 0 0\n") and asked.endswith("err 1\n")


def test_a_failure_that_the_critic_accepts_is_left_alone(make_context: Make) -> None:
    [task] = Saying().some(1)
    failures = {task.id: run_episodes(Sample(n=2), [task], make_context(Saying()))}
    context = make_context(Saying(), critics=[Grumbler(0)], failures=failures)
    assert run_episodes(SelfRefine(start="failures"), [task], context) == []
