"""Objectives that learn from rewards: what is refused at load, and what a scale says of them."""

from pathlib import Path

import pytest

from cladeflow.errors import RecipeError
from cladeflow.recipes import load_recipe, load_scale
from cladeflow.recipes.library import scale_paths


@pytest.mark.parametrize("recipe", ["grpo", "nft"])
def test_one_sample_per_task_is_refused_with_the_reason(recipe: str) -> None:
    with pytest.raises(
        RecipeError, match=rf"objective '{recipe}' needs 'group'.*options of sample"
    ):
        load_recipe(recipe, ["rollout.sample.n=1"])


@pytest.mark.parametrize("recipe", ["grpo", "nft"])
def test_demonstrations_have_no_behaviour_log_probabilities(recipe: str) -> None:
    settings = ["task_synthesis=demos", "rollout=none"]
    with pytest.raises(RecipeError, match=r"needs 'group'"):
        load_recipe(recipe, settings)


def test_a_scale_changes_training_by_objective() -> None:
    scale = load_scale("tiny", ["objectives.grpo={learning_rate: 0.1}", "training.clip=0.5"])
    assert scale.training_for("grpo").learning_rate == 0.1
    assert scale.training_for("grpo").clip == 0.5
    assert scale.training_for("sft") == scale.training


def test_lora_is_a_training_option() -> None:
    scale = load_scale("tiny", ["training.lora={rank: 4}", "objectives.grpo={lora: null}"])
    assert scale.training_for("sft").lora is not None
    assert scale.training_for("grpo").lora is None
    with pytest.raises(RecipeError, match=r"training.lora.rank"):
        load_scale("tiny", ["training.lora={rank: 0}"])


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("objectives.gpro={epochs: 1}", r"objectives: unknown key 'gpro'; did you mean 'grpo'"),
        ("objectives.grpo={epoch: 1}", r"objectives.grpo: unknown key 'epoch'; did you mean"),
        ("objectives.grpo={epochs: 0}", r"objectives.grpo: epochs: "),
    ],
)
def test_a_change_that_training_does_not_have_is_refused(setting: str, complaint: str) -> None:
    with pytest.raises(RecipeError, match=complaint):
        load_scale("tiny", [setting])


def test_scales_of_larger_models_learn_from_rewards_in_smaller_steps() -> None:
    for path in map(Path, scale_paths().values()):
        scale = load_scale(str(path))
        for objective in ("grpo", "nft"):
            found = scale.training_for(objective)
            assert found.learning_rate < scale.training.learning_rate, path.stem
