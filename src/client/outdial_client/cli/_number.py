"""`outdial number`."""

from typing import Annotated

import typer
from outdial.v1.phone_number_pb2 import PhoneNumber

from outdial_client._client import Client
from outdial_client._inputs import NewPhoneNumber
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._carrier_facts import number_facts
from outdial_client.cli._completion import complete_agents
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import NUMBERS
from outdial_client.cli._number_options import NumberSettings
from outdial_client.cli._option_groups import takes
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer(no_args_is_help=True, help="The phone numbers that calls show.")

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="+15551230000, or its id.")]


async def find_number(client: Client, number: str) -> PhoneNumber:
    """By what it is, else by id."""
    found = await client.phone_numbers.find(number) if number.startswith("+") else None
    return found if found is not None else await client.phone_numbers.get(number)


@commands.command()
@takes(NumberSettings)
def create(
    context: typer.Context,
    number: Annotated[str, typer.Argument(help="In E.164 form, +15551230000.")],
    settings: NumberSettings,
    name: Annotated[str, typer.Option(help="For people.")] = "",
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
) -> None:
    """Make a number of the account's known."""
    new = NewPhoneNumber(address=number, display_name=name, **settings.given())

    async def command(client: Client, screen: Screen) -> None:
        made = await client.phone_numbers.create(new, request_id=request_id)
        screen.made(made, made.phone_number_id, f"Number {made.address}: {made.phone_number_id}")

    run(context, command)


@commands.command("list")
def list_numbers(
    context: typer.Context,
    agent: Annotated[
        str, typer.Option(autocompletion=complete_agents, help="Only those of this agent.")
    ] = "",
    limit: Limit = 50,
) -> None:
    """List numbers, oldest first."""

    async def command(client: Client, screen: Screen) -> None:
        agent_id = (await find_agent(client, screen, agent)).agent_id if agent else ""
        numbers = client.phone_numbers.list(
            agent_id=agent_id, page_size=min(limit + 1, LARGEST_PAGE)
        )
        await show_list(screen, numbers, NUMBERS, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, number: Number) -> None:
    """Show one number."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_number(client, number)
        screen.facts(found, number_facts(found))

    run(context, command)


@commands.command()
@takes(NumberSettings)
def update(
    context: typer.Context,
    number: Number,
    settings: NumberSettings,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    *,
    resume: Annotated[
        bool, typer.Option("--resume", help="Calls show it at once, whatever the carrier said.")
    ] = False,
) -> None:
    """Change a number; labels and capabilities take the place of all that it had."""
    changes = settings.given() | ({} if name is None else {"display_name": name})
    if not changes and not resume:
        context.fail("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        found = await find_number(client, number)
        wanted = PhoneNumber(phone_number_id=found.phone_number_id, etag=found.etag, **changes)
        fields = [*changes, *(("held_until",) if resume else ())]
        changed = await client.phone_numbers.update(wanted, fields)
        screen.done(changed, f"Number {changed.address} is changed.")

    run(context, command)


@commands.command()
def delete(context: typer.Context, number: Number) -> None:
    """Delete a number; calls that show it go on."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_number(client, number)
        await client.phone_numbers.delete(found.phone_number_id)
        screen.done(found, f"Number {found.address} is deleted.")

    run(context, command)


@commands.command()
def bind(
    context: typer.Context,
    number: Number,
    agent: Annotated[
        str, typer.Argument(metavar="AGENT", autocompletion=complete_agents, help="Name or id.")
    ],
    place: Annotated[
        int | None, typer.Option(min=0, help="Among the agent's numbers, from 0; else the last.")
    ] = None,
) -> None:
    """Let an agent call from a number."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_number(client, number)
        caller = await find_agent(client, screen, agent)
        bound = await client.phone_numbers.bind(found.phone_number_id, caller.agent_id, place=place)
        screen.done(bound, f"Agent {caller.display_name} calls from {bound.address}.")

    run(context, command)


@commands.command()
def unbind(context: typer.Context, number: Number) -> None:
    """Take a number from its agent."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_number(client, number)
        unbound = await client.phone_numbers.unbind(found.phone_number_id)
        screen.done(unbound, f"No agent calls from {unbound.address}.")

    run(context, command)
