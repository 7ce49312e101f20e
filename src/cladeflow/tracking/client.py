"""How MLflow is opened: quietly, without calling anyone else, failing soon and in one way."""

import logging
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from cladeflow.errors import CladeflowError
from cladeflow.tracking.addresses import public, sqlite_path

if TYPE_CHECKING:
    from mlflow import MlflowClient

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
        if path := sqlite_path(uri):
            _create(path)
        yield MlflowClient(tracking_uri=uri, registry_uri=uri)
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise TrackingError(
            f"MLflow at {public(uri)}: {_without_passwords(reason.replace(uri, public(uri)))}; "
            "nothing is lost, the next sync of this home catches up"
        ) from error


def every_page(search: Callable[[str | None], Any]) -> Iterator[Any]:
    """All that a paged search finds; ``search`` takes the token of the page to give."""
    page = search(None)
    yield from page
    while page.token:
        page = search(page.token)
        yield from page


def _create(path: Path) -> None:
    """Make a SQLite store where there is none.

    MLflow's first migration takes seconds, and one that is killed is not taken up again: so it
    happens beside, and the whole store appears at once. In WAL mode, which SQLite remembers, a
    write costs one flush instead of three.
    """
    if path.exists():
        return
    from mlflow import MlflowClient

    path.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".mlflow-", dir=path.parent) as folder:
        draft, store = Path(folder, "draft.db"), Path(folder, "store.db")
        _sqlite(draft, "PRAGMA journal_mode=WAL")
        MlflowClient(tracking_uri=f"sqlite:///{draft}")
        _sqlite(draft, "VACUUM INTO ?", str(store))
        _sqlite(store, "PRAGMA journal_mode=WAL")
        with suppress(FileExistsError):
            path.hardlink_to(store)


def _sqlite(path: Path, statement: str, *values: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement, values)


def _without_passwords(text: str) -> str:
    return re.sub(r"(?<=//)[^/\s]*@", "", text)
