"""The command and its groups."""

from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from outdial_client._channel import TlsConfig
from outdial_client._client import DEFAULT_ADDRESS, Client
from outdial_client.cli import _account, _agent, _batch, _calls
from outdial_client.cli._batch import BatchId
from outdial_client.cli._exit_code import ExitCode
from outdial_client.cli._follow import follow
from outdial_client.cli._global_options import GlobalOptionsGroup
from outdial_client.cli._screen import Output, Screen, to_json
from outdial_client.cli._session import Session, run

app = typer.Typer(
    cls=GlobalOptionsGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Calls lists of people through an Outdial server. Global options may stand anywhere.",
)
app.add_typer(_batch.commands, name="batch")
app.add_typer(_calls.commands, name="calls")
app.add_typer(_agent.commands, name="agent")
app.add_typer(_account.commands, name="account")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(installed_version("outdial-client"))
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    address: Annotated[
        str, typer.Option(envvar="OUTDIAL_ADDRESS", help="Host and port of the server.")
    ] = DEFAULT_ADDRESS,
    api_key: Annotated[
        str, typer.Option(envvar="OUTDIAL_API_KEY", show_default=False, help="Your key.")
    ] = "",
    output: Annotated[
        Output, typer.Option("--output", "-o", envvar="OUTDIAL_OUTPUT", help="Form of the answer.")
    ] = Output.TABLE,
    tls: Annotated[
        bool, typer.Option(envvar="OUTDIAL_TLS", help="Encrypt the connection.")
    ] = False,
    ca_cert: Annotated[
        Path | None,
        typer.Option(
            envvar="OUTDIAL_CA_CERT",
            exists=True,
            dir_okay=False,
            help="Who signs the server's certificate (PEM); implies --tls.",
        ),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    encryption = TlsConfig(root_certificates=ca_cert.read_bytes()) if ca_cert else tls
    context.obj = Session(address, api_key, encryption, Screen.open(output))


@app.command()
def watch(context: typer.Context, batch_id: BatchId) -> None:
    """Follow a batch to its end; Ctrl-C leaves it running."""

    async def command(client: Client, screen: Screen) -> ExitCode:
        return await follow(client, screen, await client.batches.get(batch_id))

    run(context, command)


@app.command()
def info(context: typer.Context) -> None:
    """Show the server's version, carriers and limits."""

    async def command(client: Client, screen: Screen) -> None:
        server = await client.server_info()
        if screen.output is Output.JSON:
            screen.json(to_json(server))
            return
        lines = [
            ("version", server.version),
            ("database", server.database),
            ("carriers", ", ".join(server.carriers) or "none"),
            ("features", ", ".join(server.features) or "none"),
            ("rows a request", str(server.limits.max_scheduled_calls_per_request)),
        ]
        for name, text in lines:
            screen.line(f"{name:<14} {text}")

    run(context, command)
