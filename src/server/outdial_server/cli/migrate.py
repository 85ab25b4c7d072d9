"""`outdial-server migrate`"""

import typer

from outdial_server.cli.run import refusals_told
from outdial_server.settings import load_settings
from outdial_server.storage import migrate


def command() -> None:
    """Bring the database's schema up to date. On SQLite `serve` does so by itself."""
    with refusals_told():
        migrate(load_settings().database_url)
    typer.echo("the schema is up to date")
