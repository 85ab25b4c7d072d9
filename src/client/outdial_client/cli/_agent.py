"""`outdial agent`."""

from typing import Annotated

import typer

from outdial_client._client import Client
from outdial_client.cli._agent_names import find_agent
from outdial_client.cli._screen import Output, Screen, to_json
from outdial_client.cli._session import run
from outdial_client.cli._words import moment

commands = typer.Typer(no_args_is_help=True, help="The voice agents that talk.")


@commands.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Unique in the account.")],
    max_concurrent: Annotated[int, typer.Option(min=0, help="Calls alive at once.")] = 0,
) -> None:
    """Make an agent."""

    async def command(client: Client, screen: Screen) -> None:
        agent = await client.agents.create(name, max_concurrent_calls=max_concurrent)
        if screen.output is Output.JSON:
            screen.json(to_json(agent))
        else:
            screen.line(f"Agent {agent.display_name}: {agent.agent_id}")

    run(context, command)


@commands.command("list")
def list_agents(context: typer.Context) -> None:
    """List agents, oldest first."""

    async def command(client: Client, screen: Screen) -> None:
        agents = await client.agents.list().to_list()
        if screen.output is Output.JSON:
            for agent in agents:
                screen.json(to_json(agent))
            return
        rows = [
            (
                agent.agent_id,
                agent.display_name,
                str(agent.max_concurrent_calls or ""),
                str(agent.active_calls),
                moment(agent.create_time),
            )
            for agent in agents
        ]
        screen.table(("id", "name", "calls at once", "alive", "created"), rows)

    run(context, command)


@commands.command()
def delete(
    context: typer.Context,
    agent: Annotated[str, typer.Argument(help="Name or id.")],
) -> None:
    """Delete an agent that no unfinished batch uses."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_agent(client, agent)
        await client.agents.delete(found.agent_id)
        screen.line(f"Agent {found.display_name} is deleted.")

    run(context, command)
