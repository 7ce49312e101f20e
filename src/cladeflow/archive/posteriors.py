"""Beta posteriors of many agents: which one draws the highest, exactly, and whom to believe in.

Agents with equal counts have equal posteriors, so N agents are G groups of n_g. Drawing all N to
take the largest costs N draws, though hardly any of them can win. Instead a bar τ is fixed at
which about a dozen agents are expected to draw above it:

1. Agent i is above the bar with chance q_i = P(θ_i > τ), independently of the others. Points of a
   Poisson process of rate h_i = -ln(1 - q_i) fall on i at least once with chance 1 - exp(-h_i) =
   q_i, and independently: so the agents hit by one process over all of them are exactly a draw of
   the agents above the bar, at the cost of the few that are hit.
2. Those draw θ_i given θ_i > τ: the upper tail's inverse at q_i U, U uniform. The largest wins.
3. Where nobody is above the bar, all are below it, and independent still. The largest of n_g draws
   has the distribution function F_g(θ)^n_g, so it is F_g's inverse at F_g(τ) U^(1 / n_g); the
   largest group wins and one of its members is drawn evenly.

So the winner is distributed as argmax_i θ_i, whatever τ is; τ only decides how long it takes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cladeflow.archive.columns import Counts, Indices, Scores

_FEWEST, _MOST = 8.0, 24.0
"""Bounds of Σ h_i: nobody is above the bar once in exp(8) draws, and few are."""
_HALVINGS = 60
_CONTENDERS, _HOPE = 1024, 3.0
"""The bar is sought over so many groups: the highest by mean plus so many deviations."""
_SURE = 1 - 1e-16
"""A chance that leaves the rate finite; what is cut off is below the resolution of a float."""


class Groups(NamedTuple):
    """Agents by equal counts: group g has the agents order[starts[g] : starts[g] + sizes[g]]."""

    order: Indices
    starts: Indices
    sizes: Indices
    ok: Counts
    fail: Counts


def grouped(ok: Counts, fail: Counts) -> Groups:
    """N >= 1 agents by (ok, fail), both [N]; the arrays of the groups are [G]."""
    keys = ok * (int(fail.max()) + 1) + fail
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    first = order[starts]
    sizes = np.diff(starts, append=len(keys))
    return Groups(order, starts, sizes, ok[first], fail[first])


def low_percentile(ok: Counts, fail: Counts, percentile: float) -> Scores:
    """[N] value that each agent's Beta(1 + ok, 1 + fail) exceeds with chance 1 - percentile."""
    from scipy.special import betaincinv

    groups = grouped(ok, fail)
    found = np.empty(len(ok))
    values = betaincinv(1.0 + groups.ok, 1.0 + groups.fail, percentile)
    found[groups.order] = np.repeat(values, groups.sizes)
    return found


class Posteriors:
    """Beta(c (1 + ok_i), c (1 + fail_i)) of N >= 1 agents, to draw from many times."""

    def __init__(self, ok: Counts, fail: Counts, sharpness: float = 1.0) -> None:
        self._groups = grouped(ok, fail)
        self._a = sharpness * (1.0 + self._groups.ok)
        self._b = sharpness * (1.0 + self._groups.fail)
        self._set_bar()

    def _set_bar(self) -> None:
        """Set the bar; ``_above`` [G] is q, ``_rates`` [G] h, ``_sums`` [G] the running sums."""
        from scipy.special import betaincc

        self.bar = self._find_bar()
        self._above = betaincc(self._a, self._b, self.bar)
        self._rates = _rates(self._above)
        self._sums = np.cumsum(self._rates * self._groups.sizes)

    def _find_bar(self) -> float:
        """Bisect over the groups that could be high, for at least `_FEWEST` above the bar."""
        from scipy.special import betaincc

        total = self._a + self._b
        mean = self._a / total
        hopes = mean + _HOPE * np.sqrt(mean * (1 - mean) / (total + 1))
        high = np.argsort(-hopes, kind="stable")[:_CONTENDERS]
        a, b, sizes = self._a[high], self._b[high], self._groups.sizes[high]
        lo, hi, bar = 0.0, 1.0, 0.5
        for _ in range(_HALVINGS):
            expected = float(_rates(betaincc(a, b, bar)) @ sizes)
            if _FEWEST <= expected <= _MOST:
                break
            lo, hi = (bar, hi) if expected > _MOST else (lo, bar)
            bar = (lo + hi) / 2
        return bar

    def highest(self, rng: np.random.Generator) -> int:
        """Index of the agent that draws the highest value."""
        from scipy.special import betainccinv

        groups = self._groups
        group, member = self._hit(rng)
        if not len(group):
            return self._highest_below(rng)
        tails = rng.random(len(group)) * self._above[group]
        best = np.argmax(betainccinv(self._a[group], self._b[group], tails))
        return int(groups.order[groups.starts[group[best]] + member[best]])

    def _hit(self, rng: np.random.Generator) -> tuple[Indices, NDArray[np.intp]]:
        """The agents above the bar: their groups, and their places within these."""
        groups, total = self._groups, self._sums[-1]
        points = rng.random(rng.poisson(total)) * total
        group = np.minimum(np.searchsorted(self._sums, points, side="right"), len(self._sums) - 1)
        left = points - (self._sums[group] - self._rates[group] * groups.sizes[group])
        member = np.clip(left / self._rates[group], 0, groups.sizes[group] - 1).astype(np.intp)
        _, once = np.unique(groups.starts[group] + member, return_index=True)
        return group[once], member[once]

    def _highest_below(self, rng: np.random.Generator) -> int:
        from scipy.special import betainc, betaincinv

        groups = self._groups
        uniform = rng.random(len(groups.sizes)) ** (1.0 / groups.sizes)
        below = betainc(self._a, self._b, self.bar)
        best = int(np.argmax(betaincinv(self._a, self._b, below * uniform)))
        member = int(rng.integers(groups.sizes[best]))
        return int(groups.order[groups.starts[best] + member])


def _rates(chances: Scores) -> Scores:
    """Rates at which a Poisson process hits with these chances: h = -ln(1 - q)."""
    rates: Scores = -np.log1p(-np.minimum(chances, _SURE))
    return rates
