"""ThrottleService."""

from dataclasses import dataclass

from outdial.v1 import throttle_service_pb2 as pb
from outdial.v1.throttle_service_pb2_grpc import ThrottleServiceServicer
from typing_extensions import override

from outdial_server.api.caller import caller
from outdial_server.api.conversion.ids import required_id
from outdial_server.api.conversion.request import counted_page_of, filter_text, take_request_key
from outdial_server.api.conversion.throttle import (
    throttle_change,
    throttle_fields,
    throttle_to_message,
)
from outdial_server.commands.throttles import CreateThrottle, UpdateThrottle
from outdial_server.domain.ids import ThrottleId
from outdial_server.ports.throttles import ThrottleStore


@dataclass(frozen=True)
class ThrottleServicer(ThrottleServiceServicer):
    throttles: ThrottleStore
    create: CreateThrottle
    update: UpdateThrottle

    @override
    async def CreateThrottle(
        self, request: pb.CreateThrottleRequest, context: object
    ) -> pb.CreateThrottleResponse:
        account_id = caller().account_id
        key = take_request_key(account_id, request)
        made = await self.create.execute(account_id, throttle_fields(request.throttle), key)
        return pb.CreateThrottleResponse(throttle=throttle_to_message(made))

    @override
    async def GetThrottle(
        self, request: pb.GetThrottleRequest, context: object
    ) -> pb.GetThrottleResponse:
        found = await self.throttles.get_throttle(
            caller().account_id, _throttle_id(request.throttle_id)
        )
        return pb.GetThrottleResponse(throttle=throttle_to_message(found))

    @override
    async def ListThrottles(
        self, request: pb.ListThrottlesRequest, context: object
    ) -> pb.ListThrottlesResponse:
        page = await self.throttles.list_throttles(
            caller().account_id,
            counted_page_of(request),
            filter_text("display_name", request.display_name),
        )
        return pb.ListThrottlesResponse(
            throttles=map(throttle_to_message, page.items),
            next_page_token=page.next_token,
            total_size=page.total or 0,
        )

    @override
    async def UpdateThrottle(
        self, request: pb.UpdateThrottleRequest, context: object
    ) -> pb.UpdateThrottleResponse:
        changed = await self.update.execute(
            caller().account_id,
            _throttle_id(request.throttle.throttle_id, "throttle.throttle_id"),
            throttle_change(request.throttle, request.update_mask),
            request.throttle.etag,
        )
        return pb.UpdateThrottleResponse(throttle=throttle_to_message(changed))

    @override
    async def DeleteThrottle(
        self, request: pb.DeleteThrottleRequest, context: object
    ) -> pb.DeleteThrottleResponse:
        await self.throttles.delete_throttle(caller().account_id, _throttle_id(request.throttle_id))
        return pb.DeleteThrottleResponse()


def _throttle_id(text: str, path: str = "throttle_id") -> ThrottleId:
    return ThrottleId(required_id(text, path))
