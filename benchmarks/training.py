"""Training speed against TRL's SFTTrainer at its best setting, interleaved A/B.

    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.training --threads 2 --json out.json

Both sides train the same Llama of about a million parameters for one epoch on the same sequences
of 20 to 80 tokens, a fused AdamW step about every 8,000 of them, in the same dtype and on as many
cores. TRL is first tried with each of `TRL_SETTINGS`, on all those cores and, should that be faster
for a model so small, on one; the fastest is then run in turn with `train`. Speed is in unpadded
tokens per second. TRL's time is that of `trainer.train()` alone, on a data set
prepared and a model loaded beforehand; ours is that of the whole call, which loads the model, lays
out the examples and writes the trained directory.
"""

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import torch
import trl
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from benchmarks.timing import Timing, compare, parser, run, table, timed
from cladeflow.fine_tune import Sft, TrainSettings
from cladeflow.fine_tune.trainer import train
from cladeflow.records import SftExample, Step

VOCABULARY, SHORTEST, LONGEST, PROMPT = 96, 20, 80, 10
STEP_EXAMPLES = 160
"""Examples per optimiser step on TRL's side: as many as ours holds on average."""
TOKEN_BATCH = STEP_EXAMPLES * (SHORTEST + LONGEST) // 2
MICRO_TOKENS = 2048
QUIET: dict[str, Any] = {
    "use_cpu": True,
    "optim": "adamw_torch_fused",
    "max_grad_norm": 1.0,
    "gradient_checkpointing": False,
    "dataloader_pin_memory": False,
    "report_to": "none",
    "logging_strategy": "no",
    "save_strategy": "no",
    "disable_tqdm": True,
}
"""Of every trainer of TRL here: a CPU, and nothing but training."""
TRL_SETTINGS: dict[str, dict[str, Any]] = {
    **{f"padded {n}": {"per_device_train_batch_size": n} for n in (8, 16, 32)},
    **{
        f"by length {n}": {
            "per_device_train_batch_size": n,
            "train_sampling_strategy": "group_by_length",
        }
        for n in (8, 16, 32)
    },
    **{
        f"packed {n}": {"per_device_train_batch_size": 4, "packing": True, "max_length": n}
        for n in (80, 160, 320)
    },
    "padding-free 8": {
        "per_device_train_batch_size": 8,
        "padding_free": True,
        "max_length": None,
    },
}


class Load(NamedTuple):
    """A model directory and what both sides train it on."""

    model: Path
    sequences: list[tuple[int, ...]]
    dtype: str

    @property
    def tokens(self) -> int:
        return sum(map(len, self.sequences))


def make_load(root: Path, count: int, dtype: str) -> Load:
    """A random model of 1.06M parameters and random sequences."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(root / "model")
    rng = np.random.default_rng(0)
    lengths = rng.integers(SHORTEST, LONGEST + 1, size=count)
    rows = [tuple(rng.integers(2, VOCABULARY, size=length).tolist()) for length in lengths]
    return Load(root / "model", rows, dtype)


def ours(load: Load) -> Timing:
    examples = [
        SftExample(prompt=row[:PROMPT], steps=(Step(i=0, text="", tokens=row[PROMPT:]),))
        for row in load.sequences
    ]
    return trained(load, examples, load.tokens)


def trained(load: Load, examples: Sequence[SftExample], tokens: int, **settings: float) -> Timing:
    """`train` on ``examples``, so many unpadded tokens in all."""
    chosen = TrainSettings.model_validate(
        {
            "learning_rate": 1e-3,
            "token_batch": TOKEN_BATCH,
            "micro_tokens": MICRO_TOKENS,
            "dtype": load.dtype,
            "seed": "benchmark",
            **settings,
        }
    )
    out = load.model.parent / "ours"
    return timed(lambda: train(load.model, examples, Sft(), chosen, out), tokens)


def theirs(load: Load, options: dict[str, Any], threads: int) -> Timing:
    masks = [[int(i >= PROMPT) for i in range(len(row))] for row in load.sequences]
    columns = {"input_ids": [list(row) for row in load.sequences], "completion_mask": masks}
    rows = options["per_device_train_batch_size"]
    each = options["max_length"] / (SHORTEST + LONGEST) * 2 if options.get("packing") else 1
    trainer = trl.SFTTrainer(
        model=LlamaForCausalLM.from_pretrained(load.model),
        args=trl.SFTConfig(
            output_dir=str(load.model.parent / "theirs"),
            **{"max_length": LONGEST, **options},
            gradient_accumulation_steps=max(1, round(STEP_EXAMPLES / rows / each)),
            **QUIET,
            num_train_epochs=1,
            learning_rate=1e-3,
            warmup_steps=0.05,
            lr_scheduler_type="cosine",
            bf16=load.dtype == "bfloat16",
            completion_only_loss=True,
        ),
        train_dataset=datasets.Dataset.from_dict(columns),
        processing_class=words(),
    )
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        return timed(trainer.train, load.tokens)
    finally:
        torch.set_num_threads(before)


def words() -> PreTrainedTokenizerFast:
    """A tokenizer that TRL asks for and, given ids, never calls."""
    vocabulary = models.WordLevel({"<pad>": 0, "<end>": 1, "<unk>": 2}, unk_token="<unk>")
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(vocabulary), pad_token="<pad>", eos_token="<end>"
    )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Find TRL's best setting, then run it and ours in turn."""
    logging.set_verbosity_error()
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as root:
        load = make_load(Path(root), options.examples, options.dtype)
        ours(load._replace(sequences=load.sequences[:64]))  # import and compile what both share
        sides = {
            f"{name}, {threads} threads": partial(theirs, load, setting, threads)
            for name, setting in TRL_SETTINGS.items()
            for threads in {1, options.threads}
        }
        tried = {name: side().wall for name, side in sides.items()}
        best = min(tried, key=lambda name: tried[name])
        found = compare(partial(ours, load), sides[best], options.pairs)
    print(table("one epoch", "cladeflow", f"TRL, {best}", found))
    return {**found, "trl_best": best, "trl_settings_seconds": tried, "tokens": load.tokens}


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--examples", type=int, default=1280)
    chosen = options.parse_args()
    run(chosen, partial(measure, chosen))


if __name__ == "__main__":
    main()
