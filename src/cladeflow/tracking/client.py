"""How MLflow is opened: quietly, without calling anyone else, failing soon and in one way."""

import logging
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cladeflow.errors import CladeflowError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SQLITE = "sqlite:///"
_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    # Its defaults wait for minutes before they report that no server is there.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


class TrackingError(CladeflowError):
    """MLflow cannot be reached or refuses; nothing is lost, the next sync catches up."""


@contextmanager
def tracking_client(uri: str) -> Iterator["MlflowClient"]:
    """A client for ``uri``; whatever goes wrong inside is raised as one `TrackingError`."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        if is_local(uri):
            _prepare(Path(uri.removeprefix(_SQLITE)))
        yield MlflowClient(tracking_uri=uri, registry_uri=uri)
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TrackingError(
            f"MLflow at {_without_password(uri)}: {reason}; nothing is lost, the next sync of "
            "this home catches up"
        ) from error


def every_page(search: Callable[[str | None], Any]) -> Iterator[Any]:
    """All that a paged search finds; ``search`` takes the token of the page to give."""
    page = search(None)
    yield from page
    while page.token:
        page = search(page.token)
        yield from page


def is_local(uri: str) -> bool:
    """Whether the tracking store is a file of this machine, opened without a server."""
    return uri.startswith(_SQLITE)


def _prepare(path: Path) -> None:
    """Put a new SQLite store into WAL mode, which MLflow keeps: one flush per write, not three."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")


def _without_password(uri: str) -> str:
    return re.sub(r"(?<=//)[^/@]*@", "", uri)
