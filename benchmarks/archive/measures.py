"""What is measured in an archive that has grown, each against what it has to reach."""

from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.archive.grow import BATCH, Population, Timing, timed
from cladeflow.archive import Columns, Selection
from cladeflow.archive.archive import Archive
from cladeflow.strategy import find, names

_DEPTH = 50
_PROMISED_MS = {
    1_000_000: {"dgm_sampling": 10.0, "clade_thompson": 60.0},
    10_000: {"dgm_sampling": 0.1, "clade_thompson": 0.5},
}
"""Median milliseconds of one draw, by the number of agents."""


class Measured(NamedTuple):
    """A rate (higher is better) or a time (lower is better), by the wall and by the CPU time."""

    what: str
    wall: float
    cpu: float
    unit: str
    promised: float | None = None

    @property
    def missed(self) -> bool:
        """Whether there is a promise, and the wall clock says that it is not kept."""
        if self.promised is None:
            return False
        return self.wall < self.promised if self.unit == "/s" else self.wall > self.promised


def rate(what: str, n: int, timings: Sequence[Timing], promised: float | None = None) -> Measured:
    """How many in a second, where each of ``timings`` is of ``n``; over all of them together."""
    done = n * len(timings)
    wall, cpu = (done / sum(clock) for clock in zip(*timings, strict=True))
    return Measured(what, wall, cpu, "/s", promised)


def middle(what: str, timings: Sequence[Timing], promised: float | None = None) -> Measured:
    """The median, in milliseconds."""
    wall, cpu = (1e3 * median(clock) for clock in zip(*timings, strict=True))
    return Measured(what, wall, cpu, "ms", promised)


def growth(population: Population, agents: int) -> list[Measured]:
    """Batches, from the first agent to the last, and in the last tenth, where they are slowest."""
    batches = list(population.grow(agents))
    added, evaluated = [[batch[i] for batch in batches] for i in (0, 1)]
    last = max(1, len(batches) // 10)
    return [
        rate(f"agents added, batches of {BATCH:,}", BATCH, added, 5_000),
        rate("… the last tenth of them", BATCH, added[-last:], 5_000),
        rate(f"evaluations, batches of {BATCH:,}", BATCH, evaluated),
        rate("… the last tenth of them", BATCH, evaluated[-last:]),
    ]


def singles(population: Population, n: int) -> list[Measured]:
    """Transactions of one event each."""
    adds = [population.add([agent]) for agent in population.children(n)]
    line = [population.ids[0]]
    for _ in range(_DEPTH):
        agent = population.child(line[-1])
        population.add([agent])
        line.append(agent.id)
    archive = population.archive
    deep = [timed(lambda: archive.record([population.evaluated(line[-1])])) for _ in range(n)]
    return [
        rate("adds, one durable transaction each", 1, adds, 200),
        rate(f"evaluations at depth {_DEPTH}, one durable transaction each", 1, deep, 300),
    ]


def reads(population: Population, repeats: int) -> list[Measured]:
    """Clade estimates, and the columns: loaded, and refreshed after 1,000 events."""
    archive = population.archive
    asked = [population.random.choice(population.ids) for _ in range(BATCH)]
    estimates = [timed(lambda agent=agent: archive.agent(agent).tally) for agent in asked]
    loading = timed(archive.columns)
    refreshes = [_refresh(population, archive) for _ in range(repeats)]
    return [
        middle("clade estimate of an agent", estimates, 1),
        middle("columns, first load", [loading]),
        middle(f"columns, refresh after {BATCH:,} events", refreshes, 50),
    ]


def _refresh(population: Population, archive: Archive) -> Timing:
    """Half of the events bring agents, half evaluate any that are there."""
    population.add(population.children(BATCH // 2))
    chosen = (population.random.choice(population.ids) for _ in range(BATCH // 2))
    archive.record([population.evaluated(agent_id) for agent_id in chosen])
    return timed(archive.columns)


def selections(columns: Columns, agents: int, repeats: int) -> list[Measured]:
    """One draw from warm columns, of every parent selection that there is."""
    promised = _PROMISED_MS.get(agents, {})
    found = []
    for name in names("selection"):
        strategy = find("selection", name)()
        assert isinstance(strategy, Selection)
        draws = _draws(strategy, columns, repeats)
        found.append(middle(f"{name}, one parent", draws, promised.get(name)))
    return found


def _draws(strategy: Selection, columns: Columns, repeats: int) -> list[Timing]:
    draw: Callable[[str], object] = lambda key: strategy.select(columns, 1, key)  # noqa: E731
    draw("warm up")
    return [timed(lambda n=n: draw(str(n))) for n in range(repeats)]


def table(found: Sequence[Measured]) -> str:
    """For people to read."""
    lines = [f"{'':55}{'wall':>14}{'CPU':>14}{'promised':>12}"]
    for one in found:
        promised = "" if one.promised is None else f"{one.promised:,g} {one.unit}"
        clocks = "".join(f"{f'{clock:,.4g} {one.unit}':>14}" for clock in (one.wall, one.cpu))
        lines.append(f"{one.what:55}{clocks}{promised:>12}{'  missed' if one.missed else ''}")
    return "\n".join(lines)
