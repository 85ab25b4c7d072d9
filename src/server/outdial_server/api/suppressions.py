"""SuppressionService."""

from dataclasses import dataclass

from outdial.v1 import suppression_service_pb2 as pb
from outdial.v1.suppression_service_pb2_grpc import SuppressionServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.ids import required_id
from outdial_server.api.conversion.request import filter_text, page_of
from outdial_server.api.conversion.suppression import (
    filter_address,
    suppression_fields,
    suppression_to_message,
)
from outdial_server.commands.suppressions import CreateSuppressions
from outdial_server.domain.ids import SuppressionId
from outdial_server.ports.suppressions import SuppressionStore


@dataclass(frozen=True)
class SuppressionServicer(SuppressionServiceServicer):
    suppressions: SuppressionStore
    create: CreateSuppressions

    @override
    async def CreateSuppressions(
        self, request: pb.CreateSuppressionsRequest, context: object
    ) -> pb.CreateSuppressionsResponse:
        made, created_count = await self.create.execute(
            caller().account_id, request.addresses, suppression_fields(request)
        )
        return pb.CreateSuppressionsResponse(
            suppressions=map(suppression_to_message, made), created_count=created_count
        )

    @override
    async def GetSuppression(
        self, request: pb.GetSuppressionRequest, context: object
    ) -> pb.GetSuppressionResponse:
        found = await self.suppressions.get_suppression(
            caller().account_id, _suppression_id(request.suppression_id)
        )
        return pb.GetSuppressionResponse(suppression=suppression_to_message(found))

    @override
    async def ListSuppressions(
        self, request: pb.ListSuppressionsRequest, context: object
    ) -> pb.ListSuppressionsResponse:
        page = await self.suppressions.list_suppressions(
            caller().account_id,
            page_of(request),
            filter_address("address", request.address),
            filter_text("source", request.source),
        )
        return pb.ListSuppressionsResponse(
            suppressions=map(suppression_to_message, page.items), next_page_token=page.next_token
        )

    @override
    async def DeleteSuppression(
        self, request: pb.DeleteSuppressionRequest, context: object
    ) -> pb.DeleteSuppressionResponse:
        await self.suppressions.delete_suppression(
            caller().account_id, _suppression_id(request.suppression_id)
        )
        return pb.DeleteSuppressionResponse()


def _suppression_id(text: str) -> SuppressionId:
    return SuppressionId(required_id(text, "suppression_id"))
