"""A home: the three addresses where one evolution lives, and a place for scratch files."""

import os
from collections.abc import Callable
from pathlib import Path

from cladeflow.errors import HomeError
from cladeflow.store import LocalStore, Store

ARCHIVE_VARIABLE = "CLADEFLOW_ARCHIVE"
"""Names the archive's address; unlike a command line, it may have the password in it."""
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"
"""Names MLflow's address where this process runs; MLflow's own variable, so that there is one."""


class Home:
    """Store, archive and tracking of one evolution, below one directory unless told otherwise.

    The gold answers lie in a root of their own, opened by the checker process only. An archive or
    an MLflow elsewhere is named once: from then on the home knows its address, though not its
    password. The archive stays where it is. MLflow is a projection, which may be made anywhere, and
    has one address in a cluster and another outside: so whoever names one is heeded.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.expanduser().resolve()
        self._address = self.directory / "archive.url"
        self.archive_url = self._archive_url(os.environ.get(ARCHIVE_VARIABLE))
        self._tracking = self.directory / "tracking.url"
        self.tracking_uri = self._tracking_uri(os.environ.get(TRACKING_VARIABLE))
        self.artifact_uri = (self.directory / "mlartifacts").as_uri()
        self.gold = self.directory / "gold"
        self.allowed_signers = self.directory / "allowed_signers"
        """Who may approve a promotion, in ssh-keygen's format; see `human_approval`."""

    @property
    def exists(self) -> bool:
        """Whether an evolution was started here."""
        return (self.directory / "archive.db").exists() or self._address.exists()

    def create(self) -> None:
        """Make the directory; raises `HomeError` where that is not possible."""
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            probe = self.directory / f".writable.{id(self)}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise HomeError(
                f"{self.directory} cannot be written ({error.strerror}); "
                "choose another directory with --home"
            ) from error

    def settle(self, say: Callable[[str], None]) -> None:
        """Write down where the archive is, now that it could be opened there, and where MLflow."""
        self._settle_tracking(say)
        if self.archive_url != self._own_archive:
            from cladeflow.archive.addresses import parse, public

            where = public(parse(self.archive_url))
            LocalStore(self.directory).write(self._address.name, where.encode())

    @property
    def _own_archive(self) -> str:
        return f"sqlite:///{self.directory / 'archive.db'}"

    def _archive_url(self, asked: str | None) -> str:
        """The address that is asked for, as long as it is the one where the archive is."""
        known = self._own_archive
        if self._address.exists():
            known = self._address.read_text()
        if not asked or asked == known:
            return known
        from cladeflow.archive.addresses import parse, public

        shown = public(parse(asked))
        if self.exists and shown != known:
            raise HomeError(
                f"{self.directory} has its archive at {known}, not at {shown}: change "
                f"{ARCHIVE_VARIABLE} or --archive, or choose another --home"
            )
        return asked

    @property
    def _own_tracking(self) -> str:
        return f"sqlite:///{self.directory / 'mlflow.db'}"

    def _tracking_uri(self, asked: str | None) -> str:
        """The address that is asked for, or else the one that is known."""
        if asked:
            from cladeflow.tracking.addresses import parse

            return parse(asked)
        return self._tracking.read_text() if self._tracking.exists() else self._own_tracking

    def _settle_tracking(self, say: Callable[[str], None]) -> None:
        """Write down where MLflow is, and say so: weights are copied there."""
        from cladeflow.tracking.addresses import public

        known, where = self._tracking_uri(None), public(self.tracking_uri)
        if where == known:
            return
        moved = self._tracking.exists() or (self.directory / "mlflow.db").exists()
        kept = f"; what {known} holds stays there" if moved else ""
        say(f"MLflow is at {where} from now on{kept}")
        if where == self._own_tracking:
            self._tracking.unlink()
        else:
            LocalStore(self.directory).write(self._tracking.name, where.encode())

    def require(self) -> None:
        """Raise `HomeError` where no evolution lives here."""
        if not self.exists:
            raise HomeError(
                f"{self.directory} holds no evolution; start one with "
                f"'cladeflow evolve --home {self.directory}'"
            )

    def store(self) -> Store:
        """The store of this home."""
        return LocalStore(self.directory / "store")

    def scratch(self, input_hash: str) -> Path:
        """Where a call keeps what it resumes from until its commit."""
        return self.directory / "scratch" / input_hash
