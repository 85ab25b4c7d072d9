"""Structs as what their JSON is."""

from typing import Any

from google.protobuf.struct_pb2 import Struct

from outdial_server.gateway.encoding import to_object


def object_of(struct: Struct) -> dict[str, Any]:
    told: dict[str, Any] = to_object(struct)
    return told
