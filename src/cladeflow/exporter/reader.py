"""One reading of a home after another: what has been read stays when a back end is down."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

from cladeflow.archive.archive import Archive
from cladeflow.errors import CladeflowError
from cladeflow.exporter.generation import gauges
from cladeflow.exporter.ledger import Ledger, Place
from cladeflow.exporter.population import Population
from cladeflow.home import Home
from cladeflow.telemetry import Metrics
from cladeflow.telemetry.collector import Labelled
from cladeflow.telemetry.prices import Prices


class Terms(NamedTuple):
    """What the exporter is told beside the home."""

    prices: Prices = Prices()
    budget: float | None = None
    """Dollars."""
    interval: float | None = None
    """Seconds within which a generation is expected, whether a process runs or not."""


_COUNTED = ("counter", "summary", "histogram")


class Reader:
    """Reads a home and holds what is to be served: `samples` is whole, and replaced at once."""

    def __init__(self, home: Home, terms: Terms, say: Callable[[str], None]) -> None:
        self._home = home
        self._terms = terms
        self._say = say
        self._population = Population()
        self._ledger = Ledger(home.store())
        self._archive: Archive | None = None
        self._samples: tuple[Labelled, ...] = ()
        self._state: dict[str, bool] = {}
        self._took = 0.0
        self._problem = "nothing has been read yet"
        self._fresh = time.time()
        self.beat = time.time()
        """When the last reading ended, however it did."""

    @property
    def problem(self) -> str:
        """Why nothing is served yet; empty once there is something, however old it may be."""
        return "" if self._samples else self._problem

    def samples(self) -> Iterator[Labelled]:
        """Everything read, and how well reading goes."""
        yield from self._samples
        own = Metrics()
        own.gauge("cladeflow_exporter_staleness_seconds", time.time() - self._fresh)
        own.gauge("cladeflow_exporter_refresh_seconds", self._took)
        own.gauge("cladeflow_exporter_unreadable_documents", self._ledger.unreadable)
        for backend, up in self._state.items():
            own.gauge("cladeflow_exporter_backend_state", up, backend=backend)
        yield from (({}, sample) for sample in own.samples())

    def refresh(self) -> None:
        """Read what is new; a back end that is down is said once, and counted."""
        began = time.perf_counter()
        archive = self._try("archive", self._read_archive)
        store = self._try("store", self._read_store)
        if archive and store:
            self._fresh, self._problem = time.time(), ""
        if (archive and store) or self._samples:
            self._samples = tuple(self._collect())
        self._took = time.perf_counter() - began
        self.beat = time.time()

    def close(self) -> None:
        """Close the archive."""
        if self._archive is not None:
            self._archive.close()
            self._archive = None

    def _read_archive(self) -> None:
        if self._archive is None:
            self._home.require()
            self._archive = Archive.open(self._home.archive_url)
        try:
            self._population.refresh(self._archive)
        except CladeflowError:
            with suppress(CladeflowError):  # the next reading opens it anew
                self.close()
            raise

    def _read_store(self) -> None:
        agents = self._population
        self._ledger.refresh(agents.recent | agents.touched)
        agents.touched.clear()

    def _try(self, backend: str, reading: Callable[[], None]) -> bool:
        try:
            reading()
        except (CladeflowError, OSError) as error:
            if self._state.get(backend, True):
                self._say(f"warning: {error}")
            self._state[backend], self._problem = False, str(error)
            return False
        if not self._state.get(backend, True):
            self._say(f"the {backend} can be read again")
        self._state[backend] = True
        return True

    def _collect(self) -> Iterator[Labelled]:
        """Counters of all commits, gauges of the newest finished generation, the archive's."""
        base = {"evolution": self._population.evolution, "recipe": self._population.recipe}
        ledger = self._ledger
        for place, metrics in sorted(ledger.totals.items()):
            for sample in metrics.samples():
                if sample.spec.kind in _COUNTED:
                    yield {**base, **place._asdict()}, sample
        newest = gauges(ledger.newest(), ledger.shown())
        for place, metrics in newest.items():
            yield from (({**base, **place._asdict()}, sample) for sample in metrics.samples())
        yield from ((base, sample) for sample in self._population.metrics.samples())
        yield from ((base, sample) for sample in self._progress(newest).samples())
        yield from ((base, sample) for sample in self._costs().samples())

    def _progress(self, newest: Mapping[Place, Metrics]) -> Metrics:
        metrics, population = Metrics(), self._population
        metrics.gauge("cladeflow_finished_generations", self._ledger.finished)
        metrics.gauge("cladeflow_begun_generations", self._ledger.begun)
        metrics.gauge("cladeflow_running_state", population.running)
        seconds = sum(part.value("cladeflow_stage_seconds") for part in newest.values())
        if newest:
            metrics.gauge("cladeflow_generation_seconds", seconds)
        interval = self._terms.interval or (population.interval if population.running else None)
        if interval is not None:
            metrics.gauge("cladeflow_generation_interval_seconds", interval)
        return metrics

    def _costs(self) -> Metrics:
        metrics, prices, ledger = Metrics(), self._terms.prices, self._ledger
        spent = 0.0
        for part in ledger.totals.values():
            for resource, cost in prices.cost(part).items():
                metrics.count("cladeflow_cost_dollars_total", cost, resource=resource)
                spent += cost
        lately = Metrics()
        evaluations = ledger.evaluations(self._population.children(ledger.finished))
        for one in (*(read.metrics for read in ledger.newest()), *evaluations):
            lately.merge(one)
        for resource, cost in prices.cost(lately).items():
            metrics.gauge("cladeflow_generation_cost_dollars", cost, resource=resource)
        if ledger.gained > 0:
            metrics.gauge("cladeflow_point_cost_dollars", spent / (100 * ledger.gained))
        if self._terms.budget is not None:
            metrics.gauge("cladeflow_budget_dollars", self._terms.budget)
        return metrics
