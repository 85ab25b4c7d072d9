"""External calls: those that an outside system has on the same account."""

from datetime import timedelta

from grpc.aio import Channel
from outdial.v1 import external_call_service_pb2 as messages
from outdial.v1.external_call_pb2 import ExternalCall
from outdial.v1.external_call_service_pb2_grpc import ExternalCallServiceStub

from outdial_client._pager import Page, Pager
from outdial_client._requests import Sender
from outdial_client._times import to_duration


class ExternalCalls:
    """They take slots, so that both systems together keep within the limits."""

    def __init__(self, channel: Channel, sender: Sender) -> None:
        self._stub = ExternalCallServiceStub(channel)
        self._send = sender.send

    async def report(
        self,
        external_id: str,
        *,
        agent_id: str = "",
        carrier_config: str = "",
        ttl: timedelta | None = None,
    ) -> ExternalCall:
        """Says that a call is in progress; said again, it is prolonged.

        It counts for `ttl`, 1 s to 24 h, unless it is reported again or ended; None means
        10 minutes. `carrier_config` is an id or a name.
        """
        request = messages.ReportExternalCallRequest(
            external_id=external_id,
            agent_id=agent_id,
            carrier_config=carrier_config,
            ttl=to_duration(ttl),
        )
        return (await self._send(self._stub.ReportExternalCall, request)).external_call

    async def end(self, external_id: str) -> bool:
        """Says that a call is over; False when it was not in progress any more, which may also
        be since the request had to be sent twice."""
        request = messages.EndExternalCallRequest(external_id=external_id)
        return (await self._send(self._stub.EndExternalCall, request)).was_in_progress

    def list(self, *, page_size: int = 0) -> Pager[ExternalCall]:
        """Calls in progress, oldest first."""

        async def fetch(page_token: str) -> Page[ExternalCall]:
            request = messages.ListExternalCallsRequest(page_size=page_size, page_token=page_token)
            response = await self._send(self._stub.ListExternalCalls, request)
            return Page(response.external_calls, response.next_page_token)

        return Pager(fetch)
