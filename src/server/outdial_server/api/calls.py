"""CallService."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from outdial.v1 import call_service_pb2 as pb
from outdial.v1.call_pb2 import Call
from outdial.v1.call_service_pb2_grpc import CallServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.call import call_spec, call_to_message, detailed_call
from outdial_server.api.conversion.call_event import call_event
from outdial_server.api.conversion.enums import CALL_RESOLUTION, CALL_STATE, DISPOSITION
from outdial_server.api.conversion.ids import canonical, required_id
from outdial_server.api.conversion.request import counted_page_of, take_request_key
from outdial_server.api.conversion.times import moment
from outdial_server.commands.create_call import CreateCall
from outdial_server.commands.end_call import EndCall
from outdial_server.commands.report_call_event import ReportCallEvent
from outdial_server.commands.resolve_call import ResolveCall
from outdial_server.domain import limits
from outdial_server.domain.call import CallFilter
from outdial_server.domain.errors import invalid_field
from outdial_server.domain.ids import AgentId, BatchId, CallId, ScheduledCallId
from outdial_server.ports.batches import CallStore


@dataclass(frozen=True)
class CallServicer(CallServiceServicer):
    calls: CallStore
    create: CreateCall
    end: EndCall
    resolve: ResolveCall
    report: ReportCallEvent

    @override
    async def CreateCall(
        self, request: pb.CreateCallRequest, context: object
    ) -> pb.CreateCallResponse:
        account_id = caller().account_id
        key = take_request_key(account_id, request)
        call = await self.create.execute(call_spec(account_id, request), key)
        return pb.CreateCallResponse(call=call_to_message(call))

    @override
    async def GetCall(self, request: pb.GetCallRequest, context: object) -> pb.GetCallResponse:
        call = await self.calls.get_call(caller().account_id, _call_id(request.call_id))
        if not request.show_details:
            return pb.GetCallResponse(call=call_to_message(call))
        told = await self.calls.told_calls([call.call_id])
        return pb.GetCallResponse(call=detailed_call(call, told.get(call.call_id)))

    @override
    async def ListCalls(
        self, request: pb.ListCallsRequest, context: object
    ) -> pb.ListCallsResponse:
        row_id = request.scheduled_call_id
        page = await self.calls.list_calls(
            caller().account_id,
            counted_page_of(request),
            CallFilter(
                BatchId(canonical(request.batch_id)) if request.batch_id else None,
                ScheduledCallId(canonical(row_id)) if row_id else None,
                CALL_STATE.each(request.states, "states"),
                request.only_direct,
                _agent_ids(request.agent_ids),
                _moment_or_none(request, "created_from"),
                _moment_or_none(request, "created_before"),
                DISPOSITION.each(request.dispositions, "dispositions"),
            ),
        )
        messages: Iterable[Call] = map(call_to_message, page.items)
        if request.show_details:
            told = await self.calls.told_calls([call.call_id for call in page.items])
            messages = (detailed_call(call, told.get(call.call_id)) for call in page.items)
        return pb.ListCallsResponse(
            calls=messages,
            next_page_token=page.next_token,
            total_size=page.total or 0,
        )

    @override
    async def DeleteCall(
        self, request: pb.DeleteCallRequest, context: object
    ) -> pb.DeleteCallResponse:
        await self.calls.delete_call(caller().account_id, _call_id(request.call_id))
        return pb.DeleteCallResponse()

    @override
    async def EndCall(self, request: pb.EndCallRequest, context: object) -> pb.EndCallResponse:
        call = await self.end.execute(caller().account_id, _call_id(request.call_id))
        return pb.EndCallResponse(call=call_to_message(call))

    @override
    async def ResolveCall(
        self, request: pb.ResolveCallRequest, context: object
    ) -> pb.ResolveCallResponse:
        call = await self.resolve.execute(
            caller().account_id,
            _call_id(request.call_id),
            CALL_RESOLUTION.from_message(request.resolution, "resolution"),
            DISPOSITION.optional(request.disposition, "disposition"),
        )
        return pb.ResolveCallResponse(call=call_to_message(call))

    @override
    async def ReportCallEvent(
        self, request: pb.ReportCallEventRequest, context: object
    ) -> pb.ReportCallEventResponse:
        call = await self.report.execute(
            caller().account_id, _call_id(request.call_id), call_event(request)
        )
        return pb.ReportCallEventResponse(call=call_to_message(call))


def _agent_ids(texts: Sequence[str]) -> tuple[AgentId, ...]:
    if len(texts) > limits.CALL_AGENTS_MAX:
        raise invalid_field("agent_ids", f"must be {limits.CALL_AGENTS_MAX} at most")
    return tuple(AgentId(canonical(text)) for text in texts)


def _moment_or_none(
    request: pb.ListCallsRequest, field: Literal["created_from", "created_before"]
) -> datetime | None:
    return moment(getattr(request, field), field) if request.HasField(field) else None


def _call_id(text: str) -> CallId:
    return CallId(required_id(text, "call_id"))
