"""How a command runs: settings read, coroutine run, refusals told in a line."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

import typer

from outdial_server.domain.errors import OutdialError, UnavailableError
from outdial_server.settings import SettingsError

if sys.platform == "win32":
    run = asyncio.run
else:
    import uvloop

    def run(main: Coroutine[Any, Any, None]) -> None:
        uvloop.run(main)


@contextmanager
def refusals_told() -> Iterator[None]:
    """What a person can put right is a line on standard error, without a traceback."""
    try:
        yield
    except (SettingsError, OutdialError) as error:
        # Of all that a command needs, only the database can be away.
        setting = "OUTDIAL_DATABASE_URL: " if isinstance(error, UnavailableError) else ""
        typer.echo(f"outdial-server: {setting}{error}", err=True)
        raise typer.Exit(1) from None
