"""Fill an archive, measure what is promised of it.

    python -m benchmarks.archive --agents 1000000
    python -m benchmarks.archive --agents 100000 --database postgresql

PostgreSQL is a server of its own, in a temporary directory, with memory for an archive of this
size; ``--setting`` gives it another configuration.
"""

import argparse
import gc
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.archive.grow import Population
from benchmarks.archive.measures import growth, reads, selections, singles, table
from cladeflow.archive.archive import Archive
from cladeflow.cli import GC_THRESHOLDS
from tests.postgresql_server import PostgresqlServer, binaries

_SETTINGS = ("shared_buffers=2GB", "max_wal_size=8GB")
"""Room for the whole archive (128 MB is the default), and for the log of several minutes (1 GB)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--agents", type=int, default=1_000_000)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--setting", nargs="*", default=_SETTINGS, help="of the PostgreSQL server")
    parser.add_argument("--singles", type=int, default=300, help="transactions of one event each")
    parser.add_argument("--repeats", type=int, default=20, help="refreshes, and draws of a parent")
    parser.add_argument("--directory", type=Path, help="of the SQLite file  [default: temporary]")
    parser.add_argument("--json", type=Path, help="where to write all that was measured")
    options = parser.parse_args()
    gc.set_threshold(*GC_THRESHOLDS)
    load = os.getloadavg()
    with _address(options) as url, Archive.create(url) as archive:
        population = Population(archive)
        found = growth(population, options.agents)
        found += singles(population, options.singles)
        found += reads(population, options.repeats)
        found += selections(archive.columns(), options.agents, options.repeats)
    print(
        f"{options.agents:,} agents on {options.database}; load {load[0]:.1f} before, "
        f"{os.getloadavg()[0]:.1f} after\n{table(found)}"
    )
    if options.json:
        options.json.write_text(json.dumps([one._asdict() for one in found], indent=2) + "\n")


@contextmanager
def _address(options: argparse.Namespace) -> Iterator[str]:
    if options.database == "sqlite":
        with tempfile.TemporaryDirectory(dir=options.directory) as directory:
            yield f"sqlite:///{directory}/archive.db"
        return
    where = binaries()
    assert where is not None, "PostgreSQL is not installed"
    with PostgresqlServer(where, options.setting) as server:
        yield server.new_archive()


if __name__ == "__main__":
    main()
