"""A disk that can be filled and emptied under a process that writes to it."""

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

_SIZE_BYTES = 48 * 1024**2


class Disk(Protocol):
    folder: Path
    # What a server says of a write that failed here.
    reason: str
    # Whether a log elsewhere can be written while it is full.
    leaves_logs: bool

    def fill(self, pid: int) -> None: ...

    def empty(self, pid: int) -> None: ...


class SmallDisk:
    """A file system of its own, filled by a file that takes what is left."""

    reason = "DATABASE_FULL"
    leaves_logs = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, pid: int) -> None:
        with self._ballast.open("wb", buffering=0) as ballast:
            for size in (1024**2, 4096, 1):
                _write_until_full(ballast.fileno(), size)

    def empty(self, pid: int) -> None:
        self._ballast.unlink()


def _write_until_full(file: int, size: int) -> None:
    try:
        while True:
            os.write(file, bytes(size))
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


class LimitedProcess:
    """A process that can write to no file beyond its first page: neither to the database, of
    which that is an error of SQLite's own, nor to its log."""

    reason = "DATABASE_UNAVAILABLE"
    leaves_logs = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, pid: int) -> None:
        self._limit(pid, 4096)

    def empty(self, pid: int) -> None:
        self._limit(pid, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(pid: int, size: int) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE_BYTES}", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode != 0:
        yield LimitedProcess(folder)
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
