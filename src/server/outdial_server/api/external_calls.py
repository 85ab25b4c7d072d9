"""ExternalCallService."""

from dataclasses import dataclass

from outdial.v1 import external_call_service_pb2 as pb
from outdial.v1.external_call_service_pb2_grpc import ExternalCallServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.external_call import (
    external_call_to_message,
    external_report,
)
from outdial_server.api.conversion.request import page_of
from outdial_server.commands.external_calls import EndExternalCall, ReportExternalCall
from outdial_server.ports.external_calls import ExternalCallStore


@dataclass(frozen=True)
class ExternalCallServicer(ExternalCallServiceServicer):
    external: ExternalCallStore
    report: ReportExternalCall
    end: EndExternalCall

    @override
    async def ReportExternalCall(
        self, request: pb.ReportExternalCallRequest, context: object
    ) -> pb.ReportExternalCallResponse:
        call = await self.report.execute(caller().account_id, external_report(request))
        return pb.ReportExternalCallResponse(external_call=external_call_to_message(call))

    @override
    async def EndExternalCall(
        self, request: pb.EndExternalCallRequest, context: object
    ) -> pb.EndExternalCallResponse:
        was_there = await self.end.execute(caller().account_id, request.external_id)
        return pb.EndExternalCallResponse(was_in_progress=was_there)

    @override
    async def ListExternalCalls(
        self, request: pb.ListExternalCallsRequest, context: object
    ) -> pb.ListExternalCallsResponse:
        page = await self.external.list_external_calls(caller().account_id, page_of(request))
        return pb.ListExternalCallsResponse(
            external_calls=map(external_call_to_message, page.items),
            next_page_token=page.next_token,
        )
