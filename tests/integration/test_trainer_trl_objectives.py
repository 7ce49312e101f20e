"""Losses and gradients of dpo and grpo against TRL's trainers on the same batches."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cladeflow.fine_tune import Dpo, Grpo, Objective, TrainSettings
from cladeflow.fine_tune.settings import Layout
from cladeflow.fine_tune.trainer import Run
from cladeflow.models.loading import load_model
from cladeflow.records import (
    GroupAdvantageExample,
    PreferenceExample,
    Step,
    TrainingExample,
)

trl = pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")
tokenizers = pytest.importorskip("tokenizers")

SIZES = ((3, 9, 4), (1, 12, 20), (7, 2, 1), (5, 14, 3))
"""Prompt, chosen and rejected tokens of each pair."""
ADVANTAGES = (1.5, -0.5, 0.75, -1.0)
Gradients = dict[str, torch.Tensor]
Found = tuple[float, Gradients]


def tokens(key: int, count: int) -> tuple[int, ...]:
    generator = torch.Generator().manual_seed(key)
    return tuple(torch.randint(3, 24, (count,), generator=generator).tolist())


def save(directory: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=24,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=0,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    return directory


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    return save(tmp_path / "model", 0)


@pytest.fixture
def other_dir(tmp_path: Path) -> Path:
    return save(tmp_path / "other", 1)


def tokenizer() -> PreTrainedTokenizerFast:
    words = {"<pad>": 0, "<end>": 1, "<unk>": 2, **{str(i): i for i in range(3, 24)}}
    model = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="<unk>"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=model, pad_token="<pad>", eos_token="<end>")


def options(model_dir: Path) -> dict[str, Any]:
    return {
        "output_dir": str(model_dir.parent / "trl"),
        "per_device_train_batch_size": 4,
        "use_cpu": True,
        "bf16": False,
        "gradient_checkpointing": False,
        "report_to": "none",
        "disable_tqdm": True,
    }


def gradients(model: torch.nn.Module) -> Gradients:
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def ours(
    directory: Path,
    objective: Objective,
    examples: list[TrainingExample],
    layout: Layout,
    reference: Path | None,
) -> Found:
    model = load_model(directory, dtype="float32", device="cpu")
    groups = [objective.sequences(example, None) for example in examples]
    settings = TrainSettings(
        learning_rate=1, token_batch=1000, micro_tokens=30, layout=layout, seed="s"
    )
    run = Run(model, groups, objective, settings)
    if "reference" in objective.reads():
        run.refer(reference)
    return run.accumulate(run.groups)[0], gradients(model)


def assert_equal(found: Found, expected: Found) -> None:
    assert found[0] == pytest.approx(expected[0], abs=1e-5)
    assert found[1].keys() == expected[1].keys()
    for name, gradient in expected[1].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=1e-4, atol=1e-5)


def dpo_of_trl(model_dir: Path, other_dir: Path) -> Found:
    def text(ids: tuple[int, ...]) -> str:
        return " ".join(map(str, ids))

    columns = {
        "prompt": [text(tokens(i, n)) for i, (n, _, _) in enumerate(SIZES)],
        "chosen": [" " + text(tokens(10 + i, n)) for i, (_, n, _) in enumerate(SIZES)],
        "rejected": [" " + text(tokens(20 + i, n)) for i, (_, _, n) in enumerate(SIZES)],
    }
    trainer = trl.DPOTrainer(
        model=LlamaForCausalLM.from_pretrained(model_dir),
        ref_model=LlamaForCausalLM.from_pretrained(other_dir),
        args=trl.DPOConfig(beta=0.3, disable_dropout=True, **options(model_dir)),
        train_dataset=datasets.Dataset.from_dict(columns),
        processing_class=tokenizer(),
    )
    (batch,) = trainer.get_train_dataloader()
    loss = trainer.compute_loss(trainer.model, batch)
    loss.backward()
    return loss.item(), gradients(trainer.model)


@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_dpo_equals_trls(model_dir: Path, other_dir: Path, layout: Layout) -> None:
    def step(key: int, count: int) -> tuple[Step, ...]:
        return (Step(i=0, text="", tokens=(*tokens(key, count), 1)),)  # TRL ends each response

    pairs: list[TrainingExample] = [
        PreferenceExample(
            prompt=tokens(i, prompt), chosen=step(10 + i, chosen), rejected=step(20 + i, rejected)
        )
        for i, (prompt, chosen, rejected) in enumerate(SIZES)
    ]
    found = ours(model_dir, Dpo(beta=0.3), pairs, layout, other_dir)
    assert_equal(found, dpo_of_trl(model_dir, other_dir))


def behaviour(key: int, count: int) -> torch.Tensor:
    """Log-probabilities that put ratios to the policy's on both sides of the clips."""
    return -3.2 + torch.randn(count, generator=torch.Generator().manual_seed(key)) / 2


def grpo_of_trl(model_dir: Path, other_dir: Path) -> Found:
    trainer = trl.GRPOTrainer(
        model=str(model_dir),
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=trl.GRPOConfig(
            loss_type="dapo",
            epsilon=0.2,
            epsilon_high=0.28,
            beta=0.1,
            use_bias_correction_kl=False,  # its default weighs the KL term by the ratio
            entropy_coef=0.05,
            num_generations=4,
            **options(model_dir),
        ),
        train_dataset=datasets.Dataset.from_dict({"prompt": ["3"]}),
        processing_class=tokenizer(),
    )
    prompts = [tokens(i, n) for i, (n, _, _) in enumerate(SIZES)]
    completions = [tokens(10 + i, n) for i, (_, n, _) in enumerate(SIZES)]
    rows, width = len(prompts), max(map(len, completions))
    left = max(map(len, prompts))
    batch: dict[str, torch.Tensor] = {
        "prompt_ids": torch.zeros(rows, left, dtype=torch.long),
        "prompt_mask": torch.zeros(rows, left, dtype=torch.long),
        "completion_ids": torch.zeros(rows, width, dtype=torch.long),
        "completion_mask": torch.zeros(rows, width, dtype=torch.long),
        "old_per_token_logps": torch.zeros(rows, width),
        "advantages": torch.tensor(ADVANTAGES),
        "num_items_in_batch": torch.tensor(sum(map(len, completions))),
    }
    for i, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        batch["prompt_ids"][i, left - len(prompt) :] = torch.tensor(prompt)
        batch["prompt_mask"][i, left - len(prompt) :] = 1
        batch["completion_ids"][i, : len(completion)] = torch.tensor(completion)
        batch["completion_mask"][i, : len(completion)] = 1
        batch["old_per_token_logps"][i, : len(completion)] = behaviour(i, len(completion))
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    reference = LlamaForCausalLM.from_pretrained(other_dir)
    with torch.no_grad():
        logp = reference(ids, attention_mask=mask).logits.log_softmax(-1)[:, left - 1 : -1]
    batch["ref_per_token_logps"] = logp.gather(2, batch["completion_ids"][..., None])[..., 0]
    trainer.current_gradient_accumulation_steps = 1
    trainer.args.steps_per_generation = 1
    trainer.model.train()
    loss = trainer._compute_loss(trainer.model, batch)
    loss.backward()
    return loss.item(), gradients(trainer.model)


@pytest.mark.parametrize("layout", ["packed", "padded"])
def test_grpo_equals_trls(model_dir: Path, other_dir: Path, layout: Layout) -> None:
    examples: list[TrainingExample] = [
        GroupAdvantageExample(
            prompt=tokens(i, prompt),
            steps=(
                Step(
                    i=0,
                    text="",
                    tokens=tokens(10 + i, count),
                    logp=tuple(behaviour(i, count).tolist()),
                ),
            ),
            group="g",
            reward=0.0,
            advantage=ADVANTAGES[i],
        )
        for i, (prompt, count, _) in enumerate(SIZES)
    ]
    grpo = Grpo(clip_high=0.28, kl=0.1, entropy=0.05)
    assert_equal(
        ours(model_dir, grpo, examples, layout, other_dir), grpo_of_trl(model_dir, other_dir)
    )
