"""Parents by what their descendants do: the clade estimates of the Huxley-Gödel Machine."""

import numpy as np
from pydantic import Field

from cladeflow.archive.columns import Columns, Counts, Flags, Indices
from cladeflow.archive.posteriors import Posteriors, low_percentile
from cladeflow.archive.selection import Selection, candidates
from cladeflow.errors import HomeError
from cladeflow.evaluate.statistics import keyed_generator


class CladeThompson(Selection, name="clade_thompson", version=1):
    """Parent = argmax_a θ_a, θ_a ~ Beta(τ (1 + S_a), τ (1 + F_a)), one independent draw per child.

    S and F count the tasks solved and failed by a *and all its descendants*, each agent once: the
    clade's estimated metaproductivity is S / (S + F). Agents that solved nothing themselves take
    no part, unless nobody solved anything.

    A loop that evaluates task by task (`benchmarks.selection`) also uses:

    - `expands`: with N agents (the first one given), E task evaluations so far and P expansions
      under way, expand iff E^α >= N - 1 + P, else evaluate; α = ``widening``.
    - `evaluates`: the agent to try on one more task, argmax_a θ_a with θ_a ~ Beta(τ (1 + s_a),
      τ (1 + f_a)) over own counts, among those with unseen tasks. A generation evaluates every
      child on all tasks, so nothing stays unseen and each of its draws is an expansion.
    - `final`: the best-belief agent, argmax_a of the ``belief`` percentile of Beta(1 + s_a, 1 +
      f_a): a high score on few trials is not yet a good agent.

    Cool-down: τ = (B / (B - t))^β with B = ``budget`` and t evaluations, of the first agent's
    none counted; β = ``cooldown``, 0 is none (τ = 1). Draws come from `Posteriors`, exactly.

    Source: Huxley-Gödel Machine (Wang et al. 2025, arXiv:2510.21614). Its released code adds a
    clade's outcomes to the agent's own at every expansion; here own and clade are counted apart.
    """

    widening: float = Field(default=0.6, gt=0, le=1)
    cooldown: float = Field(default=0.0, ge=0)
    budget: int = Field(default=800, gt=0)
    belief: float = Field(default=0.05, gt=0, lt=1)

    def select(self, columns: Columns, k: int, key: str) -> list[str]:
        agents, posteriors = columns.derive((self.name, self), lambda: self._clades(columns))
        rng = keyed_generator(f"{key}/{self.name}")
        return [columns.ids[int(agents[posteriors.highest(rng)])] for _ in range(k)]

    def expands(self, agents: int, evaluations: int, pending: int = 0) -> bool:
        """Whether a free worker makes a child rather than evaluate an agent once more."""
        return bool(evaluations**self.widening >= agents - 1 + pending)

    def evaluates(self, columns: Columns, unseen: Flags, key: str) -> str:
        """Id of the agent to try on one more task; ``unseen`` [N]: has it any left?"""
        agents = candidates(columns)
        agents = agents[unseen[agents]]
        if not len(agents):
            raise HomeError("every agent has been evaluated on every task; expand one instead")
        posteriors = self._posteriors(columns, columns.ok[agents], columns.fail[agents])
        rng = keyed_generator(f"{key}/{self.name}/evaluate")
        return columns.ids[int(agents[posteriors.highest(rng)])]

    def final(self, columns: Columns) -> str:
        """Id of the best-belief agent; of equals the oldest."""
        agents = candidates(columns)
        believed = low_percentile(columns.ok[agents], columns.fail[agents], self.belief)
        return columns.ids[int(agents[np.argmax(believed)])]

    def _clades(self, columns: Columns) -> tuple[Indices, Posteriors]:
        agents = candidates(columns)
        able = agents[columns.ok[agents] > 0]
        agents = able if len(able) else agents
        ok, fail = columns.clade_ok[agents], columns.clade_fail[agents]
        return agents, self._posteriors(columns, ok, fail)

    def _posteriors(self, columns: Columns, ok: Counts, fail: Counts) -> Posteriors:
        return Posteriors(ok, fail, self._sharpness(columns))

    def _sharpness(self, columns: Columns) -> float:
        if not self.cooldown:
            return 1.0
        spent = int(columns.ok[1:].sum() + columns.fail[1:].sum())
        return float((self.budget / max(self.budget - spent, 1)) ** self.cooldown)
