"""DirectCallStore over a database."""

from datetime import timedelta

from outdial_server.domain.call import Call
from outdial_server.domain.ids import AccountId
from outdial_server.domain.request import RequestKey
from outdial_server.domain.silence import LEASE
from outdial_server.ports.direct_calls import MadeCall, NewDirectCall
from outdial_server.storage.database import Database
from outdial_server.storage.verbs import direct_calls
from outdial_server.storage.verbs.call_texts import ParsedAgents


class SqlDirectCalls:
    def __init__(self, database: Database, lease: timedelta = LEASE) -> None:
        self._db = database
        self._lease = lease
        self._agents = ParsedAgents()

    async def create_direct_call(
        self, new: NewDirectCall, request: RequestKey | None = None, *, may_claim: bool = True
    ) -> MadeCall:
        return await self._db.write(
            lambda tx: direct_calls.create_direct_call(
                tx, new, request, self._agents, self._lease, may_claim=may_claim
            )
        )

    async def earlier_call(self, account_id: AccountId, request: RequestKey) -> Call | None:
        return await self._db.read(lambda tx: direct_calls.earlier_call(tx, account_id, request))
