"""rl_batch, unpaired and outcome_pairs: what a round's rewards become."""

from dataclasses import replace

import pytest

from cladeflow.critique import EnvFeedback
from cladeflow.errors import RecipeError
from cladeflow.fine_tune import OutcomePairs, RlBatch, RoundData, Unpaired
from cladeflow.records import GroupAdvantageExample, Parent, PreferenceExample, UnpairedExample
from cladeflow.rollout import SelfRefine
from tests.dealer import attempts
from tests.unit.fine_tune.judged import attempt, judged, task, verdict

MIXED = judged({"a": (1, 0, 0, None), "easy": (1, 1), "hard": (0, 0)})


def test_advantages_are_distances_from_the_groups_mean() -> None:
    made = list(RlBatch().build(MIXED))
    assert all(isinstance(example, GroupAdvantageExample) for example in made)
    assert [e.reward for e in made] == [1, 0, 0]
    assert [e.advantage for e in made] == pytest.approx([2 / 3, -1 / 3, -1 / 3])
    assert len({e.group for e in made}) == 1


def test_examples_hold_what_was_sampled() -> None:
    first, *_ = RlBatch().build(MIXED)
    assert isinstance(first, GroupAdvantageExample)
    made = MIXED.trajectories[0]
    assert (first.prompt, first.steps, first.sources) == (made.context, made.steps, (made.id,))
    assert (first.gen, first.role, first.licence) == (3, "actor", "CC0-1.0")


def test_groups_without_a_difference_are_left_out_and_counted() -> None:
    data = judged({"a": (1, 0), "easy": (1, 1), "hard": (0, 0)})
    assert len(list(RlBatch().build(data))) == 2
    assert data.dropped == {"equal_rewards": 2}
    data = judged({"a": (1, 0), "easy": (1, 1), "hard": (0, 0)})
    assert len(list(Unpaired().build(data))) == 2
    assert data.dropped == {"equal_labels": 2}


def revised(*chains: tuple[int, float], firsts: tuple[int, ...] = (1, 0, 0)) -> RoundData:
    """First attempts at a task, and revisions by the prompt that each was shown, with rewards."""
    data = judged({"a": firsts})
    trajectories, verdicts = list(data.trajectories), dict(data.verdicts)
    for first, (shown, reward) in zip(data.trajectories, chains, strict=False):
        parents = (Parent(traj_id=first.id, step_i=0),)
        changes = {"context": (1, 2, shown), "attempt": 1, "parents": parents}
        second = attempt(data.tasks[first.task_id], first.sample, **changes)
        trajectories.append(second)
        verdicts[second.id] = verdict(second, reward)
    return replace(data, trajectories=trajectories, verdicts=verdicts)


def test_a_revision_is_compared_with_what_else_was_made_of_its_prompt() -> None:
    """Chains 1 and 2 were shown the same; the revision of chain 0 has nothing beside it."""
    data = revised((7, 1.0), (8, 0.75), (8, 0.25))
    made = list(RlBatch().build(data))
    assert [e.advantage for e in made] == pytest.approx([2 / 3, -1 / 3, -1 / 3, 0.25, -0.25])
    assert [e.prompt for e in made] == [(1, 2)] * 3 + [(1, 2, 8)] * 2
    assert len({e.group for e in made}) == 2 and data.dropped == {"equal_rewards": 1}


def test_every_group_of_refined_attempts_answers_one_prompt() -> None:
    made = attempts(SelfRefine(n=4, max_attempts=3), "reasoning", [EnvFeedback()])
    groups = RoundData({}, made, {t.id: verdict(t, 1.0) for t in made}).groups()
    contexts = [{t.context for t in group} for group in groups.values()]
    assert all(len(one) == 1 for one in contexts) and len(contexts) == len(set().union(*contexts))
    assert sorted(t.id for group in groups.values() for t in group) == sorted(t.id for t in made)
    assert any(t.parents for group in groups.values() if len(group) > 1 for t in group)


def test_labels_of_revisions_have_the_rate_of_their_own_prompt() -> None:
    made = list(Unpaired().build(revised((8, 0.0), (7, 1.0), (8, 1.0))))
    assert [(e.prompt[2:], e.label, e.rate) for e in made] == [
        ((), 1, pytest.approx(1 / 3)),
        ((), 0, pytest.approx(1 / 3)),
        ((), 0, pytest.approx(1 / 3)),
        ((8,), 0, 0.5),
        ((8,), 1, 0.5),
    ]


def test_both_responses_of_a_pair_answer_its_prompt() -> None:
    data = revised((7, 1.0), (8, 0.0), (9, 0.5), firsts=(1, 1, 1))
    assert not list(OutcomePairs().build(data)) and data.dropped == {"no_pair": 4}
    (pair,) = OutcomePairs().build(revised((7, 1.0), (8, 0.0), (8, 0.5), firsts=(1, 1, 1)))
    assert isinstance(pair, PreferenceExample)
    assert (pair.prompt, pair.margin) == ((1, 2, 8), 0.5)
    assert [step.text for side in (pair.chosen, pair.rejected) for step in side] == ["=2", "=1"]


def test_revisions_of_one_attempt_each_cannot_be_compared() -> None:
    data = revised((7, 1.0), (8, 0.0))
    alone = replace(data, trajectories=[t for t in data.trajectories if t.parents])
    with pytest.raises(RecipeError, match="a revision has a prompt of its own"):
        list(RlBatch().build(alone))


def test_one_attempt_per_task_cannot_be_compared() -> None:
    for builder in (RlBatch(), Unpaired()):
        with pytest.raises(RecipeError, match=f"{builder.name}.*one of each.*rollout.sample.n"):
            list(builder.build(judged({"a": (1,), "b": (0,)})))


def test_replays_are_measured_against_todays_baseline() -> None:
    past = attempt(task("past"))
    for rewards, expected in ((((0, 0), (0, 1), (1, 1)), 0.5), (((1, 1), (0, 1), (1, 1)), 0.0)):
        data = judged(dict(zip("abc", rewards, strict=True)))
        data = replace(
            data,
            replayed=[past],
            tasks={**data.tasks, past.task_id: task("past")},
            verdicts={**data.verdicts, past.id: verdict(past, 1.0)},
        )
        *fresh, last = RlBatch().build(data)
        assert isinstance(last, GroupAdvantageExample) and last.replay
        assert last.advantage == pytest.approx(expected)
        assert not any(e.replay for e in fresh)


def test_labels_and_rates() -> None:
    data = judged({"a": (0.9, 0.4, 0.5, 0.0)})
    made = list(Unpaired(threshold=0.5).build(data))
    assert all(isinstance(example, UnpairedExample) for example in made)
    assert [(e.label, e.rate) for e in made] == [(1, 0.5), (0, 0.5), (1, 0.5), (0, 0.5)]


def pairs(builder: OutcomePairs, *rewards: float | None) -> list[tuple[str, str, float]]:
    data = judged({"a": rewards})
    texts = {t.id: t.text for t in data.trajectories}
    made = list(builder.build(data))
    assert all(isinstance(example, PreferenceExample) for example in made)
    return [(texts[e.sources[0]], texts[e.sources[1]], e.margin) for e in made]


def test_the_best_is_chosen_over_the_worst() -> None:
    assert pairs(OutcomePairs(), 0.5, 0.0, 1.0, None) == [("=2", "=1", 1.0)]
    ranked = pairs(OutcomePairs(per_prompt=2), 0.5, 0.0, 1.0, 0.25)
    assert ranked == [("=2", "=1", 1.0), ("=0", "=3", 0.25)]
    assert pairs(OutcomePairs(per_prompt=9), 0.5, 0.0, 1.0) == [("=2", "=1", 1.0)]


def test_pairs_that_differ_too_little_are_left_out() -> None:
    assert pairs(OutcomePairs(), 1.0, 1.0) == []
    assert pairs(OutcomePairs(margin=0.5), 0.25, 0.5, 0.0) == [("=1", "=2", 0.5)]
    assert pairs(OutcomePairs(margin=0.6), 0.25, 0.5, 0.0) == []


def test_pairs_hold_both_responses() -> None:
    data = judged({"a": (1, 0)})
    (pair,) = OutcomePairs().build(data)
    assert isinstance(pair, PreferenceExample)
    better, worse = data.trajectories
    assert (pair.prompt, pair.chosen, pair.rejected) == ((1, 2), better.steps, worse.steps)
    assert not data.dropped
    empty = judged({"a": (1, 1), "b": (0, 0)})
    assert not list(OutcomePairs().build(empty)) and empty.dropped == {"no_pair": 2}
