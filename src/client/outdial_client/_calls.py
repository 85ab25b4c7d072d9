"""Calls: the tries to reach people, and direct ones."""

from collections.abc import Iterable

from grpc.aio import Channel
from outdial.v1 import call_service_pb2 as messages
from outdial.v1.call_pb2 import Call, CallState, Conversation
from outdial.v1.call_service_pb2 import CallJoined, CallOver, CallResolution
from outdial.v1.call_service_pb2_grpc import CallServiceStub
from outdial.v1.scheduled_call_pb2 import Disposition

from outdial_client._inputs import NewDirectCall
from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender


class Calls:
    """One call is one try; a retry is a new call of the same row. A direct call is of no batch."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = CallServiceStub(channel)
        self._send = sender.send

    async def create(self, call: NewDirectCall, *, request_id: str = "") -> Call:
        """Calls one person at once, outside any batch and ahead of all of them.

        ResourceExhaustedError when a limit has no room; `retry_after` says when to try
        again. With `wait_until` the call waits for room until then instead.
        FailedPreconditionError for an address on the do-not-call list.
        """
        request = call.to_message()
        request.request_id = request_id
        return (await self._send(self._stub.CreateCall, request)).call

    async def get(self, call_id: str) -> Call:
        """One call, by its id."""
        return (await self._send(self._stub.GetCall, messages.GetCallRequest(call_id=call_id))).call

    def list(
        self,
        *,
        batch_id: str = "",
        scheduled_call_id: str = "",
        states: Iterable[CallState.ValueType] = (),
        only_direct: bool = False,
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[Call]:
        """Calls, newest first; without `states`, in all of them.

        `only_direct` leaves out the calls of batches.
        """
        wanted = tuple(states)

        async def fetch(page_token: str) -> Page[Call]:
            request = messages.ListCallsRequest(
                page_size=page_size,
                page_token=page_token,
                skip=0 if page_token else skip,
                batch_id=batch_id,
                scheduled_call_id=scheduled_call_id,
                states=wanted,
                only_direct=only_direct,
            )
            response = await self._send(self._stub.ListCalls, request)
            return Page(response.calls, response.next_page_token)

        return Pager(fetch)

    async def delete(self, call_id: str) -> None:
        """Deletes a call that has ended, with what was said in it, for good.

        What came of the person, counts and events stay; of a direct call the person goes, too.
        """
        await self._send(self._stub.DeleteCall, messages.DeleteCallRequest(call_id=call_id))

    async def end(self, call_id: str) -> Call:
        """Asks the carrier to hang up; the call ends when the carrier says so.

        A direct call that waits ends at once.
        """
        return (await self._send(self._stub.EndCall, messages.EndCallRequest(call_id=call_id))).call

    async def resolve(
        self,
        call_id: str,
        resolution: CallResolution.ValueType,
        *,
        disposition: Disposition.ValueType = Disposition.DISPOSITION_UNSPECIFIED,
    ) -> Call:
        """Says what became of an unknown call; PLACED needs the `disposition`."""
        request = messages.ResolveCallRequest(
            call_id=call_id, resolution=resolution, disposition=disposition
        )
        return (await self._send(self._stub.ResolveCall, request)).call

    async def report(
        self,
        call_id: str,
        *,
        joined: CallJoined | None = None,
        ended: CallOver | None = None,
        conversation: Conversation | None = None,
    ) -> Call:
        """Says what another system knows of a call: it was joined or has ended, and what was
        said in it. At most one of `joined` and `ended`; at least one of all three.

        Said twice or too late it changes nothing. Of a conversation what is set takes the
        place of what was reported before, part by part.
        """
        request = messages.ReportCallEventRequest(
            call_id=call_id, joined=joined, ended=ended, conversation=conversation
        )
        return (await self._send(self._stub.ReportCallEvent, request)).call
