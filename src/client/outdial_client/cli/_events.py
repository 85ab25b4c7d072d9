"""`outdial batch events`."""

from typing import Annotated

import typer
from outdial.v1.batch_service_pb2 import WatchDelivery
from outdial.v1.event_pb2 import Event

from outdial_client._client import Client
from outdial_client.cli._batch_options import BatchId
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import EVENTS, event_cells
from outdial_client.cli._screen import Screen, to_json
from outdial_client.cli._session import run
from outdial_client.cli._views import lost

commands = typer.Typer()


@commands.command()
def events(
    context: typer.Context,
    batch_id: BatchId,
    after: Annotated[int, typer.Option(min=0, help="Only events after this number.")] = 0,
    limit: Limit = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="And those to come, to the end of the batch.")
    ] = False,
) -> None:
    """List what happened in a batch, in order; with --follow every event exactly once."""

    async def command(client: Client, screen: Screen) -> None:
        if not follow:
            pager = client.batches.events(
                batch_id, after_sequence=after, page_size=min(limit + 1, LARGEST_PAGE)
            )
            await show_list(screen, pager, EVENTS, limit)
            return
        # A watch starts with a snapshot: the events that it stands for come from the log.
        shown = after
        watch = client.batches.watch(
            batch_id,
            delivery=WatchDelivery.WATCH_DELIVERY_EVERY_EVENT,
            on_interruption=lambda interruption: screen.note(lost(interruption)),
        )
        async with watch:
            async for message in watch:
                if message.snapshot_complete:
                    shown = await _catch_up(client, screen, batch_id, shown, message.sequence)
                for event in message.events:
                    if event.sequence > shown:
                        _show(screen, event)

    run(context, command)


async def _catch_up(client: Client, screen: Screen, batch_id: str, after: int, upto: int) -> int:
    """Shows the events that a watch's snapshot stands for; the number of the last one shown."""
    if after >= upto:
        return after
    async for event in client.batches.events(
        batch_id, after_sequence=after, page_size=LARGEST_PAGE
    ):
        if event.sequence > upto:
            break
        _show(screen, event)
    return upto


def _show(screen: Screen, event: Event) -> None:
    if screen.is_json:
        screen.json(to_json(event))
    else:
        screen.line("  ".join(cell for cell in event_cells(event) if cell))
