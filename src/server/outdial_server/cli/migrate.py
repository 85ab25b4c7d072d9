"""`outdial-server migrate`"""

import typer

from outdial_server.cli.run import refusals_told
from outdial_server.settings import SettingsError, load_settings


def command() -> None:
    """Bring the database's schema up to date. `serve` does so by itself."""
    # Loaded here: the other commands start without it.
    from outdial_server.storage import CannotOpenError, migrate  # noqa: PLC0415

    with refusals_told():
        url = load_settings().database_url
        try:
            migrate(url)
        except CannotOpenError as error:
            raise SettingsError(f"OUTDIAL_DATABASE_URL: {error}") from error
    typer.echo("the schema is up to date")
