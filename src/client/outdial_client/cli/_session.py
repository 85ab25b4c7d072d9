"""One run of the command: which server, which key, which screen."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import typer

from outdial_client._client import Client
from outdial_client._errors import OutdialError
from outdial_client.cli._exit_code import CommandFailure, ExitCode, exit_code_of
from outdial_client.cli._failures import describe_error, describe_failure
from outdial_client.cli._screen import Screen
from outdial_client.cli._settings import Given, Settings

Command = Callable[[Client, Screen], Awaitable[ExitCode | None]]
LocalCommand = Callable[[Given, Screen], None]


@dataclass(slots=True)
class _Session:
    """Fills up as the run gets on, so that a failure is told with what is known by then."""

    given: Given
    screen: Screen
    settings: Settings | None = None

    @classmethod
    def of(cls, context: typer.Context) -> "_Session":
        given = cast(Given, context.obj)
        output = given.settings.get("output")
        return cls(given, _screen(given, is_json=output is not None and output.value == "json"))

    def resolve(self) -> Settings:
        self.settings = settings = Settings.resolve(self.given)
        self.screen = _screen(self.given, is_json=settings.is_json)
        if settings.config.can_be_read_by_others:
            self.screen.note(f"Others can read the key in it: chmod 600 {settings.config.path}")
        return settings

    def leave(self, work: Callable[[], ExitCode | None]) -> None:
        try:
            code = work()
        except OutdialError as error:
            code = exit_code_of(error)
            describe_error(error, code, self.settings, self.screen).show(self.screen)
        except CommandFailure as failure:
            code = failure.code
            describe_failure(failure).show(self.screen)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        raise typer.Exit(code or ExitCode.OK)


def run(context: typer.Context, command: Command) -> None:
    """Runs a command against the server and leaves with its exit code, never a traceback."""
    session = _Session.of(context)

    def work() -> ExitCode | None:
        return asyncio.run(_with_client(session.resolve(), command, session))

    session.leave(work)


def run_locally(context: typer.Context, command: LocalCommand) -> None:
    """The same for a command that needs no server."""
    session = _Session.of(context)
    session.leave(lambda: command(session.given, session.screen))


async def _with_client(settings: Settings, command: Command, session: _Session) -> ExitCode | None:
    async with open_client(settings) as client:
        return await command(client, session.screen)


def open_client(settings: Settings) -> Client:
    """A client of the server that the settings name; CommandFailure when they name none."""
    try:
        return Client(
            settings.address,
            api_key=settings.api_key,
            tls=settings.encryption(),
            timeout=settings.timeout,
        )
    except ValueError as error:
        raise CommandFailure(str(error)) from error


def _screen(given: Given, *, is_json: bool) -> Screen:
    return Screen.open(
        is_json=is_json,
        is_quiet=given.is_quiet,
        has_color=given.has_color,
        repeated=given.repeated,
    )
