"""The embedded seed model: what ships, and how it is built."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

import cladeflow.models
from cladeflow.environments import Reasoning
from cladeflow.models import seed

SHIPPED = Path(cladeflow.models.__file__).parent / "seeds" / "seed-reasoning-1"
TOKENIZER: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(SHIPPED)
ENV = Reasoning()


def solved_greedily(family: str, level: int, n: int) -> float:
    """Share of dev tasks whose one right trace is the model's greedy one, by teacher forcing."""
    model = AutoModelForCausalLM.from_pretrained(SHIPPED, dtype=torch.float32)
    right = 0
    for task, _ in ENV.tasks(family=family, level=level, split="dev", n=n, seed=0):
        problem = task.prompt[0].text
        solution = "\n".join(seed.FAMILIES[family].solve(problem))
        prompt = TOKENIZER.encode(ENV.prompt_formats["seed"].format(task=problem))
        completion = [*TOKENIZER.encode(solution), TOKENIZER.eos_token_id]
        with torch.inference_mode():
            logits = model(torch.tensor([[*prompt, *completion]])).logits[0, len(prompt) - 1 : -1]
        right += logits.argmax(-1).tolist() == completion
    return right / n


def test_shipped_files_are_small_and_standard() -> None:
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) <= 4_000_000
    model = AutoModelForCausalLM.from_pretrained(SHIPPED)
    assert model.config.model_type == "llama"
    assert model.config.head_dim >= 32
    assert model.dtype == torch.bfloat16


def test_shipped_tokenizer_is_the_built_one() -> None:
    assert TOKENIZER.get_vocab() == seed.build_tokenizer().get_vocab()


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n")))
def test_printable_ascii_round_trips(text: str) -> None:
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_words_of_the_grammar_are_single_tokens() -> None:
    assert [TOKENIZER.decode([i]) for i in TOKENIZER.encode("judge add 1+2\nerr 3")] == [
        *("judge ", "add ", "1", "+", "2", "\n", "err ", "3")
    ]


@pytest.mark.parametrize("cell", [(f, ls[-1]) for f, ls in ENV.mastered.items()])
def test_primitives_are_mastered(cell: tuple[str, int]) -> None:
    assert solved_greedily(*cell, n=50) >= 0.9


def test_the_frontier_is_barely_known() -> None:
    shares = [solved_greedily(f, level, n=30) for f, ls in ENV.frontier.items() for level in ls]
    assert 0.1 < sum(shares) / len(shares) < 0.6


def test_labels_are_the_next_tokens_of_completions() -> None:
    ids, labels = seed._tensors([([5, 6], [7, 1]), ([5], [8, 9, 1])])
    assert ids.tolist() == [[5, 6, 7, 1], [5, 8, 9, 1]]
    ignored = seed.IGNORED
    assert labels.tolist() == [[ignored, 7, 1, ignored], [8, 9, 1, ignored]]


def test_curriculum_holds_no_problem_of_another_split() -> None:
    curriculum = seed.Curriculum(seed.build_tokenizer(), seed=0)
    batch = next(curriculum.batches({("chain", 2): 1.0}))
    problems = [TOKENIZER.decode(prompt).partition("\n")[0] for prompt, _ in batch]
    problems = [p.removeprefix("judge ").removeprefix("revise ") for p in problems]
    assert {ENV.pose(problem).task.split for problem in problems} == {"train"}
    assert max(len(p) + len(c) for p, c in batch) * len(batch) <= seed.BATCH_TOKENS


def test_training_repeats_bit_for_bit_and_learns() -> None:
    def losses() -> tuple[float, float]:
        tokenizer = seed.build_tokenizer()
        model = seed.build_model(tokenizer, 0)
        sample = next(seed.Curriculum(tokenizer, 1).batches(seed.PRIMITIVES))
        before = seed._loss(model, *seed._tensors(sample)).item()
        phase = seed.Phase(8_000, seed.PRIMITIVES, 0.5, 0.5)
        seed.train(model, seed.Curriculum(tokenizer, 0), [phase])
        return before, seed._loss(model, *seed._tensors(sample)).item()

    before, after = losses()
    assert after < 0.8 * before
    assert losses() == (before, after)
