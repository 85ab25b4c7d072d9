"""The lock beside a SQLite file, and what is noted in it."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from outdial_server.domain.errors import Reason, UnavailableError

_DIGITS: Final = 20


class FileLock:
    """Keeps a second server off the same file: two writers would each believe that all
    leases are theirs. In it stands up to when the file knows of what its server did: whoever
    puts an older file in its place leaves that as it is."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")
        self._file: int | None = None

    def acquire(self) -> None:
        self._file = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._file)
            self._file = None
            raise UnavailableError(
                Reason.DATABASE_UNAVAILABLE,
                f"another server has {self._path.name.removesuffix('.lock')} open; one SQLite "
                "file serves one server, use PostgreSQL for more",
            ) from None

    @property
    def noted_us(self) -> int | None:
        if self._file is None:
            return None
        text = os.pread(self._file, _DIGITS, 0)
        return int(text) if len(text) == _DIGITS and text.isdigit() else None

    def note(self, moment_us: int) -> None:
        """After the commit, and not waited for until it is on the disk: a note that is lost is
        an earlier one, which takes no file for an older one."""
        if self._file is not None:
            with suppress(OSError):
                os.pwrite(self._file, b"%0*d" % (_DIGITS, moment_us), 0)

    def release(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
