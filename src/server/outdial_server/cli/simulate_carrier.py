"""`outdial-server simulate-carrier`: the simulated carrier as a process of its own."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from outdial_server.carriers.simulated.profile import (
    PROFILES,
    ProfileError,
    named_profile,
    with_settings,
)
from outdial_server.cli.run import run


def command(
    listen: Annotated[str, typer.Option(help="HOST:PORT to serve on.")] = "127.0.0.1:9090",
    profile: Annotated[str, typer.Option(help=f"One of {', '.join(PROFILES)}.")] = "default",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting over the profile, like ring_ms=50-300."),
    ] = None,
    log: Annotated[
        Path | None, typer.Option(help="File to append what really rang to, as JSON lines.")
    ] = None,
    callback_secret: Annotated[
        str, typer.Option(envvar="OUTDIAL_SIMULATED_CARRIER_SECRET", help="Signs callbacks.")
    ] = "",
) -> None:
    """Runs the simulated carrier: it takes calls over HTTP, rings nobody, and calls back."""
    try:
        chosen = with_settings(named_profile(profile), settings or [])
    except ProfileError as error:
        raise typer.BadParameter(str(error)) from error
    if not callback_secret:
        raise typer.BadParameter("--callback-secret is required, to sign callbacks with")
    # Loaded here: the other commands start without it.
    from outdial_server.adapters.logs import configure_logs  # noqa: PLC0415
    from outdial_server.app.simulated_carrier import serve_carrier  # noqa: PLC0415

    configure_logs("console" if sys.stderr.isatty() else "json", "info")
    try:
        run(
            serve_carrier(
                chosen,
                listen,
                log,
                callback_secret,
                lambda port: typer.echo(
                    f"simulated carrier on http://{listen.rpartition(':')[0]}:{port}"
                ),
            )
        )
    except (OSError, ValueError) as error:
        # A port that is taken, a folder that is not there.
        typer.echo(f"outdial-server: {error}", err=True)
        raise typer.Exit(1) from error
