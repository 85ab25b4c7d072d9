"""The command and its groups."""

import os
from collections.abc import Mapping
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from outdial_client.cli import (
    _account,
    _agent,
    _batch,
    _call,
    _carrier_config,
    _config,
    _contact,
    _contact_import,
    _events,
    _explain,
    _export,
    _external_call,
    _folder,
    _forecast,
    _import,
    _imports,
    _keys,
    _number,
    _retry,
    _scheduled_call,
    _server,
    _suppression,
    _throttle,
    _watch,
    _webhook,
)
from outdial_client.cli._config_file import OUTPUTS
from outdial_client.cli._global_options import GlobalOptionsGroup
from outdial_client.cli._settings import Given, Setting

app = typer.Typer(
    cls=GlobalOptionsGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Help and errors of the command line as plain text: the same in a pipe and in a log.
    rich_markup_mode=None,
    help="Calls lists of people through an Outdial server. The options here may stand anywhere.",
)
app.add_typer(_batch.commands, name="batch")
app.add_typer(_scheduled_call.commands, name="scheduled-call")
app.add_typer(_call.commands, name="call")
app.add_typer(_imports.commands, name="import")
app.add_typer(_agent.commands, name="agent")
app.add_typer(_account.commands, name="account")
app.add_typer(_folder.commands, name="folder")
app.add_typer(_contact.commands, name="contact")
app.add_typer(_suppression.commands, name="suppression")
app.add_typer(_throttle.commands, name="throttle")
app.add_typer(_external_call.commands, name="external-call")
app.add_typer(_number.commands, name="number")
app.add_typer(_carrier_config.commands, name="carrier-config")
app.add_typer(_webhook.commands, name="webhook")
app.add_typer(_keys.commands, name="keys")
app.add_typer(_server.commands, name="server")
app.add_typer(_config.commands, name="config")
app.add_typer(_watch.commands)
app.add_typer(_explain.commands)
app.add_typer(_forecast.commands)
_batch.commands.add_typer(_import.commands)
_contact.commands.add_typer(_contact_import.commands)
_batch.commands.add_typer(_export.commands)
_batch.commands.add_typer(_retry.commands)
_batch.commands.add_typer(_events.commands)

_OUTPUT_VARIABLE = "OUTDIAL_OUTPUT"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(installed_version("outdial-client"))
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    *,
    address: Annotated[
        str | None, typer.Option(envvar="OUTDIAL_ADDRESS", help="Host and port of the server.")
    ] = None,
    api_key: Annotated[str | None, typer.Option(envvar="OUTDIAL_API_KEY", help="Your key.")] = None,
    tls: Annotated[
        bool | None, typer.Option(envvar="OUTDIAL_TLS", help="Encrypt the connection.")
    ] = None,
    ca_cert: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            envvar="OUTDIAL_CA_CERT",
            help="Who signs the server's certificate (PEM); implies --tls.",
        ),
    ] = None,
    client_cert: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", envvar="OUTDIAL_CLIENT_CERT", help="Your own certificate (PEM)."
        ),
    ] = None,
    client_key: Annotated[
        str | None,
        typer.Option(metavar="FILE", envvar="OUTDIAL_CLIENT_KEY", help="The key to it (PEM)."),
    ] = None,
    timeout_seconds: Annotated[
        int | None,
        typer.Option(
            "--timeout", min=1, envvar="OUTDIAL_TIMEOUT_SECONDS", help="For each request; 30."
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(envvar="OUTDIAL_PROFILE", help="Which settings of the config file count."),
    ] = "",
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="OUTDIAL_CONFIG", help="The config file."),
    ] = None,
    json: Annotated[
        bool | None,
        typer.Option("--json/--table", help="Answer with an object a line, or for people."),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Only what was asked for: ids, no words, no progress."),
    ] = False,
    no_color: Annotated[
        bool, typer.Option("--no-color", help="No colours; as NO_COLOR does.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    said = {
        "address": address,
        "api_key": api_key,
        "tls": tls,
        "ca_cert": ca_cert,
        "client_cert": client_cert,
        "client_key": client_key,
        "timeout_seconds": timeout_seconds,
    }
    settings = {
        name: Setting(value, _source(context, name))
        for name, value in said.items()
        if value is not None
    }
    context.obj = Given(
        settings={**settings, **_output(context, json)},
        config=config,
        profile=profile,
        is_quiet=quiet,
        has_color=not no_color,
        repeated=_repeated(context),
    )


# What a command line must say again to reach the same server. A key is never repeated:
# what is printed may be read by others.
_REPEATED = ("address", "tls", "ca_cert", "client_cert", "client_key", "profile", "config")


def _repeated(context: typer.Context) -> tuple[str, ...]:
    words: list[str] = []
    for name in _REPEATED:
        if _is_typed(context, name):
            value = context.params[name]
            option = f"--{name.replace('_', '-')}"
            words += _flag(option, value) if isinstance(value, bool) else (option, str(value))
    return tuple(words)


def _flag(option: str, value: bool) -> tuple[str]:
    return (option if value else option.replace("--", "--no-"),)


def _source(context: typer.Context, name: str) -> str:
    option = "--timeout" if name == "timeout_seconds" else f"--{name.replace('_', '-')}"
    return option if _is_typed(context, name) else f"OUTDIAL_{name.upper()}"


def _is_typed(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _output(context: typer.Context, json: bool | None) -> Mapping[str, Setting]:
    if json is not None:
        return {"output": Setting(*(("json", "--json") if json else ("table", "--table")))}
    text = os.environ.get(_OUTPUT_VARIABLE)
    if not text:
        return {}
    if text not in OUTPUTS:
        context.fail(f"{_OUTPUT_VARIABLE} must be one of {', '.join(OUTPUTS)}")
    return {"output": Setting(text, _OUTPUT_VARIABLE)}
