"""Archive addresses: which there are, and how one is shown without its secrets."""

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from cladeflow.errors import HomeError

_BACKENDS = ("sqlite", "postgresql")
_SECRETS = ("password", "sslpassword")
"""Parameters of an address that nobody but the server may read."""


def parse(url: str) -> URL:
    """The parts of an archive's address; raises `HomeError`, without the secret, for any other."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        address = URL.create("unreadable")
    if address.get_backend_name() not in _BACKENDS or not address.database:
        shown = address if address.get_backend_name() == "unreadable" else public(address)
        raise HomeError(
            f"no archive can be at {shown}: name a SQLite file, such as "
            "sqlite:////home/me/archive.db, or a PostgreSQL database, such as "
            "postgresql://me@server/archive"
        )
    return address


def public(address: URL) -> str:
    """An address that may be shown and written down."""
    return address._replace(password=None).difference_update_query(_SECRETS).render_as_string()


def has_secret(address: URL) -> bool:
    """Whether an address has a password in it."""
    return address.password is not None or any(name in address.query for name in _SECRETS)
