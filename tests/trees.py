"""Archives as columns, for what draws parents from them."""

from collections.abc import Sequence

import numpy as np

from cladeflow.archive import Columns

Row = tuple[int, int, int]
"""Own tasks solved, own tasks failed, children."""


def flat(rows: Sequence[Row], champion: int = 0, barred: Sequence[int] = ()) -> Columns:
    """Agents ``a0``, ``a1`` … whose clades are themselves; those in ``barred`` are quarantined."""
    ok, fail, children = np.array(rows, dtype=np.int64).T
    return Columns(
        ids=[f"a{i}" for i in range(len(rows))],
        champion=champion,
        ok=ok,
        fail=fail,
        clade_ok=ok,
        clade_fail=fail,
        children=children,
        eligible=np.array([i not in barred for i in range(len(rows))]),
    )


def grown(n: int, tasks: int, seed: int = 0) -> Columns:
    """A random tree of n agents, each tried on so many tasks, with its clade counts."""
    rng = np.random.default_rng(seed)
    parents = np.concatenate([[0], (rng.random(n - 1) * np.arange(1, n)).astype(np.int64)])
    ok = rng.binomial(tasks, rng.beta(4, 4, n))
    clade_ok, size = ok.copy(), np.ones(n, dtype=np.int64)
    for agent in range(n - 1, 0, -1):
        clade_ok[parents[agent]] += clade_ok[agent]
        size[parents[agent]] += size[agent]
    return Columns(
        ids=[f"a{i}" for i in range(n)],
        champion=0,
        ok=ok,
        fail=tasks - ok,
        clade_ok=clade_ok,
        clade_fail=tasks * size - clade_ok,
        children=np.bincount(parents[1:], minlength=n),
        eligible=np.ones(n, dtype=np.bool_),
    )
