"""`outdial-server serve`"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from outdial_server.cli.run import refusals_told, run
from outdial_server.settings import Settings, load_settings

if TYPE_CHECKING:
    from outdial_server.app.server import RunningServer


def command(
    simulate: Annotated[
        bool,
        typer.Option(
            "--simulate", help="Send every call to the simulated carrier (OUTDIAL_SIMULATE=1)."
        ),
    ] = False,
    until_stdin_closes: Annotated[
        bool,
        typer.Option(
            "--until-stdin-closes",
            help="Stop at the end of standard input too, for programs that start a server.",
        ),
    ] = False,
) -> None:
    """Run the server until SIGTERM or Ctrl-C."""
    with refusals_told(), _nothing_collected():
        # Loaded here: the other commands start without it.
        from outdial_server.adapters.logs import configure_logs  # noqa: PLC0415
        from outdial_server.app.server import serve  # noqa: PLC0415

        settings = load_settings(**({"simulate": True} if simulate else {}))
        configure_logs(settings.log_form, settings.log_level)
        run(
            serve(
                settings,
                lambda server: _announce(settings, server),
                until_stdin_closes=until_stdin_closes,
            )
        )


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """What a server is made of stays. To look it through for garbage while it gathers would take
    a tenth of the start; once all of it stands, `serve` lets the collector go on."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _announce(settings: Settings, server: "RunningServer") -> None:
    typer.echo(f"gRPC on {_at(settings.grpc_listen, server.grpc_port)}")
    typer.echo(f"HTTP on http://{_at(settings.http_listen, server.http_port)}")
    if server.first_secret is not None:
        typer.echo(
            "There was no API key, so here is one with all scopes. It is not shown again:\n"
            f"  {server.first_secret}"
        )
    if not (settings.simulate or settings.simulated_carrier_url):
        typer.echo("Calls are dialled through carrier configs; to try things out, add --simulate.")


def _at(listen: str, port: int) -> str:
    return f"{listen.rpartition(':')[0]}:{port}"
