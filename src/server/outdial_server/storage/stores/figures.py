"""FiguresReader over a database."""

from outdial_server.ports.figures import Figures
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import figures


class SqlFigures:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def read_figures(self, accounts_most: int) -> Figures:
        return await self._db.read(lambda tx: figures.read_figures(tx, accounts_most))
