"""ServerInfoService."""

from dataclasses import dataclass

from outdial.v1 import server_info_service_pb2 as pb
from outdial.v1.server_info_service_pb2_grpc import ServerInfoServiceServicer
from typing_extensions import override

from outdial_server.api.conversion.times import timestamp
from outdial_server.domain import limits
from outdial_server.ports.clock import Clock

_LIMITS = pb.ServerLimits(
    max_request_bytes=limits.REQUEST_MAX_BYTES,
    max_scheduled_calls_per_request=limits.SCHEDULED_CALLS_PER_REQUEST_MAX,
    max_page_size=limits.PAGE_SIZE_MAX,
)


@dataclass(frozen=True)
class ServerInfoServicer(ServerInfoServiceServicer):
    clock: Clock
    version: str
    database: str
    carriers: tuple[str, ...]
    features: tuple[str, ...]

    @override
    async def GetServerInfo(
        self, request: pb.GetServerInfoRequest, context: object
    ) -> pb.GetServerInfoResponse:
        return pb.GetServerInfoResponse(
            version=self.version,
            database=self.database,
            carriers=self.carriers,
            features=self.features,
            limits=_LIMITS,
            server_time=timestamp(self.clock.now()),
        )
