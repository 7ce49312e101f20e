"""The environment's own tasks: a pool per family and level, walked without repetition."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

from pydantic import Field, PositiveFloat

from cladeflow.earlier import NOTHING, Earlier
from cladeflow.environments.base import Environment, Posed
from cladeflow.errors import RecipeError
from cladeflow.task_synthesis.base import Generator

Cell = tuple[str, int]


class SeedTasks(Generator, name="seed_tasks", version=1):
    """Draws from a fixed pool per (family, level), fixed by the root seed and this version.

    The mix is ``levels`` = {family: {level: weight}}: a cell of weight w gets n w / Σ w tasks,
    rounded by largest remainder. By default the cells that the environment calls its frontier
    share 1 - ``rehearse`` of the tasks alike, and those that it calls mastered share the rest, lest
    they be forgotten; an environment that says nothing of itself gives all its levels alike.

    Draw d takes the pool's tasks d m to (d + 1) m - 1, so no task comes twice before ``pool`` tasks
    are used up; then the pool is drawn anew, and a cell that holds fewer tasks starts over.
    """

    levels: dict[str, dict[int, PositiveFloat]] | None = None
    rehearse: float = Field(default=0.2, ge=0, lt=1)
    pool: int = Field(default=5000, gt=0)
    """Tasks per cell."""

    def generate(
        self,
        env: Environment,
        *,
        n: int,
        gen: int,
        draw: int,
        seed: int,
        earlier: Earlier = NOTHING,
    ) -> Sequence[Posed]:
        shares = apportion(self._weights(env), n)
        return [
            posed
            for place, count in shares.items()
            for posed in self._window(env, place, count, draw, seed)
        ]

    def _weights(self, env: Environment) -> dict[Cell, float]:
        if self.levels is None:
            return self._usual(env)
        chosen = {
            (family, level): weight
            for family, levels in self.levels.items()
            if family in env.families
            for level, weight in levels.items()
        }
        if not chosen:
            families = ", ".join(env.families)
            raise RecipeError(f"{self.name}: levels has no family of {env.name}, it has {families}")
        return chosen

    def _usual(self, env: Environment) -> dict[Cell, float]:
        frontier, mastered = _cells(env.frontier or env.levels), _cells(env.mastered)
        rehearse = self.rehearse if mastered else 0.0
        return {
            **{place: rehearse / len(mastered) for place in mastered if rehearse},
            **{place: (1 - rehearse) / len(frontier) for place in frontier},
        }

    def _window(
        self, env: Environment, place: Cell, count: int, draw: int, seed: int
    ) -> list[Posed]:
        """The draw's part of a cell's pool."""
        if not count:
            return []
        epoch, turn = divmod(draw, max(self.pool // count, 1))
        key = hashlib.sha256(f"{self.name}/{self.version}/{seed}/{epoch}".encode()).digest()
        start = turn * count
        family, level = place
        found = self._draw(env)(
            family=family,
            level=level,
            split="train",
            n=start + count,
            seed=int.from_bytes(key[:8]),
        )
        return [found[i % len(found)] for i in range(start, start + min(count, len(found)))]

    def _draw(self, env: Environment) -> Callable[..., Sequence[Posed]]:
        """What draws the tasks of one cell, as many as it holds."""
        return env.at_most


def _cells(levels: Mapping[str, Sequence[int]]) -> list[Cell]:
    return [(family, level) for family, found in levels.items() for level in found]


def apportion(weights: Mapping[Cell, float], n: int) -> dict[Cell, int]:
    """``n`` split in proportion to ``weights``: quotas rounded down, the largest remainders up."""
    total = sum(weights.values())
    quotas = {place: n * weight / total for place, weight in weights.items()}
    counts = {place: int(quota) for place, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda place: counts[place] - quotas[place])
    for place in by_remainder[: n - sum(counts.values())]:
        counts[place] += 1
    return counts
