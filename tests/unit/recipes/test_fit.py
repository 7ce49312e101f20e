"""Strategies that would run and learn nothing are refused when a recipe is loaded."""

from itertools import product
from typing import Any

import pytest

from cladeflow.errors import RecipeError
from cladeflow.fine_tune import Builder, Objective, RoundData
from cladeflow.recipes.fit import check_fit
from cladeflow.recipes.parse import parse_recipe
from cladeflow.records.trajectory import Parent
from cladeflow.strategy import find, names
from tests.unit.fine_tune.judged import attempt, task, verdict

POLICY = {"build": "positives", "objective": "sft"}
CRITIC = {"build": {"positives": {"of": "critiques"}}, "objective": "sft"}
REFINED = {"critique": "env_feedback", "rollout": {"self_refine": {"n": 8}}}
ATTEMPTS = {"name": "attempts", "verification": "none"}
JUDGED = {"name": "judged", "fine_tune": "none"}
UNJUDGED = {"name": "unjudged", "verification": "none"}


def check(**changes: Any) -> None:
    raw = {"name": "t", "environments": ["reasoning"], "promote": "always", **changes}
    check_fit(parse_recipe(raw, "t.yaml"), "t.yaml")


def corrected() -> RoundData:
    """A wrong and a right attempt, and a revision: every builder makes an example of these."""
    asked = task("a")
    wrong, right = attempt(asked), attempt(asked, sample=1)
    revision = attempt(asked, sample=2, parents=(Parent(traj_id=wrong.id, step_i=0),))
    rewards = {one.id: verdict(one, float(one is not wrong)) for one in (wrong, right, revision)}
    return RoundData({asked.id: asked}, [wrong, right, revision], rewards)


def trains(builder: str, objective: str) -> bool:
    """Whether an objective takes what a builder makes."""
    build, train = find("builder", builder), find("objective", objective)
    assert build and issubclass(build, Builder) and train and issubclass(train, Objective)
    [example, *_] = build().build(corrected())
    text = example.model_copy(update={"prompt": (1, 2), "steps": ()})  # which takes no tokenizer
    try:
        train().sequences(text, None)
    except RecipeError as error:
        assert f"not on {example.kind}" in str(error)
        return False
    return True


@pytest.mark.parametrize(("build", "objective"), [*product(names("builder"), names("objective"))])
def test_what_loads_is_what_trains(build: str, objective: str) -> None:
    update = {"build": build, "objective": objective}
    if trains(build, objective):
        check(fine_tune=update, **REFINED)
    else:
        with pytest.raises(RecipeError, match=rf"objective '{objective}' trains on .*'{build}'"):
            check(fine_tune=update, **REFINED)


def test_an_update_that_does_not_fit_is_named_with_what_would() -> None:
    updates = [POLICY, {"build": "positives", "objective": "dpo"}]
    with pytest.raises(RecipeError) as refused:
        check(fine_tune=updates)
    assert str(refused.value) == (
        "t.yaml: rounds.main.fine_tune[1]: objective 'dpo' trains on preference examples, builder "
        "'positives' makes sft ones; build outcome_pairs for this objective, or take objective "
        "sft for this builder"
    )


def test_an_update_is_checked_beside_parts_that_are_not_built() -> None:
    with pytest.raises(RecipeError, match="'dpo' trains on preference"):
        check(rollout="mcts", fine_tune={"build": "positives", "objective": "dpo"})
    check(rollout="mcts", verification="none", fine_tune=POLICY)
    check(fine_tune={"build": "value_targets", "objective": "sft"})


@pytest.mark.parametrize(
    ("build", "objective"),
    [
        ("positives", "sft"),
        ("revision_splice", "sft"),
        ("rl_batch", "grpo"),
        ("unpaired", "nft"),
        ("outcome_pairs", "dpo"),
    ],
)
def test_nothing_is_learned_without_verdicts(build: str, objective: str) -> None:
    update = {"build": build, "objective": objective}
    reason = (
        rf"rounds.main: builder '{build}' needs 'verdict', which nothing in the round gives;"
        r" verification .* or verifiable_reward"
    )
    with pytest.raises(RecipeError, match=reason):
        check(fine_tune=update, verification="none", **REFINED)


def test_pairs_take_several_attempts() -> None:
    update = {"build": "outcome_pairs", "objective": "dpo"}
    with pytest.raises(RecipeError, match=r"'outcome_pairs' needs 'group'.*options of sample"):
        check(fine_tune=update, rollout={"sample": {"n": 1}})


def test_verdicts_on_attempts_and_on_critiques_are_not_the_same() -> None:
    gain = "refinement_gain"
    check(fine_tune=[POLICY, CRITIC], verification=["verifiable_reward", gain], **REFINED)
    check(fine_tune=CRITIC, verification={"shuffled": {"of": gain}}, **REFINED)
    with pytest.raises(
        RecipeError, match=r"'positives' needs 'verdict', .*verifiable_reward would"
    ):
        check(fine_tune=POLICY, verification=gain, **REFINED)
    with pytest.raises(RecipeError, match=r"'positives' needs 'verdict', .*options of shuffled"):
        check(fine_tune=POLICY, verification={"shuffled": {"of": gain}}, **REFINED)
    with pytest.raises(RecipeError, match=r"needs 'verdict:critiques', .*refinement_gain would"):
        check(fine_tune=CRITIC, verification="verifiable_reward", **REFINED)
    with pytest.raises(RecipeError, match=r"'positives' needs 'critique'"):
        check(fine_tune=CRITIC)


@pytest.mark.parametrize("inputs", ["all", "judged"])
def test_an_update_learns_from_the_rounds_that_it_sees(inputs: str) -> None:
    check(fine_tune=POLICY, rounds=[JUDGED, {**UNJUDGED, "inputs": inputs}])
    silent = {**UNJUDGED, "task_synthesis": "none", "rollout": "none", "inputs": inputs}
    check(fine_tune=POLICY, rounds=[JUDGED, silent])


@pytest.mark.parametrize("part", [UNJUDGED, {**UNJUDGED, "repeat": 3, "inputs": "all"}])
def test_an_update_does_not_learn_from_rounds_that_it_does_not_see(part: dict[str, Any]) -> None:
    rounds = [part, {**JUDGED, "inputs": "last"}]
    with pytest.raises(RecipeError, match=r"rounds.unjudged: builder 'positives' needs 'verdict'"):
        check(fine_tune=POLICY, rounds=rounds)


def test_verdicts_of_a_round_that_is_not_seen_do_not_count() -> None:
    rounds = [{**ATTEMPTS, "fine_tune": "none"}, {"name": "train", "inputs": "attempts"}]
    with pytest.raises(RecipeError, match=r"needs 'verdict', .* learns from \(attempts\)"):
        check(fine_tune=POLICY, rounds=rounds)
    with pytest.raises(RecipeError, match="nothing to learn from because rollout is none"):
        silent = {"name": "silent", "rollout": "none"}
        check(fine_tune=POLICY, rounds=[JUDGED, silent])


def test_failures_are_those_of_attempts_that_were_judged() -> None:
    again = {"name": "again", **REFINED, "rollout": {"self_refine": {"start": "failures"}}}
    check(rounds=[JUDGED, again])
    with pytest.raises(RecipeError, match="put a round that samples and verifies before it"):
        check(rounds=[ATTEMPTS, again])


@pytest.mark.parametrize("chosen", ["uniform", "difficulty_band, learning_progress"])
def test_selectors_pose_no_tasks(chosen: str) -> None:
    slot = chosen.split(", ")
    reason = rf"rounds.main.task_synthesis: no generator .*{chosen}.*\[seed_tasks, {chosen}\]"
    with pytest.raises(RecipeError, match=reason):
        check(task_synthesis=slot)
    check(task_synthesis=["seed_tasks", *slot])


@pytest.mark.parametrize("letter", "/:'")
def test_names_that_the_registry_does_not_take_are_refused(letter: str) -> None:
    name = f"mine{letter}2"
    with pytest.raises(RecipeError, match=rf"t.yaml: name: .* may not hold {letter}; write _"):
        check(name=name)
    with pytest.raises(RecipeError, match=rf"t.yaml: roles: .* may not hold {letter}; write _"):
        check(roles={"actor": "current", name: "parent"})
    check(name='Mine, the 2nd (ours) "a+b" ä\\%')
