"""One run of the command: which server, which key, which screen."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import typer

from outdial_client._channel import TlsConfig
from outdial_client._client import Client
from outdial_client._errors import OutdialError, UnauthenticatedError, UnavailableError
from outdial_client.cli._exit_code import CommandFailure, ExitCode
from outdial_client.cli._screen import Screen

Command = Callable[[Client, Screen], Awaitable[ExitCode | None]]


@dataclass(frozen=True, slots=True)
class Session:
    """What the global options said."""

    address: str
    api_key: str
    tls: bool | TlsConfig
    screen: Screen


def run(context: typer.Context, command: Command) -> None:
    """Runs a command against the server and leaves with its exit code, never a traceback."""
    session = cast(Session, context.obj)
    try:
        code = asyncio.run(_with_client(session, command))
    except OutdialError as error:
        _report(session, error)
        code = ExitCode.SERVER_ERROR
    except CommandFailure as failure:
        session.screen.note(f"Error: {failure.message}")
        code = failure.code
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    raise typer.Exit(code or ExitCode.OK)


async def _with_client(session: Session, command: Command) -> ExitCode | None:
    async with Client(session.address, api_key=session.api_key, tls=session.tls) as client:
        return await command(client, session.screen)


def _report(session: Session, error: OutdialError) -> None:
    note = session.screen.note
    note(f"Error: {error.message} ({error.reason or error.code.name})")
    for fault in error.details.fields:
        note(f"  {fault.field}: {fault.description}")
    for precondition in error.details.preconditions:
        note(f"  {precondition.subject}: {precondition.description}")
    hint = _hint(session, error)
    if hint:
        note(hint)
    if error.request_id:
        note(f"  request {error.request_id}")


def _hint(session: Session, error: OutdialError) -> str:
    if isinstance(error, UnavailableError) and not error.request_id:
        return f"  Is a server running at {session.address}? Name another with --address."
    if isinstance(error, UnauthenticatedError):
        return "  Give a key with --api-key or OUTDIAL_API_KEY."
    return ""
