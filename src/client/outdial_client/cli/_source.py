"""The file that people come from: a path, or `-` for what is piped in."""

import asyncio
import os
import sys
from asyncio import CancelledError
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from outdial_client.cli._exit_code import CommandFailure
from outdial_client.cli._screen import Screen

STDIN = "-"
_PIECE_BYTES = 1 << 16


@asynccontextmanager
async def open_source(screen: Screen, name: str) -> AsyncIterator[Path]:
    """The file to read, as often as it takes.

    What comes through a pipe is kept in a temporary file first: then it can be sent
    again after a broken connection, and read again for a report.
    """
    if not _comes_once(name):
        yield Path(name)
        return
    with NamedTemporaryFile(prefix="outdial-") as copy:
        try:
            await _fill(copy, name)
        except CancelledError:
            screen.note("Nothing was sent.")
            raise
        except OSError as error:
            raise CommandFailure(f"{name}: {error.strerror}") from error
        yield Path(copy.name)


def _comes_once(name: str) -> bool:
    # One that is missing is told by whoever opens it.
    return name == STDIN or (Path(name).exists() and not Path(name).is_file())


def title_of(name: str) -> str:
    """How the file is called on the screen."""
    return "stdin" if name == STDIN else Path(name).name


async def _fill(copy: IO[bytes], name: str) -> None:
    with _descriptor(name) as descriptor:
        while piece := await _read(descriptor):
            copy.write(piece)
    copy.flush()


@contextmanager
def _descriptor(name: str) -> Iterator[int]:
    if name == STDIN:
        yield sys.stdin.fileno()
        return
    descriptor = os.open(name, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def _read(descriptor: int) -> bytes:
    # A read that blocks would not hear Ctrl-C: the loop waits for it instead.
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    try:
        loop.add_reader(descriptor, ready.set)
    except (NotImplementedError, PermissionError):
        # A regular file is always ready; some systems cannot wait for a pipe.
        return os.read(descriptor, _PIECE_BYTES)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(descriptor)
    return os.read(descriptor, _PIECE_BYTES)
