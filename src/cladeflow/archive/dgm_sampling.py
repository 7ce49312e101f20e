"""Parents by score and novelty: the open-ended search of the Darwin Gödel Machine."""

from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from cladeflow.archive.columns import Columns, Counts, Indices, Scores
from cladeflow.archive.selection import Selection, candidates, measured
from cladeflow.evaluate.statistics import keyed_generator

_TOP = 3


class Weights(NamedTuple):
    """Agents that may be drawn, their weights, and the running sums of these."""

    agents: Indices
    each: Scores
    sums: Scores

    def draw(self, rng: np.random.Generator) -> int:
        """One place, with probability in proportion to its weight."""
        at = np.searchsorted(self.sums, rng.random() * self.sums[-1], side="right")
        return min(int(at), len(self.sums) - 1)

    def without(self, places: list[int]) -> "Weights":
        """The same with some places out of the draw."""
        left = self.each.copy()
        left[places] = 0
        return Weights(self.agents, left, np.cumsum(left))


class DgmSampling(Selection, name="dgm_sampling", version=1):
    """p_i ∝ σ(λ (α_i - α_0) / s) · h(n_i), α_i the own score, n_i the number of children.

    - ``midpoint`` α_0: a number (DGM: 0.5, s = 1), ``top3_mean`` (mean of the three top scores,
      s = 1; HyperAgents), or ``median`` (s = the median absolute deviation from it, 1 where that
      is 0; ShinkaEvolve).
    - ``novelty`` h: ``inverse`` = 1 / (1 + n) or ``cubic_exp`` = exp(-(n / 8)³), which stays near
      1 up to about four children (HyperAgents).
    - ``replacement``: whether a generation may draw one parent twice. Without it every draw leaves
      out those before; once all were drawn, they begin anew.
    - ``admission``: ``keep_all`` agents take part, or ``keep_better``, those with
      α_i >= α_initial - ``margin``.

    Sources: Darwin Gödel Machine (Zhang et al. 2025, arXiv:2505.22954; λ = 10), HyperAgents
    (released code), ShinkaEvolve (Lange et al. 2025, arXiv:2509.19349).
    """

    steepness: float = Field(default=10.0, gt=0)
    midpoint: float | Literal["top3_mean", "median"] = 0.5
    novelty: Literal["inverse", "cubic_exp"] = "inverse"
    replacement: bool = True
    admission: Literal["keep_all", "keep_better"] = "keep_all"
    margin: float = Field(default=0.1, ge=0)

    def select(self, columns: Columns, k: int, key: str) -> list[str]:
        weights = self.weights(columns)
        rng = keyed_generator(f"{key}/{self.name}")
        draw = self._repeated if self.replacement else self._distinct
        return [columns.ids[int(weights.agents[place])] for place in draw(weights, k, rng)]

    def weights(self, columns: Columns) -> Weights:
        """What is drawn from; computed once per columns."""
        return columns.derive((self.name, self), lambda: self._weigh(columns))

    def _weigh(self, columns: Columns) -> Weights:
        agents, scores = candidates(columns), measured(columns)
        if self.admission == "keep_better":
            better = agents[scores[agents] >= scores[0] - self.margin]
            agents = better if len(better) else agents
        logs = self._log_fitness(scores[agents]) + self._log_novelty(columns.children[agents])
        each = np.exp(logs - logs.max())  # in logarithms no weight of many children vanishes
        return Weights(agents, each, np.cumsum(each))

    def _log_fitness(self, scores: Scores) -> Scores:
        middle, scale = self._centre(scores)
        logs: Scores = -np.logaddexp(0.0, -self.steepness * (scores - middle) / scale)
        return logs

    def _centre(self, scores: Scores) -> tuple[float, float]:
        """The midpoint and the unit that scores are counted in."""
        if self.midpoint == "median":
            middle = float(np.median(scores))
            return middle, float(np.median(np.abs(scores - middle))) or 1.0
        if self.midpoint == "top3_mean":
            top = min(_TOP, len(scores))
            return float(np.partition(scores, -top)[-top:].mean()), 1.0
        return float(self.midpoint), 1.0

    def _log_novelty(self, children: Counts) -> Scores:
        if self.novelty == "inverse":
            return -np.log1p(children)
        return -((children / 8) ** 3)

    def _repeated(self, weights: Weights, k: int, rng: np.random.Generator) -> list[int]:
        return [weights.draw(rng) for _ in range(k)]

    def _distinct(self, weights: Weights, k: int, rng: np.random.Generator) -> list[int]:
        """Sequential draws; one that was drawn before is drawn again from what is left."""
        drawn: list[int] = []
        taken: list[int] = []
        for _ in range(k):
            place = weights.draw(rng)
            if place in taken:
                left = weights.without(taken)
                taken = taken if left.sums[-1] > 0 else []
                place = left.draw(rng) if taken else weights.draw(rng)
            taken.append(place)
            drawn.append(place)
        return drawn
