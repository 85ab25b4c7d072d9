"""The handlers of all methods, by name."""

from collections.abc import Mapping

import grpc
from typing_extensions import override

from outdial_server.api.interceptor import Handler, HandlerOrNone


class HandlerTable(grpc.GenericRpcHandler):
    """Stands where a gRPC server does while services are added, and is then added to one.

    A server that methods are registered with itself keeps a task for each that waits for its
    next RPC, and at each RPC waits for all of those tasks anew: with a hundred methods, a good
    part of what a small one costs.
    """

    def __init__(self) -> None:
        self.handlers: dict[str, Handler] = {}

    def add_generic_rpc_handlers(self, generic_rpc_handlers: object) -> None:
        """The same handlers, in a form that cannot be listed."""

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Handler]
    ) -> None:
        for name, handler in method_handlers.items():
            self.handlers[f"/{service_name}/{name}"] = handler

    @override
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> HandlerOrNone:
        return self.handlers.get(handler_call_details.method)
