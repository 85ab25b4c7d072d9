"""The file that people come from: a path, or `-` for what is piped in."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

import typer

from outdial_client.cli._exit_code import ExitCode

STDIN = "-"


@contextmanager
def open_source(name: str) -> Iterator[Path]:
    """The file to read, as often as it takes.

    What comes through a pipe is kept in a temporary file first: then it can be sent
    again after a broken connection, and read again for a report.
    """
    path = Path(name)
    if name != STDIN and (path.is_file() or not path.exists()):
        yield path
        return
    with NamedTemporaryFile(prefix="outdial-") as copy:
        try:
            _fill(copy, name)
        except KeyboardInterrupt:
            typer.echo("Nothing was sent.", err=True)
            raise typer.Exit(ExitCode.INTERRUPTED) from None
        except OSError as error:
            raise typer.BadParameter(f"{name}: {error.strerror}") from None
        yield Path(copy.name)


def _fill(copy: IO[bytes], name: str) -> None:
    if name == STDIN:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    else:
        with Path(name).open("rb") as pipe:
            shutil.copyfileobj(pipe, copy)
    copy.flush()


def title_of(name: str) -> str:
    """How the file is called on the screen."""
    return "stdin" if name == STDIN else Path(name).name
