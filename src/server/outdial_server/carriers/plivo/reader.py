"""Plivo's calls, read."""

from collections.abc import Mapping
from http import HTTPStatus

from outdial_server.carriers.plivo.account import PlivoAccount
from outdial_server.carriers.plivo.records import object_of, uuids_in
from outdial_server.outgoing.answer import Answer
from outdial_server.outgoing.exchange import HttpExchange


class PlivoReader:
    """All raise NothingSentError and AnswerLostError; ValueError for any other answer."""

    def __init__(self, exchange: HttpExchange, account: PlivoAccount) -> None:
        self._exchange = exchange
        self._account = account

    async def calls(self, **query: str) -> Answer:
        return await self._exchange.get(self._account.calls_url, query, self._account.headers)

    async def uuids(self, state: str) -> list[str]:
        """Of all calls that are queued, or live."""
        return uuids_in(await self.calls(status=state))

    async def live_call(self, uuid: str, state: str) -> Mapping[str, object] | None:
        """None when it is not in that state, or not any more."""
        return await self._call(uuid, {"status": state})

    async def ended_call(self, uuid: str) -> Mapping[str, object] | None:
        return await self._call(uuid, {})

    async def _call(self, uuid: str, query: Mapping[str, str]) -> Mapping[str, object] | None:
        url = self._account.call_url(uuid)
        answer = await self._exchange.get(url, query, self._account.headers)
        return None if answer.status == HTTPStatus.NOT_FOUND else object_of(answer)
