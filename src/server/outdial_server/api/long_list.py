"""Requests that hold a long list: 15 MB of bytes, of which protobuf would make a message in
one go, while everybody else waits for a tenth of a second.

So such a request comes through as its bytes. They are cut where the entries of the list
begin and end, and a few hundred entries at a time, or fewer long ones, become messages. Encoded
messages that are put together are their merger, and any run of entries is a message of the same
kind: so what is read is what protobuf reads.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Generic, Protocol, TypeVar

from google.protobuf.message import DecodeError
from outdial.v1 import batch_service_pb2 as pb

from outdial_server.api.conversion.scheduled_call import raw_row
from outdial_server.api.decoding import unreadable
from outdial_server.commands.rows import SLICE_ROWS, RawRows
from outdial_server.domain.request import GrowingRequest
from outdial_server.domain.row_checks import RawRow

LONG_FIELD: Final = "scheduled_calls"
_LIST_FIELD: Final = 2
_FIELDS_PER_TURN: Final = 5_000
"""About 2 ms of cutting, 7 at worst."""

_ROWS_PER_TURN: Final = 100
"""About 3 ms where each has a context of some fields."""

_PIECE_BYTES: Final = 512 * 1024
"""As many as slices of usual rows have; a row alone may have tens of thousands."""

_VARINT_MAX_BYTES: Final = 10

# Wire types.
_VARINT, _FIXED64, _BYTES, _GROUP_START, _GROUP_END, _FIXED32 = range(6)

R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)
T = TypeVar("T")
M = TypeVar("M", pb.CreateBatchRequest, pb.AddScheduledCallsRequest)


class Cut:
    """The bytes of a message, cut into the entries of its list, at most `piece_entries` at a
    time and no more once they have `piece_bytes`, and all the rest. Nothing is there before
    `steps` are done."""

    def __init__(self, data: bytes, piece_entries: int, piece_bytes: int) -> None:
        self._data = data
        self._piece_entries = piece_entries
        self._piece_bytes = piece_bytes
        self._at = 0
        self._groups = 0
        # What the present piece may still take.
        self._entries_left = 0
        self._bytes_left = 0
        # Where they are. Nearly always one range: other fields may lie between two entries.
        self._head: list[slice] = []
        self._pieces: list[list[slice]] = []

    def steps(self, fields: int) -> Iterator[None]:
        """Does the cutting, and stops each time after about so many fields of the message.
        Raises DecodeError for what cannot be cut."""
        done = 0
        while self._at < len(self._data):
            done += self._plain_entries() or self._one_field()
            if done >= fields:
                done = 0
                yield

    @property
    def head(self) -> bytes:
        """The message without its list."""
        return self._bytes(self._head)

    def pieces(self) -> Iterator[bytes]:
        """Messages with nothing but entries of the list, all of them in their order."""
        return map(self._bytes, self._pieces)

    def _plain_entries(self) -> int:
        """Goes over entries whose lengths take one byte or two, as nearly all do, up to the
        end of the present piece; returns how many there were."""
        data, end, at = self._data, len(self._data), self._at
        most, stop = self._piece_entries, at + self._piece_bytes
        if self._has_room():
            most, stop = self._entries_left, at + self._bytes_left
        # Two bytes at least are behind the tag.
        stop = min(stop, end - 2)
        count = 0
        while count < most and at < stop and data[at] == _LIST_TAG and not self._groups:
            length, behind = data[at + 1], at + 2
            if length >= 0x80:
                if data[behind] >= 0x80:
                    break
                length, behind = length & 0x7F | data[behind] << 7, behind + 1
            if behind + length > end:
                break
            at = behind + length
            count += 1
        if count:
            self._add_entries(count, at)
        return count

    def _one_field(self) -> int:
        tag, at = _varint(self._data, self._at)
        at = self._behind(tag & 7, at)
        if tag == _LIST_TAG and not self._groups:
            self._add_entries(1, at)
        else:
            _extend(self._head, self._at, at)
            self._at = at
        return 1

    def _behind(self, wire_type: int, at: int) -> int:
        """Where the field ends whose value starts at `at`."""
        if wire_type == _BYTES:
            length, at = _varint(self._data, at)
            at += length
        elif wire_type == _VARINT:
            _, at = _varint(self._data, at)
        elif wire_type in (_FIXED64, _FIXED32):
            at += 8 if wire_type == _FIXED64 else 4
        elif wire_type == _GROUP_START:
            self._groups += 1
        elif wire_type == _GROUP_END:
            self._groups -= 1
        else:
            raise DecodeError("no such wire type")
        if at > len(self._data) or self._groups < 0:
            raise DecodeError("cut off")
        return at

    def _add_entries(self, count: int, end: int) -> None:
        if not self._has_room():
            self._pieces.append([])
            self._entries_left, self._bytes_left = self._piece_entries, self._piece_bytes
        self._entries_left -= count
        self._bytes_left -= end - self._at
        _extend(self._pieces[-1], self._at, end)
        self._at = end

    def _has_room(self) -> bool:
        return self._entries_left > 0 and self._bytes_left > 0

    def _bytes(self, ranges: list[slice]) -> bytes:
        return b"".join(self._data[part] for part in ranges)


_LIST_TAG: Final = _LIST_FIELD << 3 | _BYTES


def _extend(ranges: list[slice], start: int, end: int) -> None:
    if ranges and ranges[-1].stop == start:
        start = ranges.pop().start
    ranges.append(slice(start, end))


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place, and the place behind it."""
    value = shift = 0
    for byte in data[at : at + _VARINT_MAX_BYTES]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at + shift // 7
    raise DecodeError("a number without an end")


class LongList(Generic[M]):
    """A request that is read a few hundred rows at a time."""

    def __init__(self, kind: type[M], data: bytes) -> None:
        self._kind: type[M] = kind
        self._cut = Cut(data, SLICE_ROWS, _PIECE_BYTES)
        # All but the rows, when it is there.
        self.head: M | None = None

    async def read_head(self) -> M:
        """Before the rows. Raises InvalidFieldsError for bytes that are no such message."""
        try:
            for _ in self._cut.steps(_FIELDS_PER_TURN):
                await asyncio.sleep(0)
            self.head = self._kind.FromString(self._cut.head)
        except DecodeError:
            raise unreadable() from None
        return self.head

    async def rows(self, request: GrowingRequest | None) -> RawRows:
        """In slices; `request` grows by each row. Raises like `read_head`."""
        count = 0
        for piece in self._cut.pieces():
            try:
                rows = self._kind.FromString(piece).scheduled_calls
            except DecodeError:
                raise unreadable() from None
            raw = list[tuple[int, RawRow]]()
            for start in range(0, len(rows), _ROWS_PER_TURN):
                turn = rows[start : start + _ROWS_PER_TURN]
                if request is not None:
                    for row in turn:
                        request.read(row.SerializeToString(deterministic=True))
                raw.extend(enumerate(map(raw_row, turn), count + start))
                await asyncio.sleep(0)
            yield raw
            count += len(rows)


class GrowingList(Protocol[R_contra]):
    """A repeated field."""

    def extend(self, items: Iterable[R_contra], /) -> None: ...


async def add_in_slices(
    messages: GrowingList[R], items: Sequence[T], convert: Callable[[T], R]
) -> None:
    """For an answer with a long list."""
    for start in range(0, len(items), SLICE_ROWS):
        messages.extend(map(convert, items[start : start + SLICE_ROWS]))
        await asyncio.sleep(0)


_SERVICE: Final = "/outdial.v1.BatchService"

READERS: Final[Mapping[str, Callable[[bytes], object]]] = {
    f"{_SERVICE}/CreateBatch": lambda data: LongList(pb.CreateBatchRequest, data),
    f"{_SERVICE}/AddScheduledCalls": lambda data: LongList(pb.AddScheduledCallsRequest, data),
}
"""How the requests of these methods are read, in place of by protobuf at once."""
