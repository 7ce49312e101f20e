"""A killed training run goes on from its checkpoint to the very same weights."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from cladeflow.errors import StoreError
from cladeflow.fine_tune import Dpo, Sft, TrainResult, TrainSettings
from cladeflow.fine_tune.trainer import train
from cladeflow.recipes.model import Lora
from cladeflow.records import PreferenceExample, SftExample, Step


class Killed(BaseException):
    """Stands for a signal: nothing on the way may catch it."""


def settings(**changes: object) -> TrainSettings:
    values = {
        "learning_rate": 0.01,
        "token_batch": 60,
        "micro_tokens": 30,
        "epochs": 2.5,
        "checkpoint_every": 3,
        "weight_decay": 0.1,
        "seed": "key",
    }
    return TrainSettings.model_validate({**values, **changes})


def examples() -> list[SftExample]:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(4, 30, (24,), generator=generator).tolist()
    rows = [tuple(torch.randint(1, 16, (n,), generator=generator).tolist()) for n in lengths]
    return [SftExample(prompt=r[:2], steps=(Step(i=0, text="", tokens=r[2:]),)) for r in rows]


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=16,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        attention_dropout=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def run(
    model_dir: Path,
    name: str,
    kill_at: int | None = None,
    lora: Lora | None = None,
    **changes: object,
) -> TrainResult:
    def watch(done: int, steps: int) -> None:
        if done == kill_at:
            raise Killed

    home = model_dir.parent
    return train(
        model_dir,
        examples(),
        Sft(),
        settings(lora=lora, **changes),
        home / f"{name}-out",
        checkpoint_dir=home / f"{name}-checkpoints",
        progress=watch,
    )


def weights(result: TrainResult) -> bytes:
    return (result.model / "model.safetensors").read_bytes()


@pytest.mark.parametrize("lora", [None, Lora(rank=2)], ids=["whole", "lora"])
@pytest.mark.parametrize("kill_at", [1, 3, 4, 8])
def test_resumed_weights_are_bit_identical(
    model_dir: Path, kill_at: int, lora: Lora | None
) -> None:
    undisturbed = run(model_dir, "undisturbed", lora=lora)
    assert undisturbed.steps > 8
    with pytest.raises(Killed):
        run(model_dir, "killed", kill_at, lora)
    torch.manual_seed(99)
    resumed = run(model_dir, "killed", lora=lora)
    assert weights(resumed) == weights(undisturbed)
    assert resumed[1:-1] == undisturbed[1:-1]


def test_a_run_goes_on_with_smaller_micro_batches_after_running_out_of_memory(
    model_dir: Path,
) -> None:
    undisturbed = run(model_dir, "undisturbed")
    with pytest.raises(Killed):
        run(model_dir, "killed", kill_at=4)
    resumed = run(model_dir, "killed", micro_tokens=15, checkpoint_every=2)
    assert resumed.loss_sum == pytest.approx(undisturbed.loss_sum, rel=1e-4)
    with pytest.raises(StoreError, match="other inputs"):
        run(model_dir, "killed", learning_rate=0.02)


def test_a_checkpoint_holds_what_is_trained(model_dir: Path) -> None:
    sizes = []
    for name, lora in (("whole", None), ("lora", Lora(rank=2))):
        with pytest.raises(Killed):
            run(model_dir, name, 4, lora)
        file = model_dir.parent / f"{name}-checkpoints" / "checkpoint.pt"
        sizes.append(file.stat().st_size)
    assert sizes[1] < sizes[0] / 2


def test_a_reference_is_the_start_even_after_a_resumption(model_dir: Path) -> None:
    pairs = [
        PreferenceExample(prompt=one.prompt, chosen=one.steps, rejected=two.steps)
        for one, two in pairwise(examples())
    ]

    def learn(name: str, kill_at: int | None = None) -> TrainResult:
        def watch(done: int, steps: int) -> None:
            if done == kill_at:
                raise Killed

        home = model_dir.parent
        out, checkpoints = home / f"{name}-out", home / f"{name}-checkpoints"
        return train(
            model_dir, pairs, Dpo(), settings(), out, checkpoint_dir=checkpoints, progress=watch
        )

    undisturbed = learn("undisturbed")
    with pytest.raises(Killed):
        learn("killed", 5)
    assert weights(learn("killed")) == weights(undisturbed)


def test_a_resumed_run_repeats_no_step_before_its_checkpoint(model_dir: Path) -> None:
    with pytest.raises(Killed):
        run(model_dir, "killed", 8)
    seen: list[int] = []
    train(
        model_dir,
        examples(),
        Sft(),
        settings(),
        model_dir.parent / "out",
        checkpoint_dir=model_dir.parent / "killed-checkpoints",
        progress=lambda done, _: seen.append(done),
    )
    assert seen[0] == 7


def test_a_checkpoint_of_other_settings_is_refused(model_dir: Path) -> None:
    with pytest.raises(Killed):
        run(model_dir, "killed", 4)
    with pytest.raises(StoreError, match="other inputs"):
        train(
            model_dir,
            examples(),
            Sft(),
            settings(learning_rate=0.02),
            model_dir.parent / "out",
            checkpoint_dir=model_dir.parent / "killed-checkpoints",
        )


def test_other_keys_give_other_weights(model_dir: Path) -> None:
    out = model_dir.parent
    one = train(model_dir, examples(), Sft(), settings(), out / "one")
    two = train(model_dir, examples(), Sft(), settings(seed="other"), out / "two")
    assert weights(one) != weights(two)
