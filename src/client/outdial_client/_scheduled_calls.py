"""Rows of batches."""

from collections.abc import Iterable

from grpc.aio import Channel
from outdial.v1 import scheduled_call_service_pb2 as messages
from outdial.v1.scheduled_call_pb2 import ScheduledCall, ScheduledCallState
from outdial.v1.scheduled_call_service_pb2_grpc import ScheduledCallServiceStub

from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender


class ScheduledCalls:
    """The people of a batch, one row each."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = ScheduledCallServiceStub(channel)
        self._send = sender.send

    async def get(self, scheduled_call_id: str) -> ScheduledCall:
        """One row, by its id."""
        request = messages.GetScheduledCallRequest(scheduled_call_id=scheduled_call_id)
        return (await self._send(self._stub.GetScheduledCall, request)).scheduled_call

    def list(
        self,
        batch_id: str,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        custom_id: str = "",
        page_size: int = 0,
    ) -> Pager[ScheduledCall]:
        """The rows of a batch by position; without `states`, in all of them."""
        wanted = tuple(states)

        async def fetch(page_token: str) -> Page[ScheduledCall]:
            request = messages.ListScheduledCallsRequest(
                batch_id=batch_id,
                page_size=page_size,
                page_token=page_token,
                states=wanted,
                custom_id=custom_id,
            )
            response = await self._send(self._stub.ListScheduledCalls, request)
            return Page(response.scheduled_calls, response.next_page_token)

        return Pager(fetch)

    async def cancel(self, scheduled_call_id: str) -> ScheduledCall:
        """Takes a row that waits out of its batch."""
        request = messages.CancelScheduledCallRequest(scheduled_call_id=scheduled_call_id)
        return (await self._send(self._stub.CancelScheduledCall, request)).scheduled_call
