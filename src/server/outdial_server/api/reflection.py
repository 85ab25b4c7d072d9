"""Server reflection, under both of its names."""

from collections.abc import Iterable

import grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import add_ServerReflectionServicer_to_server

# No message refers to the reasons of errors: imported, they can be described all the same.
from outdial.v1 import error_reason_pb2 as _error_reason_pb2  # noqa: F401

from outdial_server.api.handler_table import HandlerTable


def add_reflection(services: Iterable[str], table: HandlerTable) -> None:
    """The package knows v1alpha alone. Version 1 has the same messages under another
    package name, so it is served by the same code; it is not listed, since there is no
    descriptor of it to be described by."""
    servicer = reflection.aio.ReflectionServicer((*services, reflection.SERVICE_NAME))
    add_ServerReflectionServicer_to_server(servicer, table)
    info = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    table.add_registered_method_handlers(
        "grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": info}
    )
