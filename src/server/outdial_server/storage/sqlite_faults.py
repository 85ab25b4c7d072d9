"""What a SQLite file that cannot be used says of itself, as callers are told."""

import os
import sqlite3
from typing import Final

from outdial_server.domain.errors import Reason, UnavailableError

_FULL: Final = "the disk of the database is full: nothing can be written until there is space"
_READ_ONLY: Final = "the database is read-only: nothing can be written until that is put right"


def unavailable(error: sqlite3.Error, path: str) -> UnavailableError:
    """For an error of a file that worked before."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return UnavailableError(Reason.DATABASE_FULL, _FULL)
    if code == sqlite3.SQLITE_READONLY or (code == sqlite3.SQLITE_IOERR and _is_read_only(path)):
        return UnavailableError(Reason.DATABASE_READ_ONLY, _READ_ONLY)
    return UnavailableError(Reason.DATABASE_UNAVAILABLE, f"the database cannot be used: {error}")


def _is_read_only(path: str) -> bool:
    """A file system that the system has made read-only after a fault of its disk: to SQLite
    that is an input/output error like others."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False
