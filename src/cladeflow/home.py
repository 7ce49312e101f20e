"""A home: the three addresses where one evolution lives, and a place for scratch files."""

import os
from pathlib import Path

from cladeflow.errors import HomeError
from cladeflow.store import LocalStore, Store

ARCHIVE_VARIABLE = "CLADEFLOW_ARCHIVE"
"""Names the archive's address; unlike a command line, it may have the password in it."""


class Home:
    """Store, archive and tracking of one evolution, below one directory unless told otherwise.

    The gold answers lie in a root of their own, opened by the checker process only. An archive
    elsewhere is named once: from then on the home knows its address, though not its password.
    """

    def __init__(self, directory: Path, tracking_uri: str | None = None) -> None:
        self.directory = directory.expanduser().resolve()
        self._address = self.directory / "archive.url"
        self.archive_url = self._archive_url(os.environ.get(ARCHIVE_VARIABLE))
        self.tracking_uri = tracking_uri or f"sqlite:///{self.directory / 'mlflow.db'}"
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

    def settle(self) -> None:
        """Write down where the archive is, now that it could be opened there."""
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
