"""Resume tokens of those who watch many batches: all that was told, as text.

A token holds the sequence of each batch that its watcher follows, since there is no log over
all of them; bounded as what is followed is. It is of one selection, and no other.
"""

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from outdial_server.domain.ids import BatchId
from outdial_server.ports.board import Selection
from outdial_server.watch.board import TOLD_MAX, Told
from outdial_server.watch.token_text import bytes_of, invalid_token, text_of

_VERSION: Final = 1
# Version, print of the selection, since when ended batches are looked for, in microseconds.
_HEAD: Final = struct.Struct(">B8sQ")
_ID_BYTES: Final = 16
# More events than a batch ever has.
_SEQUENCE_BYTES: Final = 5
_ENTRY_BYTES: Final = _ID_BYTES + _SEQUENCE_BYTES
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_US_MAX: Final = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND


def write_board_token(told: Told, selection: Selection) -> str:
    """Empty as long as the snapshot is not complete."""
    if told.ended_since is None:
        return ""
    since_us = (told.ended_since - _EPOCH) // _MICROSECOND
    entries = b"".join(
        UUID(batch_id).bytes + sequence.to_bytes(_SEQUENCE_BYTES)
        for batch_id, sequence in sorted(told.sequences.items())
    )
    return text_of(_HEAD.pack(_VERSION, _print_of(selection), since_us) + entries)


def read_board_token(token: str, selection: Selection) -> Told:
    """Raises InvalidFieldsError (RESUME_TOKEN_INVALID) for what is not a token of this
    selection."""
    packed = bytes_of(token)
    head, entries = packed[: _HEAD.size], packed[_HEAD.size :]
    if len(head) < _HEAD.size or len(entries) % _ENTRY_BYTES:
        raise invalid_token("is not one that WatchBatches gave")
    version, selection_print, since_us = _HEAD.unpack(head)
    if version != _VERSION:
        raise invalid_token("is of a version that this server does not know")
    if selection_print != _print_of(selection):
        raise invalid_token("is of other batches")
    if len(entries) > TOLD_MAX * _ENTRY_BYTES or since_us > _US_MAX:
        raise invalid_token("is not one that WatchBatches gave")
    places = range(0, len(entries), _ENTRY_BYTES)
    told = dict(_entry(entries[place : place + _ENTRY_BYTES]) for place in places)
    return Told(told, _EPOCH + since_us * _MICROSECOND)


def _entry(packed: bytes) -> tuple[BatchId, int]:
    batch_id = BatchId(str(UUID(bytes=packed[:_ID_BYTES])))
    return batch_id, int.from_bytes(packed[_ID_BYTES:])


def _print_of(selection: Selection) -> bytes:
    ids = sorted(set(selection.batch_ids))
    text = "\n".join((selection.account_id, selection.agent_id or "", *ids))
    return hashlib.blake2b(text.encode(), digest_size=8).digest()
