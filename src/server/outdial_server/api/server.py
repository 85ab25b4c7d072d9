"""The gRPC server: services, health, reflection, options, and its two steps of stopping."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from outdial.v1 import (
    account_service_pb2,
    agent_service_pb2,
    batch_service_pb2,
    call_service_pb2,
    carrier_config_service_pb2,
    contact_service_pb2,
    external_call_service_pb2,
    phone_number_service_pb2,
    scheduled_call_service_pb2,
    server_info_service_pb2,
    suppression_service_pb2,
    throttle_service_pb2,
    webhook_service_pb2,
)
from outdial.v1.account_service_pb2_grpc import add_AccountServiceServicer_to_server
from outdial.v1.agent_service_pb2_grpc import add_AgentServiceServicer_to_server
from outdial.v1.batch_service_pb2_grpc import add_BatchServiceServicer_to_server
from outdial.v1.call_service_pb2_grpc import add_CallServiceServicer_to_server
from outdial.v1.carrier_config_service_pb2_grpc import add_CarrierConfigServiceServicer_to_server
from outdial.v1.contact_service_pb2_grpc import (
    add_ContactFolderServiceServicer_to_server,
    add_ContactServiceServicer_to_server,
)
from outdial.v1.external_call_service_pb2_grpc import add_ExternalCallServiceServicer_to_server
from outdial.v1.phone_number_service_pb2_grpc import (
    add_PhoneNumberServiceServicer_to_server,
)
from outdial.v1.scheduled_call_service_pb2_grpc import (
    add_ScheduledCallServiceServicer_to_server,
)
from outdial.v1.server_info_service_pb2_grpc import add_ServerInfoServiceServicer_to_server
from outdial.v1.suppression_service_pb2_grpc import add_SuppressionServiceServicer_to_server
from outdial.v1.throttle_service_pb2_grpc import add_ThrottleServiceServicer_to_server
from outdial.v1.webhook_service_pb2_grpc import add_WebhookServiceServicer_to_server

from outdial_server.api.accounts import AccountServicer
from outdial_server.api.agents import AgentServicer
from outdial_server.api.batches import BatchServicer
from outdial_server.api.calls import CallServicer
from outdial_server.api.carrier_configs import CarrierConfigServicer
from outdial_server.api.contact_folders import ContactFolderServicer
from outdial_server.api.contacts import ContactServicer
from outdial_server.api.external_calls import ExternalCallServicer
from outdial_server.api.handler_table import HandlerTable
from outdial_server.api.interceptor import RpcInterceptor
from outdial_server.api.local import local_rpcs
from outdial_server.api.phone_numbers import PhoneNumberServicer
from outdial_server.api.reflection import add_reflection
from outdial_server.api.scheduled_calls import ScheduledCallServicer
from outdial_server.api.scopes import REQUIRED_SCOPES
from outdial_server.api.server_info import ServerInfoServicer
from outdial_server.api.suppressions import SuppressionServicer
from outdial_server.api.throttles import ThrottleServicer
from outdial_server.api.webhooks import WebhookServicer
from outdial_server.domain.limits import REQUEST_MAX_BYTES

SERVICES: Final[tuple[ServiceDescriptor, ...]] = tuple(
    service
    for file in (
        server_info_service_pb2,
        account_service_pb2,
        agent_service_pb2,
        batch_service_pb2,
        scheduled_call_service_pb2,
        call_service_pb2,
        suppression_service_pb2,
        external_call_service_pb2,
        throttle_service_pb2,
        webhook_service_pb2,
        contact_service_pb2,
        phone_number_service_pb2,
        carrier_config_service_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
)

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", REQUEST_MAX_BYTES),
    # Watchers may ping while nothing happens, and the server finds those that are gone.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 9_000),
    # A second server on the port is an error, and not a silent half of the requests.
    ("grpc.so_reuseport", 0),
)

ENGINE_HEALTH: Final = "outdial.engine"
"""What health calls the part that dials: it may stand still while all services answer."""

_SERVING: Final = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING: Final = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass(frozen=True, slots=True)
class Servicers:
    server_info: ServerInfoServicer
    accounts: AccountServicer
    agents: AgentServicer
    batches: BatchServicer
    scheduled_calls: ScheduledCallServicer
    calls: CallServicer
    suppressions: SuppressionServicer
    throttles: ThrottleServicer
    contact_folders: ContactFolderServicer
    contacts: ContactServicer
    phone_numbers: PhoneNumberServicer
    carrier_configs: CarrierConfigServicer
    external_calls: ExternalCallServicer
    webhooks: WebhookServicer


def method_names(services: Iterable[ServiceDescriptor]) -> frozenset[str]:
    """Full names, as the interceptor sees them."""
    return frozenset(
        f"/{service.full_name}/{method.name}" for service in services for method in service.methods
    )


class GrpcServer:
    """Health says NOT_SERVING before `tell_health` and from `begin_draining` on. `rpcs` are
    the same for callers in this process, whether it listens or not."""

    def __init__(self, servicers: Servicers, interceptor: RpcInterceptor) -> None:
        unmatched = method_names(SERVICES) ^ REQUIRED_SCOPES.keys()
        if unmatched:
            raise AssertionError(f"methods and the table of scopes differ: {sorted(unmatched)}")
        table = HandlerTable()
        add_services(servicers, table)
        self.rpcs = local_rpcs(SERVICES, table.handlers, interceptor)
        self._health = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, table)
        names = [service.full_name for service in SERVICES]
        add_reflection((*names, health.SERVICE_NAME), table)
        self._server = grpc.aio.server(
            handlers=(table,), interceptors=(interceptor,), options=_OPTIONS
        )

    async def start(self, listen: str) -> int:
        """Listens on HOST:PORT and returns the port, which port 0 leaves to the system.
        Raises OSError when it is taken."""
        await self._set_health(_NOT_SERVING)
        try:
            port: int = self._server.add_insecure_port(listen)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {listen}: the port may be taken") from error
        await self._server.start()
        return port

    async def tell_health(self, *, is_ready: bool, dials: bool) -> None:
        await self._set_health(_SERVING if is_ready else _NOT_SERVING)
        await self._health.set(ENGINE_HEALTH, _SERVING if dials else _NOT_SERVING)

    async def begin_draining(self) -> None:
        """Sends load balancers elsewhere; what comes all the same is still served."""
        await self._health.enter_graceful_shutdown()

    async def stop(self, grace: timedelta) -> None:
        """Takes nothing new, and ends what is under way after `grace`."""
        await self._server.stop(grace.total_seconds())

    async def _set_health(self, status: health_pb2.HealthCheckResponse.ServingStatus) -> None:
        for name in ("", *(service.full_name for service in SERVICES)):
            await self._health.set(name, status)


def add_services(servicers: Servicers, server: Any) -> None:
    """`server` takes handlers as one of gRPC's does."""
    add_ServerInfoServiceServicer_to_server(servicers.server_info, server)
    add_AccountServiceServicer_to_server(servicers.accounts, server)
    add_AgentServiceServicer_to_server(servicers.agents, server)
    add_BatchServiceServicer_to_server(servicers.batches, server)
    add_ScheduledCallServiceServicer_to_server(servicers.scheduled_calls, server)
    add_CallServiceServicer_to_server(servicers.calls, server)
    add_SuppressionServiceServicer_to_server(servicers.suppressions, server)
    add_ThrottleServiceServicer_to_server(servicers.throttles, server)
    add_ContactFolderServiceServicer_to_server(servicers.contact_folders, server)
    add_ContactServiceServicer_to_server(servicers.contacts, server)
    add_PhoneNumberServiceServicer_to_server(servicers.phone_numbers, server)
    add_CarrierConfigServiceServicer_to_server(servicers.carrier_configs, server)
    add_ExternalCallServiceServicer_to_server(servicers.external_calls, server)
    add_WebhookServiceServicer_to_server(servicers.webhooks, server)
