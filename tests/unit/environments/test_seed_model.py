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
from cladeflow.models.engine import Request, Sampling
from cladeflow.models.transformers_engine import TransformersEngine

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


def judged(family: str, level: int, n: int) -> float:
    """Share of attempts, half of them wrong, whose first wrong line the model names."""
    engine = TransformersEngine(SHIPPED)
    posed = ENV.judge_tasks(family=family, level=level, split="dev", n=n, seed=0)
    sampling = Sampling(temperature=0, max_tokens=64)
    futures = engine.submit(
        [
            Request(engine.tokenizer.encode(f"{task.prompt[0].text}\n"), sampling, str(i))
            for i, (task, _) in enumerate(posed)
        ]
    )
    while not all(future.done() for future in futures):
        engine.pump()
    answers = [ENV.answer(future.result()[0].text) for future in futures]
    return sum(a == gold.value for a, (_, gold) in zip(answers, posed, strict=True)) / n


def test_the_judge_is_better_than_chance() -> None:
    assert judged("chain", 3, n=60) > 0.7


def test_tensors_weigh_the_next_tokens_of_completions() -> None:
    batch = [seed.Example([5, 6], [7, 1], [2.0, 1.0]), seed.Example([5], [8, 9, 1], [1.0] * 3)]
    ids, labels, weights = seed._tensors(batch)
    assert ids.tolist() == [[5, 6, 7, 1], [5, 8, 9, 1]]
    assert labels.tolist() == [[0, 7, 1, 0], [8, 9, 1, 0]]
    assert weights.tolist() == [[0, 2, 1, 0], [1, 1, 1, 0]]


def test_the_loss_is_the_weighted_mean_of_cross_entropies() -> None:
    model = seed.build_model(seed.build_tokenizer(), 0)
    one, other = seed.Example([5], [7], [3.0]), seed.Example([6], [8], [1.0])
    alone = [seed._loss(model, seed._tensors([example])).item() for example in (one, other)]
    both = seed._loss(model, seed._tensors([one, other])).item()
    assert both == pytest.approx((3 * alone[0] + alone[1]) / 4)


def test_a_judge_is_stressed_from_the_line_that_it_must_right() -> None:
    exercises = (
        seed.Curriculum(seed.build_tokenizer(), i)._exercise("chain", 3) for i in range(200)
    )
    found = [e for e in exercises if e.prompt.startswith("judge ") and "err" in e.stressed]
    assert len(found) > 10
    for prompt, right, stressed in found:
        attempt = prompt.splitlines()[1:-1]
        line, verdict = stressed.splitlines()
        k = int(verdict.removeprefix("err ")) - 1
        assert right.splitlines() == attempt[:k] and line != attempt[k]


def test_curriculum_holds_no_problem_of_another_split() -> None:
    curriculum = seed.Curriculum(seed.build_tokenizer(), seed=0)
    batch = next(curriculum.batches({("chain", 2): 1.0}))
    problems = [TOKENIZER.decode(e.prompt).partition("\n")[0] for e in batch]
    problems = [p.removeprefix("judge ").removeprefix("revise ") for p in problems]
    assert {ENV.pose(problem).task.split for problem in problems} == {"train"}
    assert max(map(seed._length, batch)) * len(batch) <= seed.BATCH_TOKENS


def test_training_repeats_bit_for_bit_and_learns() -> None:
    def losses() -> tuple[float, float]:
        tokenizer = seed.build_tokenizer()
        model = seed.build_model(tokenizer, 0)
        sample = next(seed.Curriculum(tokenizer, 1).batches(seed.PRIMITIVES))
        before = seed._loss(model, seed._tensors(sample)).item()
        phase = seed.Phase(8_000, seed.PRIMITIVES, 0.5, 0.5)
        seed.train(model, seed.Curriculum(tokenizer, 0), [phase])
        return before, seed._loss(model, seed._tensors(sample)).item()

    before, after = losses()
    assert after < 0.8 * before
    assert losses() == (before, after)
