"""The profile over families against numbers computed by hand."""

import numpy as np
import pytest

from cladeflow.evaluate.profile import profile_deltas, worst_decile
from cladeflow.evaluate.scores import Scores


def scores(**families: list[float]) -> Scores:
    values = np.concatenate([np.array(v, dtype=np.float64) for v in families.values()])
    names = np.repeat(list(families), [len(v) for v in families.values()])
    return Scores(
        suite="frontier",
        split="heldout",
        budget=64,
        tasks=tuple(map(str, range(len(values)))),
        envs=np.repeat(["env"], len(values)),
        families=names,
        metrics={"accuracy": values},
    )


def changes(child: Scores, incumbent: Scores) -> dict[str, tuple[float, float, float]]:
    found = profile_deltas(child, incumbent, "accuracy", confidence=0.95, key="k")
    return {d.metric: (d.delta, d.lo, d.hi) for d in found}


def test_worst_decile_by_hand() -> None:
    assert worst_decile(np.array([0.5, 0.1, 0.9])) == 0.1
    assert worst_decile(np.arange(11.0)) == 0.5  # two of eleven
    assert worst_decile(np.array([[1.0, 2.0], [4.0, 3.0]])).tolist() == [1, 3]


def test_families_weigh_alike_whatever_their_scale_and_size() -> None:
    """Rewards up to 1000 in a, from 2/4 to 4/4 on its scale; shares in b, from 2/2 to 1/2."""
    child = scores(a=[1000.0] * 4, b=[1.0, 0.0])
    incumbent = scores(a=[1000.0, 1000, 0, 0], b=[1.0, 1.0])
    found = changes(child, incumbent)
    assert found["mean_family"][0] == pytest.approx((0.5 - 0.5) / 2)
    assert found["worst_decile"][0] == pytest.approx(min(1, 0.5) - min(0.5, 1))


def test_a_higher_mean_does_not_hide_a_family_that_fell_to_nothing() -> None:
    child = scores(a=[1.0] * 80 + [0.0] * 20, b=[0.0] * 100, c=[1.0] * 90 + [0.0] * 10)
    incumbent = scores(a=[1.0] * 30 + [0.0] * 70, b=[1.0, 0.0] * 25 + [0.0] * 50, c=[1.0, 0.0] * 50)
    found = changes(child, incumbent)
    assert found["mean_family"][0] > 0.15
    assert found["worst_decile"][2] < 0
    assert found["median_family"][1] > 0


def test_equal_agents_leave_width_and_unchecked_families_are_left_out() -> None:
    same = scores(a=[1.0] * 50, b=[np.nan] * 5)
    (delta, lo, hi) = changes(same, same)["mean_family"]
    assert delta == 0 and lo < 0 < hi
    assert (
        profile_deltas(scores(a=[np.nan]), scores(a=[1.0]), "accuracy", confidence=0.9, key="")
        == ()
    )
