"""Addresses of MLflow: which there are, and how one is shown without its credentials."""

from pathlib import Path

from cladeflow.errors import HomeError

_SQLITE = "sqlite:///"
_DATABASES = ("postgresql", "mysql", "mssql")
_SECRETS = ("password", "sslpassword")
"""Parameters of an address that nobody but the server may read."""


def parse(uri: str) -> str:
    """An address that means the same in every directory; raises `HomeError` for what is none."""
    scheme, _, place = uri.partition("://")
    if scheme in ("", "file") or not place.strip("/"):
        raise HomeError(
            f"no MLflow can be at {public(uri)!r}: name a server, such as http://server:5000, or a "
            "database, such as sqlite:////home/me/mlflow.db, with --tracking or MLFLOW_TRACKING_URI"
        )
    path = sqlite_path(uri)
    if path is None:
        return uri
    _, mark, query = uri.partition("?")
    return f"{_SQLITE}{path.resolve()}{mark}{query}"


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite store; None for any other store."""
    if not uri.startswith(_SQLITE):
        return None
    return Path(uri.removeprefix(_SQLITE).partition("?")[0])


def is_local(uri: str) -> bool:
    """Whether a store is opened without a server, and so points to files instead of keeping any."""
    return _kind(uri) in ("sqlite", *_DATABASES)


def public(uri: str) -> str:
    """An address that may be shown and written down.

    What comes before the last ``@`` counts as credentials, of which a database's user stays.
    """
    scheme, mark, place = uri.partition("://") if "://" in uri else ("", "", uri)
    if _kind(uri) == "sqlite":
        return uri
    credentials, _, server = place.rpartition("@")
    user = credentials.partition(":")[0] if _kind(uri) in _DATABASES else ""
    server, _, query = server.partition("?")
    kept = "&".join(part for part in query.split("&") if part.partition("=")[0] not in _SECRETS)
    return f"{scheme}{mark}{user and f'{user}@'}{server}{kept and f'?{kept}'}"


def _kind(uri: str) -> str:
    """The scheme, without the driver that a database's may name."""
    return uri.partition("://")[0].partition("+")[0]
