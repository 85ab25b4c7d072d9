"""What the shell offers for ids and names: asked of the server, or nothing at all."""

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable
from datetime import timedelta

import typer

from outdial_client._client import Client
from outdial_client._errors import OutdialError
from outdial_client.cli._choices import BATCH_STATES
from outdial_client.cli._exit_code import CommandFailure
from outdial_client.cli._session import open_client
from outdial_client.cli._settings import Given, Setting, Settings

# A person waits with a finger on the key.
_PATIENCE = timedelta(milliseconds=800)
_MOST_OFFERED = 50

Offers = list[tuple[str, str]]


def complete_batches(context: typer.Context, incomplete: str) -> Offers:
    """Ids of the newest batches, each with its name and state."""

    async def ask(client: Client) -> Offers:
        page = await anext(client.batches.list(page_size=_MOST_OFFERED).pages())
        return [
            (batch.batch_id, f"{batch.display_name}, {BATCH_STATES.spoken(batch.state)}")
            for batch in page.items
        ]

    return _offer(context, incomplete, ask)


def complete_agents(context: typer.Context, incomplete: str) -> Offers:
    """Names of agents."""

    async def ask(client: Client) -> Offers:
        page = await anext(client.agents.list(page_size=_MOST_OFFERED).pages())
        return [(_typed(agent.display_name), "") for agent in page.items]

    return _offer(context, incomplete, ask)


def _offer(
    context: typer.Context, incomplete: str, ask: Callable[[Client], Awaitable[Offers]]
) -> Offers:
    try:
        offers = asyncio.run(_ask(_settings(context), ask))
    except (OutdialError, CommandFailure, TimeoutError):
        # Whatever is wrong is told by the command itself, not in the middle of a line.
        return []
    return [offer for offer in offers if offer[0].startswith(incomplete)]


async def _ask(settings: Settings, ask: Callable[[Client], Awaitable[Offers]]) -> Offers:
    async with asyncio.timeout(_PATIENCE.total_seconds()), open_client(settings) as client:
        return await ask(client)


def _settings(context: typer.Context) -> Settings:
    # The line is not finished, so nothing of it has run: only its options are known.
    params = context.find_root().params
    connection = ("address", "api_key", "tls", "ca_cert", "client_cert", "client_key")
    said = {name: Setting(params[name], "") for name in connection if params.get(name) is not None}
    given = Given(settings=said, config=params.get("config"), profile=params.get("profile") or "")
    return Settings.resolve(given)


def _typed(name: str) -> str:
    # Bash puts an offer into the line as it is; the other shells quote it themselves.
    for_bash = os.environ.get("_OUTDIAL_COMPLETE", "").endswith("bash")
    quoted = shlex.quote(name)
    if not for_bash or quoted == name:
        return name
    return "".join(char if char.isalnum() or char in "._-" else f"\\{char}" for char in name)
