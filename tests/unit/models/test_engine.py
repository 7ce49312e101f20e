from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from cladeflow.errors import ModelError
from cladeflow.models import Completion, Request, Sampling
from cladeflow.models.loading import model_digest
from cladeflow.models.transformers_engine import TransformersEngine
from tests.tiny_models import ARCHITECTURES, END, save_tiny_model

GREEDY = Sampling(temperature=0, max_tokens=24)


@pytest.fixture(scope="module")
def directories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: save_tiny_model(root / name, name) for name in ARCHITECTURES}


@pytest.fixture(scope="module")
def engine(directories: dict[str, Path]) -> Iterator[TransformersEngine]:
    engine = TransformersEngine(directories["llama"])
    yield engine
    engine.close()


def contexts(n: int, seed: int = 0) -> list[list[int]]:
    rng = Random(seed)
    return [[rng.randrange(3, 50) for _ in range(rng.randrange(1, 30))] for _ in range(n)]


def finish(
    engine: TransformersEngine, futures: Sequence[Future[list[Completion]]]
) -> list[list[Completion]]:
    while not all(future.done() for future in futures):
        engine.pump()
    return [future.result() for future in futures]


def sample(engine: TransformersEngine, *requests: Request) -> list[list[Completion]]:
    return finish(engine, engine.submit(requests))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_greedy_is_generate_token_for_token(
    directories: dict[str, Path], architecture: str
) -> None:
    engine = TransformersEngine(directories[architecture], max_rows=8)
    model = AutoModelForCausalLM.from_pretrained(directories[architecture])
    prompts = contexts(12)
    found = sample(engine, *(Request(p, GREEDY, str(i)) for i, p in enumerate(prompts)))
    for prompt, [completion] in zip(prompts, found, strict=True):
        out = model.generate(
            torch.tensor([prompt]), do_sample=False, max_new_tokens=24, pad_token_id=0
        )
        assert list(completion.tokens) == out[0, len(prompt) :].tolist()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_log_probabilities_are_those_of_a_plain_forward_pass(
    directories: dict[str, Path], architecture: str
) -> None:
    engine = TransformersEngine(directories[architecture])
    model = AutoModelForCausalLM.from_pretrained(directories[architecture])
    sampling = Sampling(temperature=0.7, top_p=0.9, max_tokens=20)
    prompts = contexts(6)
    found = sample(engine, *(Request(p, sampling, str(i), 2) for i, p in enumerate(prompts)))
    pairs = [(p, c) for p, completions in zip(prompts, found, strict=True) for c in completions]
    scores = engine.score([p for p, _ in pairs], [c.tokens for _, c in pairs])
    for (prompt, completion), score in zip(pairs, scores, strict=True):
        ids = torch.tensor([prompt + list(completion.tokens)])
        logits = model(ids).logits[0, len(prompt) - 1 : -1].float()
        at = torch.tensor(completion.tokens)[:, None]
        warm = (logits / 0.7).log_softmax(-1).gather(1, at)[:, 0].tolist()
        plain = logits.log_softmax(-1).gather(1, at)[:, 0].tolist()
        assert list(completion.logp) == pytest.approx(warm, abs=1e-4)
        assert score == pytest.approx(plain, abs=1e-4)


def test_score_is_the_log_probability_at_temperature_one(engine: TransformersEngine) -> None:
    [[completion]] = sample(engine, Request([5, 6, 7], Sampling(max_tokens=30), "k"))
    [score] = engine.score([[5, 6, 7]], [completion.tokens])
    assert list(completion.logp) == pytest.approx(score, abs=1e-4)


def test_score_does_not_depend_on_padding_or_order(engine: TransformersEngine) -> None:
    prompts, answers = contexts(9, seed=1), contexts(9, seed=2)
    together = engine.score(prompts, answers)
    alone = [engine.score([p], [a])[0] for p, a in zip(prompts, answers, strict=True)]
    assert [len(s) for s in together] == [len(a) for a in answers]
    for a, b in zip(together, alone, strict=True):
        assert a == pytest.approx(b, abs=1e-5)


def test_tokens_do_not_depend_on_batch_order_or_arrival(engine: TransformersEngine) -> None:
    sampling = Sampling(top_p=0.95, max_tokens=30)
    requests = [Request(p, sampling, f"key {i}", 3) for i, p in enumerate(contexts(10))]
    together = sample(engine, *requests)
    alone = [sample(engine, request)[0] for request in requests]
    late = engine.submit(requests[5:])
    engine.pump()
    reverse = finish(engine, [*engine.submit(requests[:5][::-1])[::-1], *late])
    tokens = [[c.tokens for c in completions] for completions in together]
    assert tokens == [[c.tokens for c in completions] for completions in alone]
    assert tokens == [[c.tokens for c in completions] for completions in reverse]


def test_tokens_do_not_depend_on_the_room_there_is(directories: dict[str, Path]) -> None:
    """A narrow batch makes rows wait, move and join others halfway; a small cache too."""
    requests = [
        Request(p, Sampling(max_tokens=4 + 5 * i), f"key {i}", 3)
        for i, p in enumerate(contexts(12))
    ]
    wide = sample(TransformersEngine(directories["llama"]), *requests)
    narrow = sample(TransformersEngine(directories["llama"], max_rows=5), *requests)
    small = sample(TransformersEngine(directories["llama"], cache_gib=2e-4), *requests)
    assert [[c.tokens for c in cs] for cs in wide] == [[c.tokens for c in cs] for cs in narrow]
    assert [[c.tokens for c in cs] for cs in wide] == [[c.tokens for c in cs] for cs in small]


def test_samples_differ_and_share_one_reading_of_the_prompt(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Any] = []
    original = engine._read
    monkeypatch.setattr(engine, "_read", lambda p: (read.extend(p), original(p))[1])
    prompt = contexts(1, seed=5)[0] * 2
    [completions] = sample(engine, Request(prompt, Sampling(max_tokens=12), "k", 16))
    assert read == [tuple(prompt[:-1])]
    assert len({c.tokens for c in completions}) > 8


def test_keys_decide(engine: TransformersEngine) -> None:
    keys = ["a", "b"]
    one, other = sample(engine, *(Request([9, 9], Sampling(max_tokens=20), k) for k in keys))
    [again] = sample(engine, Request([9, 9], Sampling(max_tokens=20), "a"))
    assert one[0].tokens == again[0].tokens != other[0].tokens


def test_end_token_ends_and_is_not_shown(engine: TransformersEngine) -> None:
    found = sample(engine, Request([4, 8], Sampling(max_tokens=200), "end", 40))[0]
    ended = [c for c in found if c.finish == "stop"]
    assert ended
    for completion in ended:
        assert completion.tokens.index(END) == len(completion.tokens) - 1
        assert "</s>" not in completion.text
    assert all(len(c.logp) == len(c.tokens) for c in found)


def test_max_tokens_and_finish_length(engine: TransformersEngine) -> None:
    found = sample(engine, Request([4, 8], Sampling(max_tokens=3), "short", 20))[0]
    assert {len(c.tokens) for c in found if c.finish == "length"} == {3}
    assert all(c.tokens[-1] == END for c in found if c.finish == "stop")


@pytest.mark.parametrize("stop", ["a", "##", "a9", "the", "\n"])
def test_stop_strings_end_a_completion_wherever_tokens_begin(
    engine: TransformersEngine, stop: str
) -> None:
    """Without the stop string, the same draws show where it would first have been complete."""
    free = sample(engine, Request([20, 21], Sampling(max_tokens=150), "s", 48))[0]
    held = sample(engine, Request([20, 21], Sampling(max_tokens=150, stop=(stop,)), "s", 48))[0]
    assert any(stop in c.text for c in free)
    for a, b in zip(free, held, strict=True):
        texts = [engine.tokenizer.decode(a.tokens[: i + 1]) for i in range(len(a.tokens))]
        end = next((i for i, text in enumerate(texts) if stop in text), None)
        assert b.tokens == (a.tokens if end is None else a.tokens[: end + 1])
        assert (stop in b.text) == (end is not None)
        assert end is None or b.finish == "stop"


def test_the_models_context_limits_a_completion(engine: TransformersEngine) -> None:
    prompt = [7] * 250
    [found] = sample(engine, Request(prompt, Sampling(max_tokens=99), "k", 9))
    assert max(len(c.tokens) for c in found) == 6


def test_a_context_that_does_not_fit_is_refused(engine: TransformersEngine) -> None:
    with pytest.raises(ModelError, match="256"):
        engine.submit([Request([7] * 256, GREEDY, "k")])
    with pytest.raises(ModelError, match="empty"):
        engine.submit([Request([], GREEDY, "k")])


def test_cancelled_requests_leave(engine: TransformersEngine) -> None:
    gone, stays = engine.submit(
        [
            Request([4, 8], Sampling(max_tokens=200), "gone", 8),
            Request([4, 9], Sampling(max_tokens=5), "stays", 2),
        ]
    )
    gone.cancel()
    finish(engine, [stays])
    engine.pump()
    assert engine._batch.n == 0


def test_swap_changes_what_is_sampled_and_back(
    directories: dict[str, Path], tmp_path: Path
) -> None:
    engine = TransformersEngine(directories["llama"])
    request = Request([5, 6], Sampling(max_tokens=20), "k", 4)
    before, digest = sample(engine, request), engine.model_digest
    other = save_tiny_model(tmp_path / "other", seed=1)
    engine.swap(other, model_digest(other))
    assert engine.model_digest == model_digest(other) != digest
    assert sample(engine, request) == sample(TransformersEngine(other), request) != before
    engine.swap(directories["llama"], digest)
    assert sample(engine, request) == before


def test_swap_refuses_another_architecture_and_leaves_the_model(
    directories: dict[str, Path], tmp_path: Path
) -> None:
    engine = TransformersEngine(directories["llama"])
    request = Request([5, 6], Sampling(max_tokens=20), "k")
    before = sample(engine, request)
    wider = save_tiny_model(tmp_path / "wider", intermediate_size=128)
    for wrong in (wider, directories["gpt_neox"]):
        with pytest.raises(ModelError, match="architecture"):
            engine.swap(wrong, "digest")
    assert sample(engine, request) == before


def test_tied_weights_are_swapped_too(tmp_path: Path) -> None:
    one, other = (
        save_tiny_model(tmp_path / str(i), seed=i, tie_word_embeddings=True) for i in (0, 1)
    )
    engine = TransformersEngine(one)
    engine.swap(other, "other")
    request = Request([5, 6], Sampling(max_tokens=20), "k")
    assert sample(engine, request) == sample(TransformersEngine(other), request)


def test_bfloat16_runs_and_agrees_roughly(directories: dict[str, Path]) -> None:
    engine = TransformersEngine(directories["llama"], dtype="bfloat16")
    prompts = contexts(5)
    requests = [Request(p, Sampling(max_tokens=20), str(i), 2) for i, p in enumerate(prompts)]
    for prompt, completions in zip(prompts, sample(engine, *requests), strict=True):
        for completion in completions:
            [score] = engine.score([prompt], [completion.tokens])
            assert list(completion.logp) == pytest.approx(score, abs=0.25)
