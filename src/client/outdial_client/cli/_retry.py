"""`outdial batch retry-failed`."""

from datetime import datetime
from typing import Annotated

import typer

from outdial_client._client import Client
from outdial_client.cli._batch_options import BatchId
from outdial_client.cli._choices import DISPOSITIONS, SCHEDULED_CALL_STATES, choice
from outdial_client.cli._exit_code import ExitCode
from outdial_client.cli._follow import follow as follow_batch
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._typed import parse_moment

commands = typer.Typer()


@commands.command("retry-failed")
def retry_failed(
    context: typer.Context,
    batch_id: BatchId,
    disposition: Annotated[
        list[int] | None,
        choice(
            DISPOSITIONS,
            "HOW",
            "Only people whose latest call ended so; may be repeated. Else all but unknown and "
            "presumed-ended, who may have been reached.",
        ),
    ] = None,
    state: Annotated[
        list[int] | None,
        choice(SCHEDULED_CALL_STATES, "STATE", "Else failed; may be repeated."),
    ] = None,
    window_end: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="ISO", help="A later end of the window."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Watch it to its end.")] = False,
) -> None:
    """Call those people once more who were not reached; a completed batch runs again."""

    async def command(client: Client, screen: Screen) -> ExitCode:
        response = await client.batches.retry(
            batch_id,
            states=state or (),  # type: ignore[arg-type]
            dispositions=disposition or (),  # type: ignore[arg-type]
            window_end=window_end,
        )
        screen.done(response, f"Batch {batch_id}: {response.retried_count} to call once more.")
        if follow:
            return await follow_batch(client, screen, response.batch)
        if response.retried_count:
            screen.say(f"Watch it: {screen.command('watch', batch_id)}")
        return ExitCode.OK

    run(context, command)
