"""A home: the three addresses where one evolution lives, and a place for scratch files."""

from pathlib import Path

from cladeflow.errors import HomeError
from cladeflow.store import LocalStore, Store


class Home:
    """Store, archive and tracking of one evolution below one directory.

    The gold answers lie in a root of their own, opened by the checker process only.
    """

    def __init__(self, directory: Path, tracking_uri: str | None = None) -> None:
        self.directory = directory.expanduser().resolve()
        self.archive_url = f"sqlite:///{self.directory / 'archive.db'}"
        self.tracking_uri = tracking_uri or f"sqlite:///{self.directory / 'mlflow.db'}"
        self.artifact_uri = (self.directory / "mlartifacts").as_uri()
        self.gold = self.directory / "gold"

    @property
    def exists(self) -> bool:
        """Whether an evolution was started here."""
        return (self.directory / "archive.db").exists()

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
