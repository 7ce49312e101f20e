"""Times the exporter on a synthetic home of many generations.

    python -m benchmarks.exporter --generations 10000

Runs one real generation of a few seconds, then repeats its commits for every further generation,
with as many agents and events in the archive. Measures the first reading, the reading after one
more generation, and scrapes over HTTP. Prints JSON.
"""

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from urllib.request import urlopen

from benchmarks.exporter.synthetic import Template
from cladeflow.exporter.reader import Reader, Terms
from cladeflow.telemetry.prices import Prices
from cladeflow.telemetry.server import LOOPBACK, MetricsServer
from tests.evolved import evolve, start


def timed(reader: Reader) -> float:
    """Seconds of one reading."""
    began = time.perf_counter()
    reader.refresh()
    return time.perf_counter() - began


def scrape(url: str) -> float:
    """Seconds of one scrape."""
    began = time.perf_counter()
    with urlopen(url) as answer:
        answer.read()
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generations", type=int, default=10_000)
    parser.add_argument("--scrapes", type=int, default=200)
    options = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as directory:
        home = start(Path(directory))
        evolve(home, 1)
        template = Template(home)
        template.extend(2, options.generations)
        reader = Reader(home, Terms(Prices.read()), print)
        cpu = time.process_time()
        first = timed(reader)
        first_cpu = time.process_time() - cpu
        template.extend(options.generations + 1, options.generations + 1)
        further = timed(reader)
        with MetricsServer(LOOPBACK, 0, reader.samples) as server:
            took = [scrape(server.url) for _ in range(options.scrapes)]
            with urlopen(server.url) as answer:
                series = sum(not line.startswith(b"#") for line in answer)
        reader.close()
    found = {
        "generations": options.generations,
        "series": series,
        "first_reading_seconds": first,
        "first_reading_cpu_seconds": first_cpu,
        "reading_after_one_more_seconds": further,
        "scrape_seconds": {"median": median(took), "p99": quantiles(took, n=100)[-1]},
        "memory_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "load_before": load,
    }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
