"""`outdial carrier-config`."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer
from outdial.v1.carrier_config_pb2 import CarrierConfig

from outdial_client._client import Client
from outdial_client.cli._carrier_facts import carrier_config_facts
from outdial_client.cli._credentials import CredentialsFile, read_credentials
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import CARRIER_CONFIGS
from outdial_client.cli._option_groups import takes
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._typed import parse_pairs

commands = typer.Typer(no_args_is_help=True, help="Accounts at carriers, and their limits.")

Resume = Annotated[
    bool, typer.Option("--resume", help="Calls at once, whatever the carrier said last.")
]

ConfigName = Annotated[str, typer.Argument(metavar="CARRIER_CONFIG", help="Name or id.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigSettings:
    """What can be said about a carrier config; None is: not said."""

    max_concurrent: Annotated[
        int | None, typer.Option(min=0, help="Calls alive at once; 0 for no limit of its own.")
    ] = None
    calls_per_second: Annotated[
        float | None,
        typer.Option(min=0, max=1000, help="0.01 to 1000; 0 for what the carrier has."),
    ] = None
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=TEXT", help="A label of your own; may be repeated."),
    ] = None

    def given(self) -> dict[str, Any]:
        """What was said, under the names of CarrierConfig."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        said["max_concurrent_calls"] = said.pop("max_concurrent")
        said["metadata"] = parse_pairs(said.pop("label")) or None
        return {name: value for name, value in said.items() if value is not None}


async def find_carrier_config(client: Client, name: str) -> CarrierConfig:
    """By name, else by id."""
    found = await client.carrier_configs.find(name)
    return found if found is not None else await client.carrier_configs.get(name)


@commands.command()
@takes(ConfigSettings)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Unique in the account.")],
    *,
    carrier: Annotated[str, typer.Option(help="One that `server info` lists.")],
    credentials: CredentialsFile = None,
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
    settings: ConfigSettings,
) -> None:
    """Make a carrier config."""

    async def command(client: Client, screen: Screen) -> None:
        secrets: dict[str, Any] = read_credentials(credentials, carrier)
        made = await client.carrier_configs.create(
            name, carrier, request_id=request_id, **settings.given(), **secrets
        )
        told = f"Carrier config {made.display_name}: {made.carrier_config_id}"
        screen.made(made, made.carrier_config_id, told)

    run(context, command)


@commands.command("list")
def list_carrier_configs(context: typer.Context, limit: Limit = 50) -> None:
    """List carrier configs, oldest first."""

    async def command(client: Client, screen: Screen) -> None:
        configs = client.carrier_configs.list(page_size=min(limit + 1, LARGEST_PAGE))
        await show_list(screen, configs, CARRIER_CONFIGS, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, carrier_config: ConfigName) -> None:
    """Show one carrier config."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_carrier_config(client, carrier_config)
        screen.facts(found, carrier_config_facts(found))

    run(context, command)


@commands.command()
@takes(ConfigSettings)
def update(
    context: typer.Context,
    carrier_config: ConfigName,
    settings: ConfigSettings,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    credentials: CredentialsFile = None,
    *,
    resume: Resume = False,
) -> None:
    """Change a carrier config; labels take the place of all that it had, and so do credentials."""
    given = settings.given() | ({} if name is None else {"display_name": name})
    if not given and credentials is None and not resume:
        context.fail("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        found = await find_carrier_config(client, carrier_config)
        changes = given | read_credentials(credentials, found.carrier)
        wanted = CarrierConfig(
            carrier_config_id=found.carrier_config_id, etag=found.etag, **changes
        )
        fields = [*changes, *(("held_until",) if resume else ())]
        changed = await client.carrier_configs.update(wanted, fields)
        screen.done(changed, f"Carrier config {changed.display_name} is changed.")

    run(context, command)


@commands.command()
def delete(context: typer.Context, carrier_config: ConfigName) -> None:
    """Delete a carrier config that no unfinished batch names."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_carrier_config(client, carrier_config)
        await client.carrier_configs.delete(found.carrier_config_id)
        screen.done(found, f"Carrier config {found.display_name} is deleted.")

    run(context, command)


@commands.command()
def check(context: typer.Context, carrier_config: ConfigName) -> None:
    """Ask the carrier whether it takes the credentials; nobody is called."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_carrier_config(client, carrier_config)
        checked = await client.carrier_configs.check(found.carrier_config_id)
        screen.done(checked, f"{checked.carrier} takes the credentials of {checked.display_name}.")

    run(context, command)
