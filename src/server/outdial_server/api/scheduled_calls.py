"""ScheduledCallService."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from outdial.v1 import scheduled_call_service_pb2 as pb
from outdial.v1.scheduled_call_service_pb2_grpc import ScheduledCallServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.enums import DISPATCH_OUTCOME, SCHEDULED_CALL_STATE
from outdial_server.api.conversion.explanation import row_explanation_to_message
from outdial_server.api.conversion.ids import required_id
from outdial_server.api.conversion.request import counted_page_of, filter_text, take_request_key
from outdial_server.api.conversion.result import result_to_message
from outdial_server.api.conversion.scheduled_call import scheduled_call_to_message
from outdial_server.commands.explain import Explain
from outdial_server.commands.export_scheduled_calls import ExportScheduledCalls
from outdial_server.commands.retry import Retry
from outdial_server.domain.ids import BatchId, ScheduledCallId
from outdial_server.ports.batches import CallStore


@dataclass(frozen=True)
class ScheduledCallServicer(ScheduledCallServiceServicer):
    calls: CallStore
    export: ExportScheduledCalls
    retry: Retry
    explain: Explain

    @override
    async def GetScheduledCall(
        self, request: pb.GetScheduledCallRequest, context: object
    ) -> pb.GetScheduledCallResponse:
        row = await self.calls.get_scheduled_call(
            caller().account_id, _scheduled_call_id(request.scheduled_call_id)
        )
        return pb.GetScheduledCallResponse(scheduled_call=scheduled_call_to_message(row))

    @override
    async def ListScheduledCalls(
        self, request: pb.ListScheduledCallsRequest, context: object
    ) -> pb.ListScheduledCallsResponse:
        page = await self.calls.list_scheduled_calls(
            caller().account_id,
            BatchId(required_id(request.batch_id, "batch_id")),
            counted_page_of(request),
            SCHEDULED_CALL_STATE.each(request.states, "states"),
            filter_text("custom_id", request.custom_id),
            DISPATCH_OUTCOME.each(request.dispatch_outcomes, "dispatch_outcomes"),
        )
        return pb.ListScheduledCallsResponse(
            scheduled_calls=map(scheduled_call_to_message, page.items),
            next_page_token=page.next_token,
            total_size=page.total or 0,
        )

    @override
    async def CancelScheduledCall(
        self, request: pb.CancelScheduledCallRequest, context: object
    ) -> pb.CancelScheduledCallResponse:
        row = await self.calls.cancel_scheduled_call(
            caller().account_id, _scheduled_call_id(request.scheduled_call_id)
        )
        return pb.CancelScheduledCallResponse(scheduled_call=scheduled_call_to_message(row))

    @override
    async def RetryScheduledCall(
        self, request: pb.RetryScheduledCallRequest, context: object
    ) -> pb.RetryScheduledCallResponse:
        account_id = caller().account_id
        key = take_request_key(account_id, request)
        row = await self.retry.scheduled_call(
            account_id, _scheduled_call_id(request.scheduled_call_id), key
        )
        return pb.RetryScheduledCallResponse(scheduled_call=scheduled_call_to_message(row))

    @override
    async def ExplainScheduledCall(
        self, request: pb.ExplainScheduledCallRequest, context: object
    ) -> pb.ExplainScheduledCallResponse:
        explanation = await self.explain.scheduled_call(
            caller().account_id, _scheduled_call_id(request.scheduled_call_id)
        )
        return pb.ExplainScheduledCallResponse(explanation=row_explanation_to_message(explanation))

    @override
    async def ExportScheduledCalls(
        self, request: pb.ExportScheduledCallsRequest, context: object
    ) -> AsyncIterator[pb.ExportScheduledCallsResponse]:
        pieces = self.export.execute(
            caller().account_id,
            BatchId(required_id(request.batch_id, "batch_id")),
            SCHEDULED_CALL_STATE.each(request.states, "states"),
            request.from_position,
            with_conversations=request.with_conversations,
        )
        async with aclosing(pieces):
            async for piece in pieces:
                yield pb.ExportScheduledCallsResponse(results=map(result_to_message, piece))


def _scheduled_call_id(text: str) -> ScheduledCallId:
    return ScheduledCallId(required_id(text, "scheduled_call_id"))
