"""`outdial-server`."""

from importlib.metadata import version
from typing import Annotated

import typer

from outdial_server.cli import (
    accounts,
    erase,
    keys,
    migrate,
    quarantine,
    rotate_master_key,
    serve,
    simulate_carrier,
)

app = typer.Typer(
    name="outdial-server",
    help="Schedules outbound calls. Settings come from OUTDIAL_* variables.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.command)
app.command("migrate")(migrate.command)
app.add_typer(keys.app, name="keys", help="Make, list and revoke API keys.")
app.add_typer(accounts.app, name="accounts", help="Make, list and change accounts.")
app.add_typer(quarantine.app, name="quarantine", help="What holds dialling back after a failover.")
app.command("erase")(erase.command)
app.command("rotate-master-key")(rotate_master_key.command)
app.command("simulate-carrier")(simulate_carrier.command)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"outdial-server {version('outdial')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Schedules outbound calls. Settings come from OUTDIAL_* variables."""
