from pathlib import Path

import pytest
import torch

from cladeflow.errors import CladeflowError
from cladeflow.fine_tune import Sft, TrainSettings
from cladeflow.fine_tune.lora import add_adapters
from cladeflow.fine_tune.trainer import train
from cladeflow.models.loading import load_model
from cladeflow.recipes.model import Lora
from cladeflow.records import SftExample, Step

LORA = Lora(rank=2, alpha=4)
EXAMPLES = [
    SftExample(prompt=(1, n), steps=(Step(i=0, text="", tokens=(n + 1, n + 2)),))
    for n in range(3, 20)
]


def settings(**changes: object) -> TrainSettings:
    values = {"learning_rate": 0.05, "token_batch": 20, "seed": "s", "lora": LORA, **changes}
    return TrainSettings.model_validate(values)


def test_a_policy_with_fresh_adapters_is_the_one_it_was(model_dir: Path) -> None:
    ids = torch.arange(1, 9)[None]
    plain = load_model(model_dir, dtype="float32", device="cpu")
    with torch.no_grad():
        expected = plain(ids).logits
        add_adapters(plain, LORA, "key")
        torch.testing.assert_close(plain(ids).logits, expected)
    trained = {name for name, p in plain.named_parameters() if p.requires_grad}
    assert trained and all("lora_" in name for name in trained)


def test_adapters_are_random_by_key_alone(model_dir: Path) -> None:
    def first(key: str) -> torch.Tensor:
        model = load_model(model_dir, dtype="float32", device="cpu")
        add_adapters(model, LORA, key)
        return next(p for name, p in model.named_parameters() if "lora_A" in name)

    before = torch.random.get_rng_state()
    assert torch.equal(first("key"), first("key"))
    assert not torch.equal(first("key"), first("other"))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_what_is_saved_is_a_plain_model_with_the_adapters_added(
    model_dir: Path, layout: str
) -> None:
    result = train(model_dir, EXAMPLES, Sft(), settings(layout=layout), model_dir.parent / "out")
    assert result.layout == layout
    assert not list(result.model.glob("adapter*"))
    before, after = (
        load_model(d, dtype="float32", device="cpu") for d in (model_dir, result.model)
    )
    assert before.state_dict().keys() == after.state_dict().keys()
    changed = {
        name: value - before.state_dict()[name]
        for name, value in after.state_dict().items()
        if not torch.equal(value, before.state_dict()[name])
    }
    assert changed and all("proj" in name for name in changed)
    ranks = [int(torch.linalg.matrix_rank(delta, rtol=1e-3)) for delta in changed.values()]
    assert set(ranks) == {LORA.rank}


def test_training_adapters_lowers_the_loss(model_dir: Path) -> None:
    result = train(model_dir, EXAMPLES, Sft(), settings(epochs=6), model_dir.parent / "out")
    assert result.loss_last < result.loss_first / 2


def test_targets_name_the_layers(model_dir: Path) -> None:
    model = load_model(model_dir, dtype="float32", device="cpu")
    add_adapters(model, Lora(rank=2, targets=("q_proj",)), "key")
    adapted = [name for name, p in model.named_parameters() if p.requires_grad]
    assert adapted and all("q_proj" in name for name in adapted)
    with pytest.raises(CladeflowError, match=r"scale.training.lora.targets: .*nothing"):
        other = load_model(model_dir, dtype="float32", device="cpu")
        add_adapters(other, Lora(targets=("nothing",)), "key")
