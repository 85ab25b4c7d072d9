"""RetentionStore and ErasureStore over a database."""

from outdial_server.domain.retention import Retention
from outdial_server.ports.erasure import ForgottenSome, Place, Subject
from outdial_server.ports.retention import Swept
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import erasing, forgetting


class SqlRetention:
    """RetentionStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def erase(self, keep: Retention, limit: int) -> Swept:
        return await self._db.write(lambda tx: erasing.erase(tx, keep, limit))


class SqlErasure:
    """ErasureStore."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def forget(self, subject: Subject, place: Place) -> ForgottenSome:
        return await self._db.write(lambda tx: forgetting.forget(tx, subject, place))
