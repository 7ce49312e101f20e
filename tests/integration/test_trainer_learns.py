"""Training makes a model better at what its examples show."""

from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from cladeflow.fine_tune import Sft, TrainSettings
from cladeflow.fine_tune.trainer import train
from cladeflow.models.loading import load_model
from cladeflow.records import SftExample, Step

MARK = 15


def copy_task(words: list[int]) -> SftExample:
    return SftExample(prompt=(*words, MARK), steps=(Step(i=0, text="", tokens=tuple(words)),))


def test_a_small_model_learns_to_repeat_a_token(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=16,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
    )
    LlamaForCausalLM(config).save_pretrained(tmp_path / "model")
    examples = [copy_task([a, b]) for a in range(1, 15) for b in range(1, 15) if (a + b) % 5]
    held_out = [(a, b) for a in range(1, 15) for b in range(1, 15) if not (a + b) % 5]
    settings = TrainSettings(learning_rate=5e-3, token_batch=160, epochs=40, seed="s")
    result = train(tmp_path / "model", examples, Sft(), settings, tmp_path / "out")
    assert result.loss_first > 2
    assert result.loss_last < 0.5
    model = load_model(result.model, dtype="float32", device="cpu")
    prompts = torch.tensor([(*pair, MARK) for pair in held_out])
    with torch.no_grad():
        said = model(prompts).logits[:, -1].argmax(-1)
    assert (said == prompts[:, 0]).float().mean() > 0.9
