"""Loss and gradient of a batch against TRL's SFTTrainer, the field's reference implementation."""

from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cladeflow.fine_tune import Sft, TrainSettings
from cladeflow.fine_tune.settings import Layout
from cladeflow.fine_tune.trainer import Run
from cladeflow.models.loading import load_model
from cladeflow.records import SftExample, Step

trl = pytest.importorskip("trl")
datasets = pytest.importorskip("datasets")
tokenizers = pytest.importorskip("tokenizers")

LENGTHS = ((3, 9), (1, 20), (7, 2), (5, 14))
"""Prompt and completion tokens of each example."""


def rows() -> list[tuple[list[int], int]]:
    generator = torch.Generator().manual_seed(3)
    sizes = [(prompt, prompt + completion) for prompt, completion in LENGTHS]
    return [(torch.randint(3, 24, (n,), generator=generator).tolist(), p) for p, n in sizes]


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=24,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def of_trl(model_dir: Path) -> tuple[float, dict[str, torch.Tensor]]:
    words = tokenizers.models.WordLevel({"<pad>": 0, "<end>": 1, "<unk>": 2}, unk_token="<unk>")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=tokenizers.Tokenizer(words), pad_token="<pad>", eos_token="<end>"
    )
    columns = {
        "input_ids": [ids for ids, _ in rows()],
        "completion_mask": [[int(i >= prompt) for i in range(len(ids))] for ids, prompt in rows()],
    }
    trainer = trl.SFTTrainer(
        model=LlamaForCausalLM.from_pretrained(model_dir),
        args=trl.SFTConfig(
            output_dir=str(model_dir.parent / "trl"),
            per_device_train_batch_size=len(LENGTHS),
            completion_only_loss=True,
            use_cpu=True,
            bf16=False,
            gradient_checkpointing=False,
            report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=datasets.Dataset.from_dict(columns),
        processing_class=tokenizer,
    )
    (batch,) = trainer.get_train_dataloader()
    count = torch.tensor(sum(completion for _, completion in LENGTHS))
    loss = trainer.compute_loss(trainer.model, batch, num_items_in_batch=count)
    loss.backward()
    return float(loss), {name: p.grad for name, p in trainer.model.named_parameters()}


@pytest.mark.parametrize("layout", ["packed", "padded"])
@pytest.mark.parametrize("micro_tokens", [16, 1000])
def test_loss_and_gradient_equal_trls(model_dir: Path, layout: Layout, micro_tokens: int) -> None:
    expected, gradients = of_trl(model_dir)
    model = load_model(model_dir, dtype="float32", device="cpu")
    examples = [
        SftExample(prompt=tuple(ids[:p]), steps=(Step(i=0, text="", tokens=tuple(ids[p:])),))
        for ids, p in rows()
    ]
    groups = [Sft().sequences(example, None) for example in examples]
    settings = TrainSettings(
        learning_rate=1, token_batch=1000, micro_tokens=micro_tokens, layout=layout, seed="s"
    )
    loss, count = Run(model, groups, Sft(), settings).accumulate(groups)
    assert count == sum(completion for _, completion in LENGTHS)
    assert loss == pytest.approx(expected, abs=1e-5)
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name], rtol=0, atol=1e-5)
