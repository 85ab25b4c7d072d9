"""Resume tokens: where a watcher of one batch stands, as text that means nothing to it.

A token holds the batch and a sequence, neither delivery nor scope: all views of a batch
count the same events, and a watcher may change its view when it comes back.
"""

import struct
from typing import Final
from uuid import UUID

from outdial_server.domain.errors import OutOfRangeError, Reason
from outdial_server.domain.ids import BatchId
from outdial_server.watch.token_text import bytes_of, invalid_token, text_of

_VERSION: Final = 1
# Version, batch id, sequence. Of fixed length: a token that was cut is not one.
_LAYOUT: Final = struct.Struct(">B16sQ")


def write_token(batch_id: BatchId, sequence: int) -> str:
    return text_of(_LAYOUT.pack(_VERSION, UUID(batch_id).bytes, sequence))


def read_token(token: str, batch_id: BatchId, newest_sequence: int) -> int:
    """The sequence that the token stands at.

    Raises InvalidFieldsError (RESUME_TOKEN_INVALID) for what is not a token of this
    batch, and OutOfRangeError (EVENTS_ERASED, metadata `newest_sequence`) for one that is
    ahead of the log: the database was put back to an older state, and the events that the
    watcher has seen are gone. The way out is that of events erased by retention, to start
    again without a token; going on would skip the events that get these numbers now.
    """
    version, batch, sequence = _unpack(token)
    if version != _VERSION:
        raise invalid_token("is of a version that this server does not know")
    if str(UUID(bytes=batch)) != batch_id:
        raise invalid_token("is of another batch")
    if sequence > newest_sequence:
        raise OutOfRangeError(
            Reason.EVENTS_ERASED,
            f"the token stands at event {sequence}, the newest there is has {newest_sequence}; "
            "start again without a token",
            {"newest_sequence": str(newest_sequence)},
        )
    return sequence


def _unpack(token: str) -> tuple[int, bytes, int]:
    try:
        version, batch, sequence = _LAYOUT.unpack(bytes_of(token))
    except struct.error:
        raise invalid_token("is not one that WatchBatch gave") from None
    return version, batch, sequence
