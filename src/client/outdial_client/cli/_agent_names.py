"""Agents by name or id."""

import re

from outdial.v1.agent_pb2 import Agent

from outdial_client._client import Client
from outdial_client.cli._exit_code import CommandFailure, ExitCode
from outdial_client.cli._screen import Screen

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def is_id(text: str) -> bool:
    """Whether it is written like an id."""
    return _UUID.fullmatch(text) is not None


async def find_agent(client: Client, screen: Screen, name_or_id: str) -> Agent:
    """The agent; CommandFailure when no agent has that name."""
    if is_id(name_or_id):
        return await client.agents.get(name_or_id)
    agent = await client.agents.find(name_or_id)
    if agent is None:
        raise CommandFailure(
            f"no agent is called {name_or_id!r}",
            ExitCode.NOT_FOUND,
            hint=f"Make it with: {screen.command('agent', 'create', name_or_id)}",
        )
    return agent
