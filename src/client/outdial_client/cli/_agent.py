"""`outdial agent`."""

from typing import Annotated

import typer
from outdial.v1.agent_pb2 import Agent

from outdial_client._client import Client
from outdial_client._inputs import NewAgent
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._agent_options import AgentSettings
from outdial_client.cli._completion import complete_agents
from outdial_client.cli._facts import agent_facts
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import AGENTS
from outdial_client.cli._option_groups import takes
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer(no_args_is_help=True, help="The voice agents that talk.")

AgentName = Annotated[
    str, typer.Argument(metavar="AGENT", autocompletion=complete_agents, help="Name or id.")
]


@commands.command()
@takes(AgentSettings)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Unique in the account.")],
    settings: AgentSettings,
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
) -> None:
    """Make an agent."""
    new = NewAgent(display_name=name, **settings.given())

    async def command(client: Client, screen: Screen) -> None:
        agent = await client.agents.create(new, request_id=request_id)
        screen.made(agent, agent.agent_id, f"Agent {agent.display_name}: {agent.agent_id}")

    run(context, command)


@commands.command("list")
def list_agents(context: typer.Context, limit: Limit = 50) -> None:
    """List agents, oldest first."""

    async def command(client: Client, screen: Screen) -> None:
        agents = client.agents.list(page_size=min(limit + 1, LARGEST_PAGE))
        await show_list(screen, agents, AGENTS, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, agent: AgentName) -> None:
    """Show one agent."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_agent(client, screen, agent)
        screen.facts(found, agent_facts(found))

    run(context, command)


@commands.command()
@takes(AgentSettings)
def update(
    context: typer.Context,
    agent: AgentName,
    settings: AgentSettings,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
) -> None:
    """Change an agent; labels take the place of all that it had."""
    changes = settings.given() | ({} if name is None else {"display_name": name})
    if not changes:
        context.fail("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        found = await find_agent(client, screen, agent)
        wanted = Agent(agent_id=found.agent_id, etag=found.etag, **changes)
        changed = await client.agents.update(wanted, changes)
        screen.done(changed, f"Agent {changed.display_name} is changed.")

    run(context, command)


@commands.command()
def delete(context: typer.Context, agent: AgentName) -> None:
    """Delete an agent that no unfinished batch uses."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_agent(client, screen, agent)
        await client.agents.delete(found.agent_id)
        screen.done(found, f"Agent {found.display_name} is deleted.")

    run(context, command)
