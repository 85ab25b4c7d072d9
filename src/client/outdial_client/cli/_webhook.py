"""`outdial webhook`."""

from datetime import datetime
from typing import Annotated, Any

import typer
from outdial.v1.webhook_pb2 import WEBHOOK_FORMAT_UNSPECIFIED, Webhook

from outdial_client._client import Client
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._choices import (
    BATCH_STATES,
    DELIVERY_STATES,
    EVENT_TYPES,
    WEBHOOK_FORMATS,
    choice,
)
from outdial_client.cli._exit_code import CommandFailure, ExitCode
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import DELIVERIES, WEBHOOKS
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._typed import parse_moment, parse_secret
from outdial_client.cli._webhook_facts import answer_in_words, webhook_facts

commands = typer.Typer(no_args_is_help=True, help="Endpoints of yours that events are posted to.")

WebhookId = Annotated[str, typer.Argument(metavar="WEBHOOK", help="Its id.")]
Events = Annotated[
    list[int] | None, choice(EVENT_TYPES, "EVENT", "What is sent; may be repeated; else all.")
]
Ends = Annotated[
    list[int] | None,
    choice(BATCH_STATES, "STATE", "Of ends of batches only such; may be repeated; else all."),
]
Description = Annotated[str | None, typer.Option(help="A note for people.")]
Secret = Annotated[
    str,
    typer.Option(
        parser=parse_secret, metavar="TEXT", help="What requests are signed with, or @FILE."
    ),
]


@commands.command()
def create(
    context: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="https.")],
    *,
    event: Events = None,
    batch_end: Ends = None,
    agent: Annotated[
        str, typer.Option(metavar="AGENT", help="Only of this agent's batches and calls.")
    ] = "",
    batch: Annotated[str, typer.Option(metavar="BATCH", help="Only of this batch.")] = "",
    format: Annotated[  # noqa: A002 - as the field is called
        int | None, choice(WEBHOOK_FORMATS, "FORMAT", "In whose words.")
    ] = None,
    description: Description = None,
    secret: Secret = "",
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
) -> None:
    """Make a webhook, and show its secret this once."""

    async def command(client: Client, screen: Screen) -> None:
        agent_id = (await find_agent(client, screen, agent)).agent_id if agent else ""
        made = await client.webhooks.create(
            url,
            event_types=event or (),  # type: ignore[arg-type]
            batch_end_states=batch_end or (),  # type: ignore[arg-type]
            agent_id=agent_id,
            batch_id=batch,
            webhook_format=format or WEBHOOK_FORMAT_UNSPECIFIED,  # type: ignore[arg-type]
            description=description or "",
            secret=secret,
            request_id=request_id,
        )
        screen.made(made, made.secret, f"Webhook {made.webhook.webhook_id}: {made.webhook.url}")
        screen.say(f"Its secret, shown only now: {made.secret}")

    run(context, command)


@commands.command("list")
def list_webhooks(
    context: typer.Context,
    agent: Annotated[
        str, typer.Option(metavar="AGENT", help="Those that are of this agent alone.")
    ] = "",
    limit: Limit = 50,
) -> None:
    """List webhooks, oldest first."""

    async def command(client: Client, screen: Screen) -> None:
        agent_id = (await find_agent(client, screen, agent)).agent_id if agent else ""
        webhooks = client.webhooks.list(agent_id=agent_id, page_size=min(limit + 1, LARGEST_PAGE))
        await show_list(screen, webhooks, WEBHOOKS, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, webhook: WebhookId) -> None:
    """Show one webhook, and how it has taken what was sent."""

    async def command(client: Client, screen: Screen) -> None:
        found = await client.webhooks.get(webhook)
        screen.facts(found, webhook_facts(found))

    run(context, command)


@commands.command()
def update(
    context: typer.Context,
    webhook: WebhookId,
    *,
    url: Annotated[str | None, typer.Option(help="Another URL.")] = None,
    event: Events = None,
    batch_end: Ends = None,
    description: Description = None,
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether anything is sent.")
    ] = None,
) -> None:
    """Change a webhook; events take the place of all that it had."""
    said: dict[str, Any] = {
        "url": url,
        "event_types": event,
        "batch_end_states": batch_end,
        "description": description,
        "active": active,
    }
    given = {name: value for name, value in said.items() if value is not None}
    if not given:
        context.fail("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        changed = await client.webhooks.update(Webhook(webhook_id=webhook, **given), given)
        screen.done(changed, f"Webhook {changed.webhook_id} is changed.")

    run(context, command)


@commands.command()
def delete(context: typer.Context, webhook: WebhookId) -> None:
    """Delete a webhook, with what was still to be sent to it."""

    async def command(client: Client, screen: Screen) -> None:
        found = await client.webhooks.get(webhook)
        await client.webhooks.delete(webhook)
        screen.done(found, f"Webhook {found.webhook_id} is deleted.")

    run(context, command)


@commands.command()
def rotate(context: typer.Context, webhook: WebhookId, secret: Secret = "") -> None:
    """Make a new secret, and show it this once; the old one signs, too, for 24 hours."""

    async def command(client: Client, screen: Screen) -> None:
        rotated = await client.webhooks.rotate_secret(webhook, secret=secret)
        screen.made(rotated, rotated.secret, f"Webhook {rotated.webhook.webhook_id}:")
        screen.say(f"Its new secret, shown only now: {rotated.secret}")

    run(context, command)


@commands.command()
def deliveries(
    context: typer.Context,
    webhook: WebhookId,
    state: Annotated[
        list[int] | None, choice(DELIVERY_STATES, "STATE", "Only these; may be repeated.")
    ] = None,
    batch: Annotated[str, typer.Option(help="Only of this batch.")] = "",
    limit: Limit = 50,
) -> None:
    """List what became of the events that it was to be told of, newest first."""

    async def command(client: Client, screen: Screen) -> None:
        found = client.webhooks.list_deliveries(
            webhook,
            states=state or (),  # type: ignore[arg-type]
            batch_id=batch,
            page_size=min(limit + 1, LARGEST_PAGE),
        )
        await show_list(screen, found, DELIVERIES, limit)

    run(context, command)


@commands.command()
def redeliver(
    context: typer.Context,
    webhook: WebhookId,
    message: Annotated[
        list[str] | None, typer.Argument(metavar="MESSAGE", help="Ids, as `deliveries` lists them.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_moment, metavar="ISO", help="All that happened from then on."),
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(parser=parse_moment, metavar="ISO", help="Before then.")
    ] = None,
    batch: Annotated[str, typer.Option(help="With --since: only of this batch.")] = "",
) -> None:
    """Send events again, by their ids or by when they happened."""
    if bool(message) == bool(since):
        context.fail("name messages, or a time with --since")
    if since is None and (until is not None or batch):
        context.fail("--until and --batch go with --since")

    async def command(client: Client, screen: Screen) -> None:
        if since is None:
            told = await client.webhooks.redeliver(webhook, message or ())
        else:
            told = await client.webhooks.redeliver_since(
                webhook, since, until=until, batch_id=batch
            )
        screen.done(
            told,
            f"Sent again: events {told.event_count}, of batches and direct calls "
            f"{told.batch_count}; less those of types that it is not told of.",
        )

    run(context, command)


@commands.command()
def test(context: typer.Context, webhook: WebhookId) -> None:
    """Send one test event now, and say what came of it."""

    async def command(client: Client, screen: Screen) -> None:
        told = await client.webhooks.send_test(webhook)
        words = f"{answer_in_words(told)}, in {told.duration.ToMilliseconds()} ms"
        if not told.taken:
            raise CommandFailure(f"it was not taken: {words}", ExitCode.SERVER_ERROR)
        screen.done(told, f"It was taken: {words}.")

    run(context, command)
