"""Golden digests: whom these selections draw from fixed archives changes only with their version.

If one fails, either undo the change or raise the strategy's ``version`` and renew its digest.
"""

from dataclasses import replace

import pytest

from cladeflow.archive import (
    Best,
    BestOfN,
    CheckpointPool,
    CladeThompson,
    DgmSampling,
    Latest,
    Random,
    Selection,
)
from cladeflow.records import digest
from tests.trees import grown

TREES = [replace(grown(n, 20, seed=n), champion=n // 2) for n in (1, 15, 400)]
CASES: list[tuple[Selection, int, str]] = [
    (Best(), 1, "2b3ac941fbad2391"),
    (BestOfN(), 1, "d021a71da21de626"),
    (CheckpointPool(), 1, "36697c914aafcfc4"),
    (CladeThompson(), 1, "241e91c5a9d70fc9"),
    (CladeThompson(cooldown=1.0, budget=4000), 1, "45f1da33440e4184"),
    (DgmSampling(), 1, "c6867077c62d210b"),
    (DgmSampling(midpoint="median", novelty="cubic_exp", replacement=False), 1, "5f50833c4f838d74"),
    (DgmSampling(midpoint="top3_mean", admission="keep_better"), 1, "f341f5e92fc5db9a"),
    (Latest(), 1, "9b222faae95d7a0f"),
    (Random(), 1, "10c1349355b26010"),
]


@pytest.mark.parametrize(
    ("selection", "version", "golden"), CASES, ids=[case[0].name for case in CASES]
)
def test_draws_change_only_with_the_version(
    selection: Selection, version: int, golden: str
) -> None:
    assert selection.version == version
    drawn = [selection.select(tree, 3, f"golden {i}") for tree in TREES for i in range(20)]
    pools = [selection.opponents(tree) for tree in TREES]
    assert digest([drawn, pools])[:16] == golden
