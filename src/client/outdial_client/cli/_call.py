"""`outdial call`."""

from datetime import datetime
from typing import Annotated, Any

import typer
from google.protobuf.json_format import ParseDict, ParseError
from outdial.v1.call_pb2 import CallState, Conversation
from outdial.v1.call_service_pb2 import CallJoined, CallOver, CallResolution
from outdial.v1.scheduled_call_pb2 import Disposition

from outdial_client._client import Client
from outdial_client._inputs import NewDirectCall
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._batch_options import AgentOption, CarrierParams
from outdial_client.cli._call_facts import call_facts
from outdial_client.cli._choices import CALL_STATES, DISPOSITIONS, RESOLUTIONS, choice
from outdial_client.cli._completion import complete_batches
from outdial_client.cli._lengths import seconds_or_none
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import CALLS
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._typed import parse_context, parse_moment, parse_object, parse_pairs
from outdial_client.cli._words import call_sentence

commands = typer.Typer(
    no_args_is_help=True, help="Calls: the tries to reach people, and direct ones."
)

CallId = Annotated[str, typer.Argument(metavar="CALL", help="The call's id.")]


@commands.command()
def start(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="Whom to call.")],
    agent: AgentOption,
    *,
    caller_id: Annotated[str, typer.Option(help="Number to show, +15551230000.")] = "",
    value: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="For templates: JSON or text. May be repeated."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TEXT", help="A label of your own; may be repeated."),
    ] = None,
    ring_timeout: Annotated[
        int | None,
        typer.Option(min=1, max=600, metavar="SECONDS", help="How long it may ring; 30."),
    ] = None,
    max_call_duration: Annotated[
        int | None,
        typer.Option(min=1, max=86_400, metavar="SECONDS", help="How long it may last; 3600."),
    ] = None,
    carrier: Annotated[str, typer.Option(help="Name of the carrier.")] = "",
    carrier_config: Annotated[
        str, typer.Option(help="Id or name of the carrier config that it is dialled through.")
    ] = "",
    carrier_param: CarrierParams = None,
    throttle: Annotated[
        str, typer.Option(help="Id or name of the throttle that it counts in.")
    ] = "",
    wait_until: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="ISO", help="Wait for room until then."),
    ] = None,
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
) -> None:
    """Call one person at once, outside any batch."""
    values, labels = parse_context(value), parse_pairs(label)
    params = parse_context(carrier_param)

    async def command(client: Client, screen: Screen) -> None:
        found = await find_agent(client, screen, agent)
        wanted = NewDirectCall(
            agent_id=found.agent_id,
            address=address,
            caller_id=caller_id,
            carrier=carrier,
            carrier_config=carrier_config,
            ring_timeout=seconds_or_none(ring_timeout),
            max_call_duration=seconds_or_none(max_call_duration),
            throttle=throttle,
            wait_until=wait_until,
            template_context=values,
            metadata=labels,
            carrier_params=params,
        )
        call = await client.calls.create(wanted, request_id=request_id)
        is_on_its_way = call.state == CallState.CALL_STATE_WAITING and wait_until is None
        sentence = f"Call {call.call_id} is on its way." if is_on_its_way else call_sentence(call)
        screen.made(call, call.call_id, sentence)

    run(context, command)


@commands.command("list")
def list_calls(
    context: typer.Context,
    batch: Annotated[
        str, typer.Option(autocompletion=complete_batches, help="Only calls of this batch.")
    ] = "",
    scheduled_call: Annotated[str, typer.Option(help="Only calls to this person.")] = "",
    state: Annotated[list[int] | None, choice(CALL_STATES, "STATE", "May be repeated.")] = None,
    direct: Annotated[bool, typer.Option("--direct", help="Only those of no batch.")] = False,
    limit: Limit = 50,
) -> None:
    """List calls, newest first."""

    async def command(client: Client, screen: Screen) -> None:
        calls = client.calls.list(
            batch_id=batch,
            scheduled_call_id=scheduled_call,
            states=state or (),  # type: ignore[arg-type]
            only_direct=direct,
            page_size=min(limit + 1, LARGEST_PAGE),
        )
        await show_list(screen, calls, CALLS, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, call_id: CallId) -> None:
    """Show one call."""

    async def command(client: Client, screen: Screen) -> None:
        call = await client.calls.get(call_id)
        screen.facts(call, call_facts(call))

    run(context, command)


@commands.command()
def delete(context: typer.Context, call_id: CallId) -> None:
    """Delete a call that has ended, with what was said in it, for good."""

    async def command(client: Client, screen: Screen) -> None:
        found = await client.calls.get(call_id)
        await client.calls.delete(call_id)
        screen.done(found, f"Call {call_id} is deleted.")

    run(context, command)


@commands.command()
def end(context: typer.Context, call_id: CallId) -> None:
    """Ask the carrier to hang up; a direct call that waits is called off."""

    async def command(client: Client, screen: Screen) -> None:
        call = await client.calls.end(call_id)
        screen.done(call, call_sentence(call))

    run(context, command)


@commands.command()
def resolve(
    context: typer.Context,
    call_id: CallId,
    resolution: Annotated[
        int,
        typer.Argument(
            parser=RESOLUTIONS.parse,
            metavar="|".join(RESOLUTIONS.words),
            autocompletion=RESOLUTIONS.complete,
            help="What became of it.",
        ),
    ],
    disposition: Annotated[
        int | None,
        choice(DISPOSITIONS, "HOW", "How it ended; for `placed`, and needed there."),
    ] = None,
) -> None:
    """Say what became of a call that nobody knows about."""

    async def command(client: Client, screen: Screen) -> None:
        call = await client.calls.resolve(
            call_id,
            CallResolution.ValueType(resolution),
            disposition=Disposition.ValueType(disposition or 0),
        )
        screen.done(call, call_sentence(call))

    run(context, command)


@commands.command()
def report(
    context: typer.Context,
    call_id: CallId,
    *,
    joined: Annotated[
        bool, typer.Option("--joined", help="Somebody or something is on the line.")
    ] = False,
    machine: Annotated[
        bool, typer.Option("--machine", help="With --joined: it is a machine.")
    ] = False,
    ended: Annotated[bool, typer.Option("--ended", help="The call is over.")] = False,
    disposition: Annotated[
        int | None, choice(DISPOSITIONS, "HOW", "With --ended: how it ended.")
    ] = None,
    reason: Annotated[str, typer.Option(help="With --ended: a word of your own for why.")] = "",
    conversation: Annotated[
        dict[str, Any] | None,
        typer.Option(
            parser=parse_object,
            metavar="JSON",
            help="What was said: a Conversation as JSON, or @FILE.",
        ),
    ] = None,
) -> None:
    """Say what another system knows of a call."""
    if joined and ended:
        raise typer.BadParameter("--joined and --ended are two reports")
    if machine and not joined:
        raise typer.BadParameter("--machine needs --joined")
    if (disposition or reason) and not ended:
        raise typer.BadParameter("--disposition and --reason need --ended")
    how = Disposition.ValueType(disposition or 0)
    told = None if conversation is None else _conversation(conversation)

    async def command(client: Client, screen: Screen) -> None:
        call = await client.calls.report(
            call_id,
            joined=CallJoined(by_machine=machine) if joined else None,
            ended=CallOver(disposition=how, reason=reason) if ended else None,
            conversation=told,
        )
        screen.done(call, call_sentence(call))

    run(context, command)


def _conversation(values: dict[str, Any]) -> Conversation:
    try:
        return ParseDict(values, Conversation())
    except ParseError as error:
        raise typer.BadParameter(f"--conversation: {error}") from None
