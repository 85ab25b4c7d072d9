"""Structs as what their JSON is."""

from typing import Any, Final

from google.protobuf.struct_pb2 import Struct
from outdial.v1.batch_pb2 import Batch

from outdial_server.gateway.encoding import to_object

OURS: Final = "ultravox"
"""The annotation of a batch that holds what this API keeps of it: others keep theirs beside it."""


def ours_of(batch: Batch) -> dict[str, Any]:
    ours = object_of(batch.annotations).get(OURS)
    return ours if isinstance(ours, dict) else {}


def object_of(struct: Struct) -> dict[str, Any]:
    told: dict[str, Any] = to_object(struct)
    return told
