"""Models as users bring them: decoding, training and a whole generation on each."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from cladeflow.fine_tune import Sft, TokenSequence
from cladeflow.fine_tune.policy import Policy
from cladeflow.fine_tune.settings import Layout
from cladeflow.models import Request, Sampling
from cladeflow.models.binding import prompt_kind
from cladeflow.models.loading import check_model
from cladeflow.models.transformers_engine import TransformersEngine
from cladeflow.store import LocalStore, directory_ref
from tests.bpe_models import ARCHITECTURES, save_bpe_model
from tests.command_line import cladeflow
from tests.task_lines import sums, write_lines

KINDS = [(name, chat, not chat) for name in ARCHITECTURES for chat in (True, False)]
"""Architecture, chat template, tied embeddings."""
TEXTS = [line["question"] + line["answer"] for line in sums(60)]
CLONE = """
name: clone
environments: [reasoning]
task_synthesis: demos
rollout: none
fine_tune: {build: positives, objective: sft}
evaluate: {benchmark_suite: {tasks: 4, samples: 1, k: 1}}
promote: always
"""
SMALL = ("scale.tasks=8", "scale.shard=4", "scale.max_tokens=24", "scale.training.token_batch=256")


@pytest.fixture(scope="module", params=KINDS, ids=str)
def own(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    architecture, chat, tied = request.param
    root = tmp_path_factory.mktemp(architecture)
    return save_bpe_model(root / "own", TEXTS, architecture, chat=chat, tied=tied)


def test_it_is_accepted_as_what_it_is(own: Path, tmp_path: Path) -> None:
    check_model(own)
    chat = (own / "chat_template.jinja").exists()
    assert prompt_kind(LocalStore(tmp_path), directory_ref(own)) == ("chat" if chat else "base")


def test_it_decodes_what_generate_does(own: Path) -> None:
    engine, model = TransformersEngine(own), AutoModelForCausalLM.from_pretrained(own)
    prompts = [engine.tokenizer.encode_prompt(text) for text in (TEXTS[0], "Ann", TEXTS[7])]
    sampling = Sampling(temperature=0, max_tokens=12)
    futures = engine.submit([Request(p, sampling, str(i)) for i, p in enumerate(prompts)])
    while not all(future.done() for future in futures):
        engine.pump()
    for prompt, future in zip(prompts, futures, strict=True):
        ids = torch.tensor([prompt])
        out = model.generate(ids, do_sample=False, max_new_tokens=12, pad_token_id=0)
        assert list(future.result()[0].tokens) == out[0, len(prompt) :].tolist()


def test_packed_and_padded_losses_are_equal(own: Path) -> None:
    engine = TransformersEngine(own)
    rows = [engine.tokenizer.encode(text) for text in TEXTS[:6]]
    groups = [(TokenSequence(tuple(ids), (0.0, *[1.0] * (len(ids) - 1)), {}, {"weight": 1.0}),)
              for ids in rows]  # fmt: skip
    packed, padded = (_loss(own, layout, groups) for layout in ("packed", "padded"))
    torch.testing.assert_close(packed, padded, rtol=1e-5, atol=1e-4)


def _loss(own: Path, layout: Layout, groups: Sequence[tuple[TokenSequence]]) -> torch.Tensor:
    model = AutoModelForCausalLM.from_pretrained(own, dtype=torch.float32)
    policy = Policy(model, dtype="float32", layout=layout)
    batch = policy.micro_batch(groups)
    return Sft().loss(policy.logp(batch), batch.loss_tokens).detach()


@pytest.mark.parametrize("own", KINDS[::3], ids=str, indirect=True)
def test_it_learns_from_a_files_worked_answers(own: Path, tmp_path: Path) -> None:
    """One generation: posing, demonstrations, training, evaluation of child and parent."""
    recipe, home = tmp_path / "clone.yaml", tmp_path / "home"
    recipe.write_text(CLONE)
    tasks = write_lines(tmp_path / "sums.jsonl", sums(60))
    ran = cladeflow(
        *("evolve", recipe, "--model", own, "--tasks", tasks, "--home", home, "--generations", 1),
        *(part for setting in SMALL for part in ("--set", setting)),
    )
    assert ran.code == 0, ran.err
    assert "promoted" in ran.out and "nothing was solved" in ran.out
    [child] = home.glob("store/generations/1/0/*/fine_tune.0/*/*/model")
    check_model(child)
    before, after = (AutoModelForCausalLM.from_pretrained(path) for path in (own, child))
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in pairs)
