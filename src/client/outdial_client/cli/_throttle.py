"""`outdial throttle`."""

from datetime import timedelta
from typing import Annotated

import typer
from outdial.v1.throttle_pb2 import Throttle, ThrottleRule

from outdial_client._client import Client
from outdial_client._times import to_duration
from outdial_client.cli._facts import throttle_facts
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import THROTTLES
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer(no_args_is_help=True, help="Limits of how fast batches are dialled.")

ThrottleName = Annotated[str, typer.Argument(metavar="THROTTLE", help="Name or id.")]
Rules = Annotated[
    list[str] | None,
    typer.Option(
        "--rule",
        metavar="CALLS/SECONDS",
        help="At most so many calls in any so many seconds; may be repeated, all hold.",
    ),
]


def parse_rules(words: list[str] | None) -> list[tuple[int, timedelta]]:
    """`100/60` words."""
    rules = []
    for word in words or ():
        calls, slash, seconds = word.partition("/")
        if not (slash and calls.isdecimal() and seconds.isdecimal()):
            raise typer.BadParameter(f"{word!r} is not of the form CALLS/SECONDS, like 100/60")
        rules.append((int(calls), timedelta(seconds=int(seconds))))
    return rules


async def find_throttle(client: Client, name: str) -> Throttle:
    """By name, else by id."""
    found = await client.throttles.find(name)
    return found if found is not None else await client.throttles.get(name)


@commands.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Unique in the account.")],
    rule: Rules = None,
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
) -> None:
    """Make a throttle."""
    rules = parse_rules(rule)

    async def command(client: Client, screen: Screen) -> None:
        made = await client.throttles.create(name, rules, request_id=request_id)
        screen.made(made, made.throttle_id, f"Throttle {made.display_name}: {made.throttle_id}")

    run(context, command)


@commands.command("list")
def list_throttles(context: typer.Context, limit: Limit = 50) -> None:
    """List throttles, oldest first."""

    async def command(client: Client, screen: Screen) -> None:
        throttles = client.throttles.list(page_size=min(limit + 1, LARGEST_PAGE))
        await show_list(screen, throttles, THROTTLES, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, throttle: ThrottleName) -> None:
    """Show one throttle."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_throttle(client, throttle)
        screen.facts(found, throttle_facts(found))

    run(context, command)


@commands.command()
def update(
    context: typer.Context,
    throttle: ThrottleName,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    rule: Rules = None,
) -> None:
    """Change a throttle; rules take the place of all that it had."""
    rules = parse_rules(rule)
    fields = [*(["display_name"] if name is not None else []), *(["rules"] if rules else [])]
    if not fields:
        context.fail("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        found = await find_throttle(client, throttle)
        wanted = Throttle(
            throttle_id=found.throttle_id,
            etag=found.etag,
            display_name=name or "",
            rules=[ThrottleRule(max_calls=n, window=to_duration(window)) for n, window in rules],
        )
        changed = await client.throttles.update(wanted, fields)
        screen.done(changed, f"Throttle {changed.display_name} is changed.")

    run(context, command)


@commands.command()
def delete(context: typer.Context, throttle: ThrottleName) -> None:
    """Delete a throttle that no unfinished batch names."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_throttle(client, throttle)
        await client.throttles.delete(found.throttle_id)
        screen.done(found, f"Throttle {found.display_name} is deleted.")

    run(context, command)
