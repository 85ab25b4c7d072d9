"""The file that people come from: a path, or `-` for what is piped in."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

import typer

from outdial_client._csv import CsvFile
from outdial_client.cli._exit_code import ExitCode

STDIN = "-"


@contextmanager
def open_source(name: str) -> Iterator[CsvFile]:
    """The file to read.

    What comes through a pipe is kept in a temporary file first: then it can be sent
    again after a broken connection, and read again for a report.
    """
    if name != STDIN and (Path(name).is_file() or not Path(name).exists()):
        yield Path(name)
        return
    if name == STDIN and sys.stdin.buffer.seekable():
        yield sys.stdin.buffer
        return
    with TemporaryFile() as copy:
        try:
            _copy(name, copy)
        except KeyboardInterrupt:
            typer.echo("Nothing was sent.", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except OSError as error:
            raise typer.BadParameter(f"{name}: {error.strerror}") from None
        copy.seek(0)
        yield copy


def _copy(name: str, copy: BinaryIO) -> None:
    if name == STDIN:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        return
    with Path(name).open("rb") as pipe:
        shutil.copyfileobj(pipe, copy)


def title_of(name: str) -> str:
    """How the file is called on the screen."""
    return "stdin" if name == STDIN else Path(name).name
