"""`outdial config`."""

import sys
from typing import Annotated

import typer

from outdial_client.cli._config_file import (
    DEFAULT_PROFILE,
    KINDS,
    ConfigFile,
    Value,
    parse_value,
)
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run_locally
from outdial_client.cli._settings import Given, Settings

commands = typer.Typer(
    no_args_is_help=True, help="The config file: settings kept under the name of a profile."
)


def _complete_keys(incomplete: str) -> list[str]:
    return [key for key in KINDS if key.startswith(incomplete)]


Key = Annotated[
    str,
    typer.Argument(
        metavar="SETTING", autocompletion=_complete_keys, help=f"One of {', '.join(KINDS)}."
    ),
]


@commands.command()
def path(context: typer.Context) -> None:
    """Say where the config file is, or would be."""

    def command(given: Given, screen: Screen) -> None:
        if screen.is_json:
            screen.json({"path": str(given.config_path)})
        screen.line(str(given.config_path))

    run_locally(context, command)


@commands.command()
def show(context: typer.Context) -> None:
    """Show each setting, who said it, and the key masked."""

    def command(given: Given, screen: Screen) -> None:
        settings = Settings.resolve(given)
        shown = settings.shown()
        if screen.is_json:
            values = {
                name: {"value": setting.value, "source": setting.source}
                for name, setting in shown.items()
            }
            path = str(settings.config.path)
            screen.json({"path": path, "profile": settings.profile, "settings": values})
            return
        screen.say(f"Profile {settings.profile} of {settings.config.path}")
        rows = [(name, _text(setting.value), setting.source) for name, setting in shown.items()]
        screen.table(("setting", "value", "from"), rows)

    run_locally(context, command)


@commands.command("set")
def set_value(
    context: typer.Context,
    key: Key,
    value: Annotated[str, typer.Argument(help="`-` asks for it, or reads it from a pipe.")],
) -> None:
    """Keep a setting in the profile, which is made when it is not there."""

    def command(given: Given, screen: Screen) -> None:
        text = _asked_for(key) if value == "-" else value
        _change(given, screen, key, parse_value(key, text))

    run_locally(context, command)


@commands.command()
def unset(context: typer.Context, key: Key) -> None:
    """Take a setting out of the profile."""

    def command(given: Given, screen: Screen) -> None:
        _change(given, screen, key, None)

    run_locally(context, command)


@commands.command()
def use(
    context: typer.Context,
    profile: Annotated[str, typer.Argument(help="A profile of the file.")],
) -> None:
    """Make a profile the one that counts when none is named."""

    def command(given: Given, screen: Screen) -> None:
        ConfigFile.read(given.config_path).with_profile(profile).write()
        screen.say(f"Profile {profile} counts from now on.")

    run_locally(context, command)


def _change(given: Given, screen: Screen, key: str, value: Value | None) -> None:
    config = ConfigFile.read(given.config_path)
    profile = given.profile or config.named_profile or DEFAULT_PROFILE
    config.with_setting(profile, key, value).write()
    done = "is taken out of" if value is None else "is kept in"
    screen.say(f"{key} {done} profile {profile} of {config.path}.")


def _asked_for(key: str) -> str:
    if sys.stdin.isatty():
        return str(typer.prompt(key, hide_input=True, err=True)).strip()
    return sys.stdin.readline().strip()


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
