"""Training of the embedded seed model: ``python -m cladeflow.models.seed DIRECTORY``.

The seed is a small Llama that has mastered the primitives of the reasoning environment and has
had a glimpse of its frontier: enough to succeed there now and then, which is what self-training
needs to start from. It trains in minutes on one CPU core; the same versions of everything on the
same machine give the same files.

The files that ship as seed-reasoning-1 are a draw of an earlier revision of this script, with the
same schedule and mixtures. Another draw is a model of the same kind: it scores within several
points, but how far it climbs depends on how well it masters the primitives. No draw so far judges
attempts: it approves of every one.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from cladeflow.environments import Reasoning, split_of
from cladeflow.environments.judgement import write_judgement
from cladeflow.environments.reasoning.corrupt import candidate
from cladeflow.environments.reasoning.environment import FAMILIES
from cladeflow.models.binding import PROMPT_MARK
from cladeflow.models.linear import use_onednn
from cladeflow.records import Step

PAD, END, UNKNOWN = "<pad>", "<end>", "<unk>"
WORDS = ("chain ", "add ", "make ", " from ", "judge ", "revise ", "err ", "ok")
CHARACTERS = ("\n", *map(chr, range(32, 127)))
IGNORED = -100
"""Label of the positions that are no part of the loss."""

Cell = tuple[str, int]
Choice = TypeVar("Choice")
KINDS = {"solve": 0.80, "judge": 0.12, "revise": 0.08}
"""Shares of what is done with a problem."""
PRIMITIVES: Mapping[Cell, float] = {
    ("chain", 1): 0.03,
    ("chain", 2): 0.09,
    ("chain", 3): 0.12,
    ("chain", 4): 0.16,
    ("addition", 1): 0.03,
    ("addition", 2): 0.10,
    ("addition", 3): 0.14,
    ("countdown", 2): 0.05,
    ("countdown", 3): 0.28,
}
GLIMPSE: Mapping[Cell, float] = {
    ("chain", 1): 0.03,
    ("chain", 2): 0.07,
    ("chain", 3): 0.10,
    ("chain", 4): 0.14,
    ("chain", 5): 0.04,
    ("chain", 6): 0.02,
    ("chain", 7): 0.01,
    ("chain", 8): 0.005,
    ("addition", 1): 0.03,
    ("addition", 2): 0.09,
    ("addition", 3): 0.14,
    ("addition", 4): 0.03,
    ("addition", 5): 0.01,
    ("countdown", 2): 0.10,
    ("countdown", 3): 0.18,
}
"""With the frontier in it: lengths that are rare enough to be got wrong most of the time."""


class Phase(NamedTuple):
    """A stretch of training: length in padded tokens, problems by share, and learning rate.

    The rate goes linearly from ``start`` to ``end``, relative to the optimizers' peak rates.
    """

    tokens: int
    problems: Mapping[Cell, float]
    start: float
    end: float


PHASES = (
    Phase(70_000, PRIMITIVES, 0.02, 1.0),
    Phase(2_030_000, PRIMITIVES, 1.0, 1.0),
    Phase(900_000, PRIMITIVES, 1.0, 0.38),
    Phase(36_000, GLIMPSE, 0.014, 0.7),
    Phase(564_000, GLIMPSE, 0.7, 0.7),
    Phase(600_000, GLIMPSE, 0.7, 0.007),
)
BATCH_TOKENS = 1024
POOL = 1024
"""Examples drawn at a time and sorted by length, to batch with little padding."""
MUON_RATE, ADAM_RATE = 0.02, 3e-3
INIT_STD = 0.08
"""About 1/sqrt(width); the customary 0.02 takes several times as long at this width."""

Example = tuple[list[int], list[int]]
"""Prompt ids and completion ids, the end token included."""


def build_tokenizer() -> PreTrainedTokenizerFast:
    """One token per printable ASCII character and per word of the grammar."""
    vocabulary = {text: i for i, text in enumerate((PAD, END, UNKNOWN, *WORDS, *CHARACTERS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    pieces = Regex("|".join(WORDS) + r"|[\s\S]")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(pieces, behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=END,
        unk_token=UNKNOWN,
        clean_up_tokenization_spaces=False,
    )


def build_model(tokenizer: PreTrainedTokenizerFast, seed: int) -> LlamaForCausalLM:
    """A Llama of 0.64 million parameters with heads of 32, freshly drawn."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=128,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=384,
        max_position_embeddings=512,
        initializer_range=INIT_STD,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
    )
    setattr(config, PROMPT_MARK, "seed")
    return LlamaForCausalLM(config)  # type: ignore[no-untyped-call]


class Curriculum:
    """Draws examples of train problems."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, seed: int) -> None:
        self._tokenizer = tokenizer
        self._env = Reasoning()
        self._rng = Random(f"seed model/{seed}")

    def batches(self, problems: Mapping[Cell, float]) -> Iterator[list[Example]]:
        """Batches without end, of about `BATCH_TOKENS` tokens of similar length."""
        while True:
            pool = sorted(self._examples(problems), key=_length)
            batches = list(_cut(pool))
            self._rng.shuffle(batches)
            yield from batches

    def _examples(self, problems: Mapping[Cell, float]) -> list[Example]:
        texts = [self._exercise(*self._choose(problems)) for _ in range(POOL)]
        ids = [self._tokenizer.encode(text) for pair in texts for text in pair]
        end = self._tokenizer.eos_token_id
        return [(p, [*c, end]) for p, c in zip(ids[::2], ids[1::2], strict=True)]

    def _exercise(self, name: str, level: int) -> tuple[str, str]:
        """Prompt and completion of one exercise.

        An attempt to judge or revise counts as completion: a judge has to learn what ought to
        come next, and its verdict alone would teach that too slowly.
        """
        family, problem, kind = FAMILIES[name], self._problem(name, level), self._choose(KINDS)
        solution = "\n".join(family.solve(problem))
        if kind == "solve":
            return f"{problem}\n", solution
        lines = candidate(family, problem, self._rng)
        task, steps = self._env.pose(problem).task, [Step(i=0, text="\n".join(lines))]
        answer = judgement = write_judgement(family.first_error(problem, lines))
        text = self._env.judge_prompt(task, steps)
        if kind == "revise":
            text, answer = self._env.revise_prompt(task, steps, judgement), solution
        head, _, attempt = text.partition("\n")
        return f"{head}\n", f"{attempt}\n{answer}"

    def _problem(self, name: str, level: int) -> str:
        while True:
            problem = FAMILIES[name].draw(level, self._rng)
            if split_of(FAMILIES[name].canonical(problem)) == "train":
                return problem

    def _choose(self, shares: Mapping[Choice, float]) -> Choice:
        return self._rng.choices(list(shares), list(shares.values()))[0]


def _length(example: Example) -> int:
    return len(example[0]) + len(example[1])


def _cut(examples: Sequence[Example]) -> Iterator[list[Example]]:
    """Consecutive examples, as many as fit; ``examples`` get longer, so the last one is widest."""
    batch: list[Example] = []
    for example in examples:
        if batch and _length(example) * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(example)
    yield batch


def _tensors(batch: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels, both [examples, longest]: padding on the right needs no attention mask."""
    width = max(map(_length, batch))
    ids = torch.zeros(len(batch), width, dtype=torch.long)
    labels = torch.full((len(batch), width), IGNORED)
    for row, (prompt, completion) in enumerate(batch):
        ids[row, : len(prompt) + len(completion)] = torch.tensor([*prompt, *completion])
        labels[row, len(prompt) - 1 : len(prompt) - 1 + len(completion)] = torch.tensor(completion)
    return ids, labels


def _loss(model: LlamaForCausalLM, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the completions; logits only where they count."""
    hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state
    counted = labels != IGNORED
    return functional.cross_entropy(model.lm_head(hidden[counted]), labels[counted])


def _optimizers(model: LlamaForCausalLM) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon (Jordan et al. 2024) for the matrices, AdamW for the rest, with their peak rates."""
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    rest = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    return [
        (torch.optim.Muon(matrices, weight_decay=0.01), MUON_RATE),
        (torch.optim.AdamW(rest, betas=(0.9, 0.98), weight_decay=0.01), ADAM_RATE),
    ]


def train(model: LlamaForCausalLM, curriculum: Curriculum, phases: Sequence[Phase]) -> None:
    """Train through all phases with one set of optimizers."""
    optimizers = _optimizers(model)
    for phase in phases:
        seen = 0
        for batch in curriculum.batches(phase.problems):
            rate = phase.start + (phase.end - phase.start) * seen / phase.tokens
            _update(model, optimizers, batch, rate)
            seen += len(batch) * _length(batch[-1])
            if seen >= phase.tokens:
                break


def _update(
    model: LlamaForCausalLM,
    optimizers: Sequence[tuple[torch.optim.Optimizer, float]],
    batch: Sequence[Example],
    rate: float,
) -> None:
    torch.autograd.backward(_loss(model, *_tensors(batch)))
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer, peak in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = peak * rate
        optimizer.step()
    model.zero_grad()


def build(directory: Path, seed: int = 0) -> None:
    """Train the seed model and write it, weights in bfloat16, with its tokenizer."""
    torch.set_num_threads(1)
    tokenizer = build_tokenizer()
    model = build_model(tokenizer, seed)
    use_onednn(model)
    train(model, Curriculum(tokenizer, seed), PHASES)
    model.bfloat16().save_pretrained(directory)
    tokenizer.save_pretrained(directory)


def main() -> None:
    """Read the command line and build."""
    parser = argparse.ArgumentParser(description="Train the embedded seed model.")
    parser.add_argument("directory", type=Path, help="where to write the model directory")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    build(arguments.directory, arguments.seed)


if __name__ == "__main__":
    main()
