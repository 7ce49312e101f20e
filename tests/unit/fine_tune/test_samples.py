import pytest

from cladeflow.errors import RecipeError
from cladeflow.fine_tune import Dpo, Grpo, Nft, Objective, RlBatch, Sft
from cladeflow.fine_tune.samples import Start, refuse_unfit
from cladeflow.records import Step, TrainingExample, Trajectory
from tests.unit.fine_tune.judged import judged

DATA = judged({"a": (1, 0)})
START = Start("weights", "tokens")


def check(objective: Objective, samples: list[Trajectory], role: str = "actor") -> None:
    examples: list[TrainingExample] = []
    for example, sample in zip(RlBatch().build(DATA), samples, strict=True):
        examples.append(example.model_copy(update={"sources": (sample.id,)}))
    refuse_unfit(objective, examples, samples, role, START)


def changed(**changes: object) -> list[Trajectory]:
    first, second = DATA.trajectories
    return [first, second.model_copy(update=changes)]


@pytest.mark.parametrize("objective", [Grpo(), Nft()])
def test_fresh_samples_pass_and_stale_ones_are_refused(objective: Objective) -> None:
    check(objective, changed())
    stale = changed(models={"actor": "older"})
    with pytest.raises(RecipeError, match=r"other weights \(older\).*off_policy: true"):
        check(objective, stale)
    check(objective.model_copy(update={"off_policy": True}), stale)


def test_the_trained_roles_own_weights_count() -> None:
    both = changed(models={"actor": "older", "critic": "weights"})
    check(Grpo(), both, role="critic")
    with pytest.raises(RecipeError, match="other weights"):
        check(Grpo(), both)


@pytest.mark.parametrize("objective", [Sft(), Dpo(), Grpo(off_policy=True), Nft()])
def test_tokens_of_a_foreign_tokenizer_are_refused(objective: Objective) -> None:
    with pytest.raises(RecipeError, match=r"another tokenizer \(foreign\)"):
        check(objective, changed(tokenizer="foreign"))


def test_text_is_of_no_tokenizer() -> None:
    text = Step(i=0, text="=3")
    check(Sft(), changed(tokenizer="", steps=(text,)))


@pytest.mark.parametrize(
    "objective", [Grpo(), Grpo(off_policy=True), Nft(), Dpo(reference="logged")]
)
def test_log_probabilities_at_another_temperature_are_refused(objective: Objective) -> None:
    with pytest.raises(RecipeError, match=r"temperature 0.7.*rollout.sample.temperature=1"):
        check(objective, changed(params={"temperature": 0.7}))


def test_objectives_that_compare_with_no_behaviour_take_all() -> None:
    for objective in (Sft(), Dpo()):
        check(objective, changed(models={}, params={"temperature": 0.7}))


def test_attempts_that_became_no_example_do_not_matter() -> None:
    stray = DATA.trajectories[1].model_copy(update={"models": {}, "sample": 7})
    examples = list(RlBatch().build(DATA))
    refuse_unfit(Grpo(), examples, [*DATA.trajectories, stray], "actor", START)
