"""The do-not-call list."""

from collections.abc import Sequence
from datetime import datetime

from grpc.aio import Channel
from outdial.v1 import suppression_service_pb2 as messages
from outdial.v1.suppression_pb2 import Suppression
from outdial.v1.suppression_service_pb2_grpc import SuppressionServiceStub

from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender
from outdial_client._times import to_timestamp

_LARGEST_REQUEST = 10_000


class Suppressions:
    """Addresses that nobody of the account may dial."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = SuppressionServiceStub(channel)
        self._send = sender.send

    async def create(
        self,
        addresses: Sequence[str],
        *,
        source: str = "",
        reason: str = "",
        expire_time: datetime | None = None,
    ) -> list[Suppression]:
        """Puts addresses on the list: one or many, 10,000 a request.

        From the answer on nobody at them is dialled. One that is there already is
        renewed, so a call that failed half-way may be repeated. None as `expire_time`
        means for good.
        """
        made: list[Suppression] = []
        for first in range(0, len(addresses), _LARGEST_REQUEST):
            request = messages.CreateSuppressionsRequest(
                addresses=addresses[first : first + _LARGEST_REQUEST],
                source=source,
                reason=reason,
                expire_time=to_timestamp(expire_time),
            )
            answer = await self._send(self._stub.CreateSuppressions, request, long=True)
            made.extend(answer.suppressions)
        return made

    async def get(self, suppression_id: str) -> Suppression:
        """One entry, by its id."""
        request = messages.GetSuppressionRequest(suppression_id=suppression_id)
        return (await self._send(self._stub.GetSuppression, request)).suppression

    async def find(self, address: str) -> Suppression | None:
        """The entry of this address, if there is one; it may be over."""
        return await self.list(address=address).first()

    def list(
        self, *, address: str = "", source: str = "", page_size: int = 0
    ) -> Pager[Suppression]:
        """Entries, oldest first, those that are over included."""

        async def fetch(page_token: str) -> Page[Suppression]:
            request = messages.ListSuppressionsRequest(
                page_size=page_size, page_token=page_token, address=address, source=source
            )
            response = await self._send(self._stub.ListSuppressions, request)
            return Page(response.suppressions, response.next_page_token)

        return Pager(fetch)

    async def delete(self, suppression_id: str) -> None:
        """Takes an address off the list; calls that were skipped stay so."""
        request = messages.DeleteSuppressionRequest(suppression_id=suppression_id)
        await self._send(self._stub.DeleteSuppression, request)
