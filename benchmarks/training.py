"""Training speed against TRL's SFTTrainer at its best setting, interleaved A/B.

    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.training --dtype float32 --json out.json

Both sides train the same Llama of about a million parameters for one epoch on the same sequences
of 20 to 80 tokens, a fused AdamW step about every 8,000 of them, in the same dtype and threads.
TRL is first tried with each of `TRL_SETTINGS`; the fastest is then run in turn with `train`. Speed
is in unpadded tokens per second. TRL's time is that of `trainer.train()` alone, on a data set
prepared and a model loaded beforehand; ours is that of the whole call, which loads the model, lays
out the examples and writes the trained directory.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import torch
import trl
from tokenizers import Tokenizer, models
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from cladeflow.fine_tune import Sft, TrainSettings
from cladeflow.fine_tune.trainer import train
from cladeflow.records import SftExample, Step

VOCABULARY, SHORTEST, LONGEST, PROMPT = 96, 20, 80, 10
STEP_EXAMPLES = 160
"""Examples per optimiser step on TRL's side: as many as ours holds on average."""
TOKEN_BATCH = STEP_EXAMPLES * (SHORTEST + LONGEST) // 2
MICRO_TOKENS = 2048
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


class Timing(NamedTuple):
    """Tokens per second of wall time and of the process's CPU time."""

    wall: float
    cpu: float


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


def timed(tokens: int, work: Callable[[], object]) -> Timing:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return Timing(tokens / wall, tokens / cpu)


def ours(load: Load) -> Timing:
    examples = [
        SftExample(prompt=row[:PROMPT], steps=(Step(i=0, text="", tokens=row[PROMPT:]),))
        for row in load.sequences
    ]
    settings = TrainSettings.model_validate(
        {
            "learning_rate": 1e-3,
            "token_batch": TOKEN_BATCH,
            "micro_tokens": MICRO_TOKENS,
            "dtype": load.dtype,
            "seed": "benchmark",
        }
    )
    out = load.model.parent / "ours"
    return timed(load.tokens, lambda: train(load.model, examples, Sft(), settings, out))


def theirs(load: Load, options: dict[str, Any]) -> Timing:
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
            num_train_epochs=1,
            learning_rate=1e-3,
            warmup_steps=0.05,
            lr_scheduler_type="cosine",
            optim="adamw_torch_fused",
            max_grad_norm=1.0,
            use_cpu=True,
            bf16=load.dtype == "bfloat16",
            gradient_checkpointing=False,
            dataloader_pin_memory=False,
            completion_only_loss=True,
            report_to="none",
            logging_strategy="no",
            save_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=datasets.Dataset.from_dict(columns),
        processing_class=words(),
    )
    return timed(load.tokens, trainer.train)


def words() -> PreTrainedTokenizerFast:
    """A tokenizer that TRL asks for and, given ids, never calls."""
    vocabulary = models.WordLevel({"<pad>": 0, "<end>": 1, "<unk>": 2}, unk_token="<unk>")
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer(vocabulary), pad_token="<pad>", eos_token="<end>"
    )


def compare(load: Load, pairs: int) -> dict[str, Any]:
    """Find TRL's best setting, then run it and ours in turn."""
    ours(load._replace(sequences=load.sequences[:64]))  # import and compile what both sides share
    tried = {name: theirs(load, options).cpu for name, options in TRL_SETTINGS.items()}
    best = max(tried, key=lambda name: tried[name])
    runs = [(ours(load), theirs(load, TRL_SETTINGS[best])) for _ in range(pairs)]
    return {
        "trl_settings_cpu": {name: round(speed) for name, speed in tried.items()},
        "trl_best": best,
        "ours": _medians([mine for mine, _ in runs]),
        "trl": _medians([other for _, other in runs]),
        "ratio_wall": round(statistics.median(a.wall / b.wall for a, b in runs), 3),
        "ratio_cpu": round(statistics.median(a.cpu / b.cpu for a, b in runs), 3),
    }


def _medians(timings: list[Timing]) -> dict[str, int]:
    wall = statistics.median(timing.wall for timing in timings)
    cpu = statistics.median(timing.cpu for timing in timings)
    return {"tokens_per_second": round(wall), "tokens_per_cpu_second": round(cpu)}


def table(report: dict[str, Any]) -> str:
    lines = [f"{'':28}{'tokens/s':>10}{'tokens/CPU s':>14}"]
    for name, label in (("ours", "cladeflow"), ("trl", f"TRL, {report['trl_best']}")):
        values = report[name].values()
        lines.append(
            f"{label:28}" + "".join(f"{v:>{w}}" for v, w in zip(values, (10, 14), strict=True))
        )
    lines.append(f"{'ratio':28}{report['ratio_wall']:>10}{report['ratio_cpu']:>14}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--examples", type=int, default=1280)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.set_verbosity_error()
    datasets.disable_progress_bars()
    before = os.getloadavg()
    with tempfile.TemporaryDirectory() as root:
        load = make_load(Path(root), arguments.examples, arguments.dtype)
        report = compare(load, arguments.pairs)
    report |= {
        **{"dtype": arguments.dtype, "threads": arguments.threads, "pairs": arguments.pairs},
        **{"tokens": load.tokens, "load_before": before, "load_after": os.getloadavg()},
    }
    print(table(report))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
