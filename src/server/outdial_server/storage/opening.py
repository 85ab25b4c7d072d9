"""Why a database cannot be opened, in words of what a person can put right.

The words never hold the URL: it may hold a password.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias, Union

from outdial_server.domain.errors import Reason, UnavailableError

_EXAMPLES: Final = "sqlite:///outdial.db or postgresql+asyncpg://USER:PASSWORD@HOST/DATABASE"
_POSTGRES: Final = "postgresql+asyncpg"

_REFUSED: Final = ("28", "42501")
"""How the SQLSTATEs begin that say who may not: authorisation, privileges."""
_NO_DATABASE: Final = "3D000"


_SQLITE: Final = re.compile(r"sqlite(\+\w+)?://(/(?P<path>.*))?")

if TYPE_CHECKING:
    from sqlalchemy.engine import URL


@dataclass(frozen=True, slots=True)
class SqliteFile:
    path: str


Place: TypeAlias = Union[SqliteFile, "URL"]
"""Where a database is; by a URL if on PostgreSQL."""


class CannotOpenError(ValueError):
    """The database that a URL names cannot be used; the message says why."""


def parse_url(url: str) -> Place:
    """`sqlite:///FILE` or `postgresql+asyncpg://...`; raises CannotOpenError for others."""
    sqlite = _SQLITE.fullmatch(url)
    if sqlite is None:
        return _parse_others(url)
    path, _, options = (sqlite["path"] or "").partition("?")
    if path in ("", ":memory:"):
        raise CannotOpenError("a SQLite database must be a file, like sqlite:///outdial.db")
    if options:
        raise CannotOpenError("takes no options with SQLite: leave out all from the ? on")
    return SqliteFile(path)


def _parse_others(url: str) -> "URL":
    # Loaded here: a server on SQLite starts without it.
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise CannotOpenError(f"is no database URL, like {_EXAMPLES}") from None
    if parsed.drivername != _POSTGRES:
        raise CannotOpenError(f"{parsed.drivername!r} is not supported; use {_EXAMPLES}")
    return parsed


def is_shared(url: str) -> bool:
    """Whether several servers may have this database open. Raises CannotOpenError."""
    return not isinstance(parse_url(url), SqliteFile)


@contextmanager
def refusals_in_words(place: Place) -> Iterator[None]:
    """Raises CannotOpenError for what will not pass by itself, UnavailableError for what
    may. What is neither is a fault of ours, and comes as it is."""
    try:
        yield
    except CannotOpenError:
        raise
    except Exception as error:
        if isinstance(place, SqliteFile):
            said: Exception | None = _sqlite_words(place, error)
        else:
            said = _postgres_words(place, error)
        if said is not None:
            raise said from error
        raise


def _sqlite_words(file: SqliteFile, error: Exception) -> CannotOpenError | None:
    driver = _of_driver(error)
    if isinstance(driver, sqlite3.Error):
        fault = _SQLITE_FAULTS.get(getattr(driver, "sqlite_errorcode", 0) & 0xFF)
        return CannotOpenError(f"{file.path} {fault or f'cannot be used: {driver}'}")
    if isinstance(error, OSError):
        return CannotOpenError(
            f"{error.filename or file.path} cannot be made: {error.strerror}; the folder must "
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


def _postgres_words(url: "URL", error: Exception) -> Exception | None:
    cause = error.__cause__ if isinstance(error, UnavailableError) else error
    if isinstance(cause, ModuleNotFoundError):
        return CannotOpenError("PostgreSQL needs the extra: pip install 'outdial[postgres]'")
    if isinstance(cause, OSError):
        return UnavailableError(
            Reason.DATABASE_UNAVAILABLE,
            f"no PostgreSQL can be reached at {_place(url)}: {_in_words(cause)}",
        )
    driver = _of_driver(cause)
    state = str(getattr(driver, "sqlstate", "") or "")
    if state == _NO_DATABASE:
        return CannotOpenError(f"there is no database {url.database!r} at {_place(url)}; create it")
    if state.startswith(_REFUSED):
        return CannotOpenError(
            f"PostgreSQL at {_place(url)} refuses the user {url.username or ''!r}: {driver}"
        )
    return None


def _of_driver(error: BaseException | None) -> object:
    """A DBAPIError of SQLAlchemy's names the driver's own."""
    return getattr(error, "orig", None) or error


def _in_words(error: OSError) -> str:
    """The event loop puts its own text in place of the system's, and a time-out has none."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    known = error.errno is not None and error.errno > 0
    return os.strerror(error.errno) if known and error.errno else str(error.strerror or error)


def _place(url: "URL") -> str:
    host = url.host or url.query.get("host") or "localhost"
    return f"{host}:{url.port}" if url.port else str(host)
