"""Decoding speed of the transformers engine against ``model.generate``, interleaved A/B.

    OMP_WAIT_POLICY=PASSIVE python -m benchmarks.decode --threads 1 --dtype float32 --json out.json

Both sides sample at temperature 1 from the same random Llama of about a million parameters, with
the same prompts, completion lengths, dtype and threads; the end token is ruled out and lengths are
forced (a limit per request here, a stopping criterion per row there). ``generate`` gets its prompts
padded on the left, its own ``num_return_sequences``, and the batch size that suits it best: each
of ``--generate-rows`` is tried once per load before the pairs are run.
"""

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    StoppingCriteria,
)

from benchmarks.timing import Timing, compare, parser, run, table, timed
from cladeflow.models import Request, Sampling
from cladeflow.models.transformers_engine import TransformersEngine

VOCABULARY, END = 96, 95
SAMPLES = 8


class Load(NamedTuple):
    """Prompts, and the completion length of each of their samples."""

    prompts: list[list[int]]
    lengths: list[list[int]]

    @property
    def tokens(self) -> int:
        """Tokens to sample in all."""
        return sum(map(sum, self.lengths))


class ForcedLengths(StoppingCriteria):
    """Ends each row at its own length."""

    def __init__(self, prompt: int, lengths: Sequence[int]) -> None:
        self.prompt, self.lengths = prompt, torch.tensor(lengths)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **_: Any) -> torch.Tensor:
        """[rows] True where a row has its tokens."""
        return input_ids.shape[1] - self.prompt >= self.lengths


def equal_load(prompts: int) -> Load:
    """Prompts of 32 tokens and completions of 64: generate's best case."""
    rng = np.random.default_rng(0)
    ids = rng.integers(0, END, (prompts, 32)).tolist()
    return Load(ids, [[64] * SAMPLES] * prompts)


def mixed_load(prompts: int) -> Load:
    """Prompts of 16 to 48 tokens, completions log-uniform between 8 and 256."""
    rng = np.random.default_rng(1)
    ids = [rng.integers(0, END, rng.integers(16, 49)).tolist() for _ in range(prompts)]
    lengths = np.exp(rng.uniform(np.log(8), np.log(256), (prompts, SAMPLES))).round().astype(int)
    return Load(ids, lengths.tolist())


def save_model(directory: Path) -> None:
    """A random Llama of 0.9M parameters with a character tokenizer."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=512,
        eos_token_id=END,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    vocabulary = {chr(32 + i): i for i in range(END)} | {"</s>": END}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=" "))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>").save_pretrained(directory)


def never_end(model: PreTrainedModel) -> None:
    """Give the head a bias that rules the end token out."""
    head = model.get_output_embeddings()
    bias = torch.zeros(VOCABULARY, dtype=head.weight.dtype)
    bias[END] = -1e4
    head.bias = torch.nn.Parameter(bias)


def run_engine(engine: TransformersEngine, load: Load) -> None:
    """Sample the load."""
    requests = [
        Request(prompt, Sampling(max_tokens=length), f"{i}/{j}")
        for i, (prompt, lengths) in enumerate(zip(load.prompts, load.lengths, strict=True))
        for j, length in enumerate(lengths)
    ]
    futures = engine.submit(requests)
    while not all(future.done() for future in futures):
        engine.pump()
    made = sum(len(completion.tokens) for future in futures for completion in future.result())
    assert made == load.tokens, "the lengths are forced"


def run_generate(model: PreTrainedModel, load: Load, rows: int) -> None:
    """The same by ``model.generate``."""
    step = rows // SAMPLES
    for start in range(0, len(load.prompts), step):
        prompts = load.prompts[start : start + step]
        width = max(map(len, prompts))
        pad = [[0] * (width - len(prompt)) for prompt in prompts]
        ids = torch.tensor([p + prompt for p, prompt in zip(pad, prompts, strict=True)])
        mask = torch.tensor([[0] * len(p) + [1] * (width - len(p)) for p in pad])
        lengths = [n for row in load.lengths[start : start + step] for n in row]
        model.generate(
            ids,
            attention_mask=mask,
            do_sample=True,
            top_k=0,
            num_return_sequences=SAMPLES,
            max_new_tokens=max(lengths),
            stopping_criteria=[ForcedLengths(width, lengths)],
            pad_token_id=0,
        )


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Both loads, with generate at the batch size that suits it."""
    with tempfile.TemporaryDirectory() as directory:
        save_model(Path(directory))
        engine = TransformersEngine(Path(directory), dtype=options.dtype, max_rows=options.rows)
        model = AutoModelForCausalLM.from_pretrained(
            directory, dtype=getattr(torch, options.dtype)
        ).eval()
    never_end(engine.model)
    never_end(model)
    found = {}
    for name, make in {"equal": equal_load, "mixed": mixed_load}.items():
        load = make(options.prompts)

        def theirs(rows: int, load: Load = load) -> Timing:
            return timed(partial(run_generate, model, load, rows), load.tokens)

        def ours(load: Load = load) -> Timing:
            return timed(partial(run_engine, engine, load), load.tokens)

        rows = min(options.generate_rows, key=lambda rows: theirs(rows).cpu)
        found[name] = {**compare(ours, partial(theirs, rows), options.pairs), "rows": rows}
        print(table(f"{name} lengths", "engine", f"generate, {rows} rows", found[name]))
    return found


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--rows", type=int, default=512, help="the engine's largest batch")
    options.add_argument("--generate-rows", type=int, nargs="+", default=[16, 64, 256])
    options.add_argument("--prompts", type=int, default=128)
    chosen = options.parse_args()
    run(chosen, partial(measure, chosen))


if __name__ == "__main__":
    main()
