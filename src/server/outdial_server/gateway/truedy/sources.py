"""Where the contacts of a batch call came from, as its maker has said it."""

from typing import Final, get_args

from google.protobuf.struct_pb2 import Struct
from outdial.v1 import batch_pb2

from outdial_server.gateway.truedy.batch_shapes import ContactSource

_SOURCE: Final = "truedy.contact_source"
_FOLDER: Final = "truedy.contact_folder_id"


def note(annotations: Struct, source: ContactSource, folder_id: str | None) -> None:
    annotations[_SOURCE] = source
    if folder_id:
        annotations[_FOLDER] = folder_id


def source_of(batch: batch_pb2.Batch) -> ContactSource:
    """`manual` where it was made natively or by another dialect."""
    told = _text(batch, _SOURCE)
    for source in get_args(ContactSource):
        if told == source:
            return source  # type: ignore[no-any-return]
    return "manual"


def folder_of(batch: batch_pb2.Batch) -> str | None:
    return _text(batch, _FOLDER) or None


def _text(batch: batch_pb2.Batch, name: str) -> str:
    fields = batch.annotations.fields
    return fields[name].string_value if name in fields else ""
