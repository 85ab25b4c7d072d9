"""`outdial-server quarantine`: on the database itself. See docs/database-trouble.md."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from outdial_server.cli.database import opened
from outdial_server.cli.run import refusals_told, run

app = typer.Typer(no_args_is_help=True)


@app.command("show")
def show() -> None:
    """Say whether dialling is held back after a failover, and since when."""

    async def work() -> None:
        async with opened() as base:
            found = await base.store.quarantine.read_quarantine()
        if found is None:
            typer.echo("no quarantine")
            return
        typer.echo(f"since {_moment(found.begun_at)}")
        typer.echo(f"calls are doubted from {_moment(found.doubt_from)} on")

    with refusals_told():
        run(work())


@app.command("lift")
def lift() -> None:
    """Let dialling go on, whatever the carriers have or have not said.

    Whoever was called by a commit that the database has lost is called again.
    """

    async def work() -> None:
        async with opened() as base:
            was_there = await base.store.quarantine.lift_quarantine()
        typer.echo("lifted" if was_there else "no quarantine")

    with refusals_told():
        run(work())


@app.command("begin")
def begin(
    minutes: Annotated[
        int,
        typer.Option(min=0, help="How long ago the last call was that the database surely knows."),
    ],
) -> None:
    """Hold dialling back until the carriers have said whom they called: after a backup was
    brought back, for one, before the servers are started."""

    async def work() -> None:
        async with opened() as base:
            since = base.clock.now() - timedelta(minutes=minutes)
            await base.store.quarantine.begin_quarantine(since)
        typer.echo(f"calls are doubted from {_moment(since)} on")

    with refusals_told():
        run(work())


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
