import math
from pathlib import Path

import pytest
import torch

from cladeflow.errors import CladeflowError
from cladeflow.fine_tune import Sft, TrainSettings
from cladeflow.fine_tune.trainer import Run, train
from cladeflow.models.loading import load_model
from cladeflow.records import SftExample, Step


def example(index: int, length: int, train: float = 1.0) -> SftExample:
    ids = torch.randint(32, (length,), generator=torch.Generator().manual_seed(index)).tolist()
    steps = (Step(i=0, text="", tokens=tuple(ids[2:]), train=train),)
    return SftExample(prompt=tuple(ids[:2]), steps=steps, weight=1 + index % 2)


EXAMPLES = [example(i, length) for i, length in enumerate((4, 21, 9, 13, 5, 30, 8))]


def settings(**changes: object) -> TrainSettings:
    values = {"learning_rate": 0.01, "token_batch": 1000, "seed": "s", **changes}
    return TrainSettings.model_validate(values)


def gradient(model_dir: Path, given: TrainSettings) -> tuple[float, torch.Tensor]:
    model = load_model(model_dir, dtype="float32", device="cpu")
    groups = [Sft().sequences(one, None) for one in EXAMPLES]
    loss, _ = Run(model, groups, Sft(), given).accumulate(groups)
    return loss, torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("layout", ["packed", "padded"])
@pytest.mark.parametrize("micro_tokens", [1, 25, 1000])
def test_the_step_does_not_depend_on_how_it_is_cut(
    model_dir: Path, layout: str, micro_tokens: int
) -> None:
    expected, gradients = gradient(model_dir, settings(layout="padded", micro_tokens=10**6))
    loss, found = gradient(model_dir, settings(layout=layout, micro_tokens=micro_tokens))
    assert loss == pytest.approx(expected, rel=1e-5)
    torch.testing.assert_close(found, gradients, rtol=1e-4, atol=1e-5)


def test_loss_of_a_uniform_model_is_the_log_of_its_vocabulary(model_dir: Path) -> None:
    model = load_model(model_dir, dtype="float32", device="cpu")
    torch.nn.init.zeros_(model.get_output_embeddings().weight)
    model.save_pretrained(model_dir)
    unit = [one.model_copy(update={"weight": 1.0}) for one in EXAMPLES]
    result = train(model_dir, unit, Sft(), settings(), model_dir.parent / "out")
    assert result.loss_first == pytest.approx(math.log(32), rel=1e-6)
    assert (result.steps, result.tokens, result.loss_tokens) == (1, 90, 90 - 2 * 7)


def test_the_normaliser_counts_tokens_not_weights(model_dir: Path) -> None:
    half = [one.model_copy(update={"weight": one.weight / 2}) for one in EXAMPLES]
    whole = train(model_dir, EXAMPLES, Sft(), settings(), model_dir.parent / "out")
    result = train(model_dir, half, Sft(), settings(), model_dir.parent / "out")
    assert result.loss_first == pytest.approx(whole.loss_first / 2, rel=1e-5)


def test_bfloat16_computes_nearly_the_same_and_saves_bfloat16(model_dir: Path) -> None:
    out = model_dir.parent / "out"
    exact = train(model_dir, EXAMPLES, Sft(), settings(), out)
    rough = train(model_dir, EXAMPLES, Sft(), settings(dtype="bfloat16"), out)
    assert rough.loss_first != exact.loss_first
    assert rough.loss_first == pytest.approx(exact.loss_first, rel=0.05)
    assert load_model(out, dtype="bfloat16", device="cpu").config.dtype == torch.bfloat16


def test_long_sequences_are_cut_and_counted(model_dir: Path) -> None:
    result = train(model_dir, EXAMPLES, Sft(), settings(max_length=10), model_dir.parent / "out")
    assert result.truncated == 3
    assert result.tokens == 4 + 10 + 9 + 10 + 5 + 10 + 8


def test_examples_without_a_loss_token_are_counted(model_dir: Path) -> None:
    given = [*EXAMPLES, example(9, 5, train=0.0)]
    assert train(model_dir, given, Sft(), settings(), model_dir.parent / "out").skipped == 1
    with pytest.raises(CladeflowError, match="none of 1 examples"):
        train(model_dir, given[-1:], Sft(), settings(), model_dir.parent / "out")


def test_a_run_that_diverges_stops_with_advice(model_dir: Path) -> None:
    given = settings(learning_rate=1e30, token_batch=20, epochs=3, warmup_ratio=0)
    with pytest.raises(CladeflowError, match=r"training step \d+.*lower training.learning_rate"):
        train(model_dir, EXAMPLES, Sft(), given, model_dir.parent / "out")


def test_tokenizer_files_are_carried_over(model_dir: Path) -> None:
    (model_dir / "tokenizer.json").write_text("{}")
    out = train(model_dir, EXAMPLES, Sft(), settings(), model_dir.parent / "out").model
    assert (out / "tokenizer.json").read_text() == "{}"
    assert "attn" not in (out / "config.json").read_text()
