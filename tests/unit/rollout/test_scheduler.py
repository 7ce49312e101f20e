import asyncio
from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any

import pytest

from cladeflow.models import Completion, Request, Sampling
from cladeflow.models.transformers_engine import TransformersEngine
from cladeflow.rollout.scheduler import Scheduler

SHORT = Sampling(max_tokens=6)


def request(key: str, max_tokens: int = 6) -> Request:
    return Request([5, 6, 7], Sampling(max_tokens=max_tokens), key)


async def chain(
    scheduler: Scheduler, engine: TransformersEngine, name: str, naps: int = 0
) -> list[Completion]:
    """Three requests in a row, each continuing what came before it."""
    ids, made = [5, 6], []
    for turn in range(3):
        for _ in range(naps):
            await asyncio.sleep(0)
        asked = Request(tuple(ids), SHORT, f"{name}/{turn}")
        made.append((await scheduler.request(engine, asked))[0])
        ids += made[-1].tokens
    return made


class Log:
    """The keys of each submission between two pumps."""

    def __init__(self, engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[list[str]] = [[]]
        submit, pump = engine.submit, engine.pump

        def logged_submit(requests: Sequence[Request]) -> Any:
            self.batches[-1] += [request.key for request in requests]
            return submit(requests)

        def logged_pump() -> None:
            self.batches.append([])
            pump()

        monkeypatch.setattr(engine, "submit", logged_submit)
        monkeypatch.setattr(engine, "pump", logged_pump)


def test_batches_and_results_do_not_depend_on_who_runs_first(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit of every log-probability."""
    found = []
    for seed in range(3):
        log, scheduler, rng = Log(engine, monkeypatch), Scheduler(), Random(seed)
        names = [f"{i:02}" for i in range(12)]
        rng.shuffle(names)
        chains = [chain(scheduler, engine, name, rng.randrange(4)) for name in names]
        found.append((log.batches, dict(zip(names, scheduler.run(chains), strict=True))))
        monkeypatch.undo()
    assert found[0] == found[1] == found[2]
    assert len(found[0][0][0]) == 12, "all are asked before anything is decoded"


def test_requests_join_the_running_batch(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler()
    sizes: list[int] = []
    step = engine._step
    monkeypatch.setattr(engine, "_step", lambda: (sizes.append(engine._batch.n), step())[1])

    async def long() -> None:
        await scheduler.request(engine, request("long", max_tokens=60))

    async def short() -> None:
        for i in range(3):
            await scheduler.request(engine, request(f"short {i}"))

    scheduler.run([long(), short()])
    assert sizes.count(2) >= 6
    assert len(sizes) <= 60


def test_gather_nests_and_keeps_order(engine: TransformersEngine) -> None:
    scheduler = Scheduler()

    async def leaf(name: str) -> str:
        await scheduler.request(engine, request(name))
        return name

    async def branch(name: str) -> list[str]:
        found = await scheduler.gather(*(leaf(f"{name}{i}") for i in range(3)))
        return [*found, *await scheduler.gather(), await leaf(f"{name} after")]

    found = scheduler.run([branch("a"), branch("b")])
    assert found == [[f"{name}0", f"{name}1", f"{name}2", f"{name} after"] for name in "ab"]


def test_two_engines_in_one_episode(engine: TransformersEngine, tmp_path: Any) -> None:
    from tests.tiny_models import save_tiny_model

    other = TransformersEngine(save_tiny_model(tmp_path, seed=1))
    scheduler = Scheduler()

    async def both(name: str) -> list[list[Completion]]:
        return await scheduler.gather(
            scheduler.request(engine, request(f"{name} one")),
            scheduler.request(other, request(f"{name} two")),
        )

    found = scheduler.run([both("a"), both("b")])
    assert [[completions[0].tokens for completions in pair] for pair in found] == [
        [solo(e, request(f"{name} {which}")) for e, which in ((engine, "one"), (other, "two"))]
        for name in "ab"
    ]


def solo(engine: TransformersEngine, asked: Request) -> tuple[int, ...]:
    [future] = engine.submit([asked])
    engine.pump()
    return future.result()[0].tokens


def test_an_exception_cancels_the_others_and_frees_the_engine(engine: TransformersEngine) -> None:
    scheduler = Scheduler()
    ended: list[str] = []

    async def patient() -> None:
        try:
            await scheduler.request(engine, request("patient", max_tokens=200))
        finally:
            ended.append("patient")

    async def poison() -> None:
        await scheduler.request(engine, request("poison"))
        raise ValueError("poison")

    with pytest.raises(ValueError, match="poison"):
        scheduler.run([patient(), poison(), patient_chain(scheduler, engine)])
    assert ended == ["patient"]
    engine.pump()
    assert engine._batch.n == 0
    assert scheduler.run([chain(scheduler, engine, "afterwards")])


async def patient_chain(scheduler: Scheduler, engine: TransformersEngine) -> None:
    await scheduler.gather(*(chain(scheduler, engine, f"p{i}") for i in range(2)))


@pytest.mark.parametrize("late", [False, True])
def test_a_caught_exception_leaves_the_scheduler_in_step(
    engine: TransformersEngine, late: bool
) -> None:
    """Whether the failing one ended before its siblings had begun, or while they waited."""
    scheduler = Scheduler()

    async def fails() -> None:
        if late:
            await scheduler.request(engine, request("fails"))
        raise ValueError("caught")

    async def episode() -> list[Completion]:
        waiting: list[Coroutine[Any, Any, Any]] = [
            scheduler.request(engine, request(f"sibling {i}", max_tokens=99)) for i in range(3)
        ]
        with pytest.raises(ValueError, match="caught"):
            await scheduler.gather(fails(), *waiting)
        return await chain(scheduler, engine, "after")

    [found] = scheduler.run([episode()])
    assert len(found) == 3
    assert scheduler._live == 1, "the caller of run alone"


def test_a_key_seeds_one_request_only(engine: TransformersEngine) -> None:
    scheduler = Scheduler()
    with pytest.raises(RuntimeError, match="two requests with the key 'same'"):
        scheduler.run([scheduler.request(engine, request("same")) for _ in range(2)])


def test_concurrency_behind_the_schedulers_back_is_refused(engine: TransformersEngine) -> None:
    scheduler = Scheduler()

    async def episode() -> None:
        await asyncio.gather(*(scheduler.request(engine, request(f"{i}")) for i in range(2)))

    with pytest.raises(RuntimeError, match="use its gather"):
        scheduler.run([episode()])


def test_a_failing_engine_fails_what_it_was_asked(
    engine: TransformersEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise MemoryError("no room")

    scheduler = Scheduler()
    monkeypatch.setattr(engine, "pump", broken)
    with pytest.raises(MemoryError, match="no room"):
        scheduler.run([chain(scheduler, engine, str(i)) for i in range(3)])
    monkeypatch.undo()
    engine.pump()
