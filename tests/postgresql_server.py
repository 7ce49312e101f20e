"""A PostgreSQL server of our own, on a free port, gone with its directory when it is closed."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self
from uuid import uuid4

USER = "cladeflow"
PASSWORD = "open-sesame"
_ACCOUNT = "postgres"
"""Whom the server runs as where the tests run as root, which it refuses to."""
_PATIENCE_SECONDS = 60.0


def binaries() -> Path | None:
    """Where initdb and postgres are: on the path, or where Debian puts them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


class PostgresqlServer:
    """Runs from ``__enter__`` to ``__exit__``; its default settings are fast, and not durable."""

    def __init__(
        self, bin_: Path, settings: Sequence[str] = ("fsync=off", "full_page_writes=off")
    ) -> None:
        self._bin = bin_
        self._settings = [part for setting in settings for part in ("-c", setting)]
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
        command = self._command(
            *("initdb", "--pgdata", self._data, "--username", USER, "--pwfile", secret),
            *("--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync"),
        )
        made = subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
        assert made.returncode == 0, made.stderr
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._directory)

    def start(self) -> None:
        """Start it, or start it again. It ends with this process, however that ends."""
        where = ("-p", self.port, "-k", self._directory, "-c", "listen_addresses=127.0.0.1")
        with (self._directory / "log").open("a") as log:
            self._server = subprocess.Popen(
                self._command("postgres", "-D", self._data, *where, *self._settings),
                stdout=log,
                stderr=log,
                cwd="/",
            )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while subprocess.run(ready, check=False).returncode:
            ended = self._server.poll() is not None or time.monotonic() > deadline
            assert not ended, (self._directory / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it as a crash does: connections break, what was committed stays."""
        self._server.send_signal(signal.SIGQUIT)
        self._server.wait()

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

    def _command(self, program: str, *arguments: object) -> list[str]:
        who = (f"--reuid={_ACCOUNT}", f"--regid={_ACCOUNT}", "--init-groups")
        options = ("--pdeathsig", "INT", *(who if os.geteuid() == 0 else ()))
        return ["setpriv", *options, str(self._bin / program), *map(str, arguments)]
