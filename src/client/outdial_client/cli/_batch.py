"""`outdial batch`: what is done with a batch as a whole."""

from typing import Annotated

import typer
from outdial.v1.batch_pb2 import Batch

from outdial_client._client import Client
from outdial_client._inputs import NewBatch, NewCall
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._batch_facts import batch_facts, estimate_facts, is_idle
from outdial_client.cli._batch_options import (
    AgentOption,
    BatchId,
    BatchSettings,
    CarrierParams,
    NewBatchSettings,
)
from outdial_client.cli._choices import BATCH_STATES, choice
from outdial_client.cli._folder_names import Contacts, Folders, folder_ids
from outdial_client.cli._lengths import seconds_or_none
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import BATCHES
from outdial_client.cli._option_groups import takes
from outdial_client.cli._schedule_warnings import tell_warning
from outdial_client.cli._screen import Screen, to_json
from outdial_client.cli._session import run
from outdial_client.cli._typed import parse_context, parse_pairs

commands = typer.Typer(no_args_is_help=True, help="Lists of people to call.")

_CLEARABLE = (
    "window_start",
    "window_end",
    "max_concurrent_calls",
    "caller_id",
    "phone_numbers",
    "rotation",
    "retry_policy",
    "calling_hours",
    "max_calls_per_day",
    "throttle",
    "carrier_config",
    "metadata",
    "carrier_params",
)


@commands.command()
@takes(NewBatchSettings)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A label for people.")],
    *,
    agent: AgentOption,
    folder: Folders = None,
    contact: Contacts = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Wait for `batch start`; without contacts it does.")
    ] = False,
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, and make nothing.")
    ] = False,
    settings: NewBatchSettings,
) -> None:
    """Call contacts; without any, a draft is made. `batch import` calls who is in a file."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_agent(client, screen, agent)
        new_batch = NewBatch(agent_id=found.agent_id, display_name=name, **settings.given())
        created = await client.batches.create(
            new_batch,
            contact_folder_ids=await folder_ids(client, screen, folder),
            contact_ids=contact or (),
            draft=draft or not (folder or contact),
            request_id=request_id,
            validate_only=dry_run,
        )
        batch = created.batch
        if dry_run:
            screen.facts(created, batch_facts(batch))
            screen.note("Nothing was made: that is what it would be.")
            return
        screen.made(batch, batch.batch_id, f"Batch {batch.display_name}: {batch.batch_id}")
        tell_warning(screen, batch)

    run(context, command)


@commands.command()
@takes(NewBatchSettings)
def estimate(
    context: typer.Context,
    people: Annotated[int, typer.Argument(min=0, help="How many there are to call.")],
    *,
    agent: AgentOption,
    settings: NewBatchSettings,
) -> None:
    """Say how long the window of a batch must be for so many people; nothing is made."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_agent(client, screen, agent)
        new_batch = NewBatch(agent_id=found.agent_id, display_name="", **settings.given())
        told = await client.batches.estimate_window(new_batch, people)
        screen.facts(told, estimate_facts(told))

    run(context, command)


@commands.command()
def add(
    context: typer.Context,
    batch_id: BatchId,
    address: Annotated[str, typer.Argument(help="A number, +15551230001, or a SIP address.")] = "",
    *,
    folder: Folders = None,
    contact: Contacts = None,
    custom_id: Annotated[str, typer.Option(help="Your own key.")] = "",
    time_zone: Annotated[str, typer.Option(help="The person's, for example Europe/Vienna.")] = "",
    caller_id: Annotated[str, typer.Option(help="Number to show, +15551230000.")] = "",
    priority: Annotated[int, typer.Option(min=0, max=9, help="Higher is called first.")] = 0,
    ring_timeout: Annotated[
        int | None,
        typer.Option(min=1, max=600, metavar="SECONDS", help="How long it may ring."),
    ] = None,
    max_call_duration: Annotated[
        int | None,
        typer.Option(min=1, max=86_400, metavar="SECONDS", help="How long it may last."),
    ] = None,
    carrier_config: Annotated[
        str, typer.Option(help="Carrier config to dial them with, by name or id.")
    ] = "",
    value: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="For templates: JSON or text. May be repeated."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TEXT", help="A label of your own; may be repeated."),
    ] = None,
    carrier_param: CarrierParams = None,
    replace_waiting: Annotated[
        bool, typer.Option("--replace-waiting", help="In place of those who wait.")
    ] = False,
    request_id: Annotated[str, typer.Option(help="The same id adds it only once.")] = "",
) -> None:
    """Add one person, or contacts, to a batch that has not ended; `batch append` adds a file."""
    if not (address or folder or contact):
        context.fail("say an address, a --folder or a --contact")
    call = NewCall(
        address=address,
        custom_id=custom_id,
        time_zone=time_zone,
        caller_id=caller_id,
        priority=priority,
        ring_timeout=seconds_or_none(ring_timeout),
        max_call_duration=seconds_or_none(max_call_duration),
        carrier_config=carrier_config,
        template_context=parse_context(value),
        metadata=parse_pairs(label),
        carrier_params=parse_context(carrier_param),
    )

    async def command(client: Client, screen: Screen) -> None:
        response = await client.batches.add_calls(
            batch_id,
            [call] if address else (),
            contact_folder_ids=await folder_ids(client, screen, folder),
            contact_ids=contact or (),
            request_id=request_id,
            replace_waiting=replace_waiting,
        )
        if folder or contact:
            screen.done(response, f"The batch has {response.batch.counts.total} to call.")
        elif response.skipped_duplicates:
            screen.done(response, f"{address} is in the batch already.")
        else:
            screen.done(response, f"{address} is added.")
        tell_warning(screen, response.batch)

    run(context, command)


@commands.command("list")
def list_batches(
    context: typer.Context,
    state: Annotated[list[int] | None, choice(BATCH_STATES, "STATE", "May be repeated.")] = None,
    agent: AgentOption = "",
    limit: Limit = 50,
) -> None:
    """List batches, newest first."""

    async def command(client: Client, screen: Screen) -> None:
        agent_id = (await find_agent(client, screen, agent)).agent_id if agent else ""
        batches = client.batches.list(
            states=state or (),  # type: ignore[arg-type]
            agent_id=agent_id,
            page_size=min(limit + 1, LARGEST_PAGE),
        )
        await show_list(screen, batches, BATCHES, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, batch_id: BatchId) -> None:
    """Show one batch."""

    async def command(client: Client, screen: Screen) -> None:
        batch = await client.batches.get(batch_id)
        screen.facts(batch, batch_facts(batch))
        if is_idle(batch) and not screen.is_json:
            screen.note(f"Nobody is being called; why: {screen.command('explain', batch_id)}")

    run(context, command)


@commands.command()
@takes(BatchSettings)
def update(
    context: typer.Context,
    batch_id: BatchId,
    *,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    settings: BatchSettings,
    clear: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SETTING",
            autocompletion=lambda: list(_CLEARABLE),
            help=f"Unset it; one of {', '.join(_CLEARABLE)}. May be repeated.",
        ),
    ] = None,
) -> None:
    """Change a batch; labels, and parameters of the carrier, take the place of all it had."""
    changes = settings.given() | ({} if name is None else {"display_name": name})
    cleared = list(clear or ())
    unknown = next((setting for setting in cleared if setting not in _CLEARABLE), None)
    if unknown:
        context.fail(f"{unknown!r} cannot be unset; {', '.join(_CLEARABLE)} can")
    if not changes and not cleared:
        context.fail("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        found = await client.batches.get(batch_id)
        wanted = NewBatch(agent_id="", **{"display_name": "", **changes}).to_message()
        wanted.batch_id, wanted.etag = found.batch_id, found.etag
        changed = await client.batches.update(wanted, [*changes, *cleared])
        screen.done(changed, f"Batch {batch_id} is changed.")
        tell_warning(screen, changed)

    run(context, command)


@commands.command()
def start(context: typer.Context, batch_id: BatchId) -> None:
    """Start a draft."""

    async def command(client: Client, screen: Screen) -> None:
        _confirm(screen, await client.batches.start(batch_id))

    run(context, command)


@commands.command()
def pause(context: typer.Context, batch_id: BatchId) -> None:
    """Hold a batch; calls already placed come to their own end."""

    async def command(client: Client, screen: Screen) -> None:
        response = await client.batches.pause(batch_id)
        _confirm(screen, response.batch, response.sends_in_flight)

    run(context, command)


@commands.command()
def resume(context: typer.Context, batch_id: BatchId) -> None:
    """Go on with a batch that was paused."""

    async def command(client: Client, screen: Screen) -> None:
        _confirm(screen, await client.batches.resume(batch_id))

    run(context, command)


@commands.command()
def cancel(context: typer.Context, batch_id: BatchId) -> None:
    """End a batch; calls already placed come to their own end."""

    async def command(client: Client, screen: Screen) -> None:
        response = await client.batches.cancel(batch_id)
        _confirm(screen, response.batch, response.sends_in_flight)

    run(context, command)


@commands.command()
def delete(context: typer.Context, batch_id: BatchId) -> None:
    """Delete a batch; what waits is not called."""

    async def command(client: Client, screen: Screen) -> None:
        response = await client.batches.delete(batch_id)
        screen.done(response, f"Batch {batch_id} is deleted.{_in_flight(response.sends_in_flight)}")

    run(context, command)


def _confirm(screen: Screen, batch: Batch, sends_in_flight: int | None = None) -> None:
    if screen.is_json:
        told = {} if sends_in_flight is None else {"sends_in_flight": sends_in_flight}
        screen.json({**to_json(batch), **told})
        return
    state = BATCH_STATES.name(batch.state)
    screen.say(f"Batch {batch.batch_id} is {state}.{_in_flight(sends_in_flight or 0)}")


def _in_flight(sends: int) -> str:
    return f" The carrier still owes {sends} answers to requests already sent." if sends else ""
