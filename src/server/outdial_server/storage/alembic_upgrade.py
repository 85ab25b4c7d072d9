"""The migrations themselves, run by Alembic."""

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from outdial_server.storage.revisions import SCRIPTS


def upgrade(connection: Connection) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
