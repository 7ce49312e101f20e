"""A PostgreSQL server of our own, on a free port, gone with its directory when it is closed."""

import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import Self
from uuid import uuid4

USER = "cladeflow"
PASSWORD = "open-sesame"
_ACCOUNT = "postgres"
"""Whom the server runs as where the tests run as root, which it refuses to."""


def binaries() -> Path | None:
    """Where initdb and pg_ctl are: on the path, or where Debian puts them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class PostgresqlServer:
    """Runs from ``__enter__`` to ``__exit__``; ``durable`` as in production, or fast for tests."""

    def __init__(self, bin_: Path, durable: bool = False) -> None:
        self._bin = bin_
        self._settings = "" if durable else "-c fsync=off -c full_page_writes=off"
        self._directory = Path(tempfile.mkdtemp(prefix="cladeflow-pg-"))
        self._data = self._directory / "data"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    def __enter__(self) -> Self:
        secret = self._directory / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (self._directory, secret):
                shutil.chown(path, _ACCOUNT, _ACCOUNT)
        self._run(
            *("initdb", "--pgdata", self._data, "--username", USER, "--pwfile", secret),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
        )
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._directory)

    def start(self) -> None:
        """Start it, or start it again."""
        where = f"-p {self.port} -k {self._directory} -c listen_addresses=127.0.0.1"
        options = ("-w", "-l", self._directory / "log", "-o", f"{where} {self._settings}")
        self._run("pg_ctl", "--pgdata", self._data, *options, "start")

    def stop(self) -> None:
        """Stop it as a crash does: connections break, what was committed stays."""
        self._run("pg_ctl", "--pgdata", self._data, "-w", "-m", "immediate", "stop")

    def url(self, database: str, user: str = USER, password: str = PASSWORD) -> str:
        """The address of a database."""
        return f"postgresql://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def new_archive(self) -> str:
        """An address for an archive: a schema of its own, which takes less than a database."""
        import psycopg

        name = f"archive_{uuid4().hex}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return f"{self.url('postgres')}?options=-csearch_path%3D{name}"

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self._bin / program), *map(str, arguments)]
        if os.geteuid() == 0:
            who = (f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--init-groups")
            command = ["setpriv", *who, *command]
        # Its own output: the server inherits it and would keep a pipe open.
        with (self._directory / f"{program}.out").open("w+") as said:
            done = subprocess.run(command, stdout=said, stderr=said, cwd="/", check=False)
            said.seek(0)
            assert done.returncode == 0, said.read()
