"""Micro-batches side by side: the same step, in the same order, on one core each."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from cladeflow.fine_tune import Dpo, Sft, TrainSettings
from cladeflow.fine_tune.lanes import MOST, SMALL, Lanes
from cladeflow.fine_tune.trainer import Run
from cladeflow.models.loading import load_model
from cladeflow.records import PreferenceExample, SftExample, Step


@pytest.fixture(params=[2, 3])
def cores(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def settings(**changes: object) -> TrainSettings:
    values = {"learning_rate": 0.01, "token_batch": 60, "seed": "s", **changes}
    return TrainSettings.model_validate(values)


def example(index: int) -> SftExample:
    length = 4 + 7 * index % 11
    ids = torch.randint(32, (length,), generator=torch.Generator().manual_seed(index)).tolist()
    return SftExample(prompt=tuple(ids[:2]), steps=(Step(i=0, text="", tokens=tuple(ids[2:])),))


PAIRS = [
    PreferenceExample(
        prompt=(1, n),
        chosen=(Step(i=0, text="", tokens=(n, n + 1)),),
        rejected=(Step(i=0, text="", tokens=(n + 2,)),),
    )
    for n in range(3, 20)
]


def sft(model_dir: Path, **changes: object) -> Run:
    model = load_model(model_dir, dtype="float32", device="cpu")
    groups = [Sft().sequences(example(index), None) for index in range(40)]
    return Run(model, groups, Sft(), settings(**changes))


def weights(run: Run) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in run.policy.model.parameters()])


def gradients(run: Run) -> torch.Tensor:
    return torch.cat(
        [p.grad.flatten() for p in run.policy.model.parameters() if p.grad is not None]
    )


def test_a_lane_has_one_core_and_every_other_thread_what_it_had(cores: int) -> None:
    lanes, later = Lanes(cores), []
    assert set(lanes.map(lambda _: torch.get_num_threads(), range(20))) == {1}
    assert torch.get_num_threads() == cores
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert later == [cores]


def test_results_come_in_order_and_few_are_under_way(cores: int) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(30):
            taken.append(item)
            yield item

    for place, result in enumerate(Lanes(cores).map(lambda item: item * item, items())):
        assert result == place * place
        assert len(taken) <= place + 1 + cores


def test_one_lane_is_the_thread_that_asks() -> None:
    found = list(Lanes(1).map(lambda _: threading.current_thread(), range(3)))
    assert found == [threading.current_thread()] * 3


def test_what_fails_in_a_lane_fails_where_it_is_asked_for(cores: int) -> None:
    found = Lanes(cores).map(lambda n: 6 // n, [3, 2, 0, 1])
    assert [next(found), next(found)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(found)


def test_small_models_get_a_lane_for_each_core() -> None:
    before = torch.get_num_threads()
    small, large = nn.Linear(8, 8), nn.Linear(SMALL, 1)
    try:
        torch.set_num_threads(MOST + 2)
        assert Lanes.of(small).count == MOST
        assert Lanes.of(large).count == 1
        assert Lanes.of(nn.Linear(8, 8, device="meta")).count == 1
        torch.set_num_threads(1)
        assert Lanes.of(small).count == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_run_in_lanes_is_the_run_on_one_core(model_dir: Path, cores: int, dtype: str) -> None:
    beside = sft(model_dir, micro_tokens=20 * cores, dtype=dtype)
    assert beside.policy.lanes.count == cores
    torch.set_num_threads(1)
    alone = sft(model_dir, micro_tokens=20, dtype=dtype)
    assert alone.policy.lanes.count == 1
    assert beside.accumulate(beside.groups) == alone.accumulate(alone.groups)
    assert torch.equal(gradients(beside), gradients(alone))
    for run in (alone, beside):
        run.optimiser.step(0)
        run.go(None)
    assert torch.equal(weights(beside), weights(alone))
    assert beside.totals == alone.totals


def test_however_it_is_cut_a_run_in_lanes_gives_the_same_weights_every_time(
    model_dir: Path, cores: int
) -> None:
    runs = [sft(model_dir) for _ in range(2)]
    for run in runs:
        run.go(None)
    assert torch.equal(weights(runs[0]), weights(runs[1]))
    assert runs[0].totals == runs[1].totals


def test_references_and_distances_are_worked_out_in_lanes_too(model_dir: Path, cores: int) -> None:
    def made() -> Run:
        model = load_model(model_dir, dtype="float32", device="cpu")
        groups = [Dpo().sequences(pair, None) for pair in PAIRS]
        return Run(model, groups, Dpo(), settings())

    beside = made()
    beside.refer(None)
    torch.set_num_threads(1)
    alone = made()
    alone.refer(None)
    for run in (alone, beside):
        run.go(None)
    assert beside.totals.loss_last == pytest.approx(alone.totals.loss_last, rel=1e-4)
    assert beside.totals.kl == pytest.approx(alone.totals.kl, rel=1e-3)
    torch.testing.assert_close(weights(beside), weights(alone), rtol=1e-3, atol=1e-4)


def test_a_parameter_without_a_part_in_the_loss_keeps_no_gradient(
    model_dir: Path, cores: int
) -> None:
    run = sft(model_dir)
    idle = nn.Parameter(torch.zeros(3))
    run.optimiser.parameters.append(idle)
    run.accumulate(run.groups)
    assert idle.grad is None
