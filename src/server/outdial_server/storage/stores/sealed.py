"""SealedStore over a database."""

from collections.abc import Sequence

from outdial_server.ports.resealing import KeptSecret, SecretPlace
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import resealing


class SqlSealedSecrets:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def secrets_without(
        self, place: SecretPlace, mark: str, after: int, limit: int
    ) -> Sequence[KeptSecret]:
        return await self._db.read(
            lambda tx: resealing.secrets_without(tx, place, mark, after, limit)
        )

    async def replace_secrets(
        self, place: SecretPlace, renewed: Sequence[tuple[KeptSecret, str]]
    ) -> int:
        return await self._db.write(lambda tx: resealing.replace_secrets(tx, place, renewed))
