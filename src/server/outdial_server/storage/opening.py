"""Why a database cannot be opened, in words of what a person can put right.

The words never hold the URL: it may hold a password.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from outdial_server.domain.errors import Reason, UnavailableError

_EXAMPLES: Final = "sqlite:///outdial.db or postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE"
_POSTGRES: Final = "postgresql+asyncpg"

_REFUSED: Final = ("28", "42501")
"""How the SQLSTATEs begin that say who may not: authorisation, privileges."""
_NO_DATABASE: Final = "3D000"


class CannotOpenError(ValueError):
    """The database that a URL names cannot be used; the message says why."""


def parse_url(url: str) -> URL:
    """`sqlite:///FILE` or `postgresql+asyncpg://...`; raises CannotOpenError for others."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise CannotOpenError(f"is no database URL, like {_EXAMPLES}") from None
    backend = parsed.get_backend_name()
    if backend != "sqlite" and parsed.drivername != _POSTGRES:
        raise CannotOpenError(f"{parsed.drivername!r} is not supported; use {_EXAMPLES}")
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise CannotOpenError("a SQLite database must be a file, like sqlite:///outdial.db")
    return parsed


def is_shared(url: str) -> bool:
    """Whether several servers may have this database open. Raises CannotOpenError."""
    return parse_url(url).get_backend_name() != "sqlite"


@contextmanager
def refusals_in_words(url: URL) -> Iterator[None]:
    """Raises CannotOpenError for what will not pass by itself, UnavailableError for what
    may. What is neither is a fault of ours, and comes as it is."""
    try:
        yield
    except CannotOpenError:
        raise
    except Exception as error:
        words = _sqlite_words if url.get_backend_name() == "sqlite" else _postgres_words
        said = words(url, error)
        if said is not None:
            raise said from error
        raise


def _sqlite_words(url: URL, error: Exception) -> CannotOpenError | None:
    driver = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(driver, sqlite3.Error):
        fault = _SQLITE_FAULTS.get(getattr(driver, "sqlite_errorcode", 0) & 0xFF)
        return CannotOpenError(f"{url.database} {fault or f'cannot be used: {driver}'}")
    if isinstance(error, OSError):
        return CannotOpenError(
            f"{error.filename or url.database} cannot be made: {error.strerror}; the folder must "
            "be there and writable"
        )
    return None


_SQLITE_FAULTS: Final = {
    sqlite3.SQLITE_NOTADB: "is no SQLite database",
    sqlite3.SQLITE_CORRUPT: "is damaged: bring it back from a backup",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: it must be a file, in a folder that is there "
    "and writable",
    sqlite3.SQLITE_READONLY: "cannot be written: file and folder must be writable",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_BUSY: "is in use by another process",
}


def _postgres_words(url: URL, error: Exception) -> Exception | None:
    cause = error.__cause__ if isinstance(error, UnavailableError) else error
    if isinstance(cause, ModuleNotFoundError):
        return CannotOpenError("PostgreSQL needs the extra: pip install 'outdial[postgres]'")
    if isinstance(cause, OSError):
        return UnavailableError(
            Reason.DATABASE_UNAVAILABLE,
            f"no PostgreSQL can be reached at {_place(url)}: {_in_words(cause)}",
        )
    driver = cause.orig if isinstance(cause, DBAPIError) else cause
    state = str(getattr(driver, "sqlstate", "") or "")
    if state == _NO_DATABASE:
        return CannotOpenError(f"there is no database {url.database!r} at {_place(url)}; create it")
    if state.startswith(_REFUSED):
        return CannotOpenError(
            f"PostgreSQL at {_place(url)} refuses the user {url.username or ''!r}: {driver}"
        )
    return None


def _in_words(error: OSError) -> str:
    """The event loop puts its own text in place of the system's, and a time-out has none."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    known = error.errno is not None and error.errno > 0
    return os.strerror(error.errno) if known and error.errno else str(error.strerror or error)


def _place(url: URL) -> str:
    host = url.host or url.query.get("host") or "localhost"
    return f"{host}:{url.port}" if url.port else str(host)
