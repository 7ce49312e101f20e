from collections.abc import Sequence

import numpy as np
import pytest

from cladeflow.environments import Reasoning
from cladeflow.errors import CladeflowError
from cladeflow.evaluate import Cell, Suite, SuiteResult
from cladeflow.evaluate.suite import spread
from cladeflow.records import Message, Origin, Step, Task, Trajectory, Usage, Verdict
from cladeflow.records.verdict import Target, Verifier

SUITE = Suite(
    name="s",
    env="reasoning",
    env_digest="0",
    split="heldout",
    cells=(Cell("chain", 2, 2),),
    samples=4,
    temperature=1.0,
    max_tokens=64,
    seed=1,
)


def task(name: str) -> Task:
    return Task(
        env="reasoning",
        family="chain",
        level=2,
        prompt=(Message(role="user", text=name),),
        checker="reasoning",
        origin=Origin(strategy="test"),
    )


def attempt(of: Task, sample: int, answer: str | None, attempt: int = 0) -> Trajectory:
    return Trajectory(
        task_id=of.id,
        agent_id="a",
        steps=(Step(i=0, text=f"{answer}"),),
        answer=answer,
        group=of.id,
        sample=sample,
        attempt=attempt,
        strategy="sample",
        usage=Usage(gen_tokens=10 * (sample + 1), calls=1),
    )


def verdict(of: Trajectory, ok: bool | None, outcome: str = "checked") -> Verdict:
    return Verdict.model_validate(
        {
            "target": Target(id=of.id),
            "value": float(bool(ok)),
            "ok": ok,
            "parts": {"format": float(of.answer is not None)} if outcome == "checked" else {},
            "by": Verifier(strategy="reasoning"),
            "outcome": outcome,
        }
    )


def result(marks: Sequence[str]) -> SuiteResult:
    """One task per string: ``+`` right, ``-`` wrong, ``.`` no answer either, ``?`` unchecked."""
    tasks = [task(str(i)) for i in range(len(marks))]
    pairs = []
    for of, samples in zip(tasks, marks, strict=True):
        for sample, mark in enumerate(samples):
            answer = {"+": "7", "-": f"{sample}0", "?": "7", ".": None}[mark]
            tried = attempt(of, sample, answer)
            outcome = "timeout" if mark == "?" else "checked"
            pairs.append((tried, verdict(tried, None if mark == "?" else mark == "+", outcome)))
    suite = SUITE.model_copy(update={"samples": len(marks[0])})
    return SuiteResult.from_records(suite, tasks, [t for t, _ in pairs], [v for _, v in pairs])


def test_scores_by_hand() -> None:
    found = result(["++--", "+...", "----", "+++?"])
    assert found.accuracy().tolist() == [0.5, 0.25, 0.0, 1.0]
    np.testing.assert_allclose(found.pass_at(2), [1 - 1 / 6, 1 - 3 / 6, 0, 1])
    np.testing.assert_array_equal(found.pass_at(4), [1, 1, 0, np.nan])
    np.testing.assert_array_equal(found.majority_at(4), [1, 1, 0, np.nan])
    assert found.majority_at(3).tolist() == [1, 1, 0, 1]
    assert found.parsed.mean(axis=1).tolist() == [1, 0.25, 1, 1]
    assert found.tokens[0].tolist() == [10, 20, 30, 40]
    assert found.cost.tokens == 400
    assert found.cost.calls == 16


def test_a_failed_check_is_no_evidence() -> None:
    found = result(["??", "?+", "?-"])
    np.testing.assert_array_equal(found.accuracy(), [np.nan, 1, 0])
    assert found.checked.tolist() == [[False, False], [False, True], [False, True]]


def test_the_last_attempt_counts_and_all_attempts_cost() -> None:
    of = task("refined")
    first, last = attempt(of, 0, "1"), attempt(of, 0, "7", attempt=1)
    found = SuiteResult.from_records(
        SUITE.model_copy(update={"samples": 1}),
        [of],
        [last, first],
        [verdict(first, False), verdict(last, True)],
    )
    assert found.answers == (("7",),)
    assert found.correct.tolist() == [[1]]
    assert found.tokens.tolist() == [[20]]


def test_a_missing_sample_is_an_error() -> None:
    of = task("lonely")
    only = attempt(of, 0, "7")
    with pytest.raises(CladeflowError, match="3 of 4 samples are missing"):
        SuiteResult.from_records(SUITE, [of], [only], [verdict(only, True)])


def test_the_hash_follows_every_field() -> None:
    changed = [
        SUITE.model_copy(update={"seed": 2}),
        SUITE.model_copy(update={"env_digest": "1"}),
        SUITE.model_copy(update={"cells": (Cell("chain", 3, 2),)}),
        SUITE.model_copy(update={"temperature": 0.5}),
    ]
    assert len({SUITE.hash, *(suite.hash for suite in changed)}) == 5
    assert SUITE.hash == Suite.model_validate_json(SUITE.model_dump_json()).hash


def test_tasks_spread_evenly() -> None:
    cells = spread(8, {"chain": (5, 6), "addition": (3,)})
    assert cells == (Cell("chain", 5, 3), Cell("chain", 6, 3), Cell("addition", 3, 2))
    assert spread(1, {"chain": (5, 6)}) == (Cell("chain", 5, 1),)


def test_a_suite_poses_its_cells_from_its_split() -> None:
    suite = SUITE.model_copy(update={"cells": (Cell("chain", 3, 4), Cell("addition", 4, 2))})
    posed = [p.task for p in suite.pose(Reasoning())]
    assert [(t.family, t.level) for t in posed] == [("chain", 3)] * 4 + [("addition", 4)] * 2
    assert {t.split for t in posed} == {"heldout"}
