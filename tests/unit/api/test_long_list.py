"""A message that is cut is read as protobuf reads it whole."""

import pytest
from google.protobuf.message import DecodeError
from hypothesis import example, given
from hypothesis import strategies as st
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import CreateBatchRequest
from outdial.v1.scheduled_call_pb2 import ScheduledCall

from outdial_server.api.long_list import Cut

ROW = ScheduledCall(address="+15551230001")
ENTRY = CreateBatchRequest(scheduled_calls=[ROW]).SerializeToString()
HEAD = CreateBatchRequest(batch=Batch(display_name="x"), draft=True, request_id="r")

# Whole fields: of the list, of the rest, of later versions, and of groups, in which another
# message may have what looks like entries.
ENTRIES = st.sampled_from((0, 1, 40, 130, 20_000)).map(
    lambda chars: CreateBatchRequest(
        scheduled_calls=[ScheduledCall(custom_id="x" * chars)]
    ).SerializeToString()
)
STRANGERS = st.sampled_from(
    (
        HEAD.SerializeToString(),
        CreateBatchRequest(batch=Batch(priority=3)).SerializeToString(),
        b"\xc0\x3e\x01",
        b"\xc1\x3e12345678",
        b"\xc5\x3e1234",
        b"\xc2\x3e\x03abc",
        # The number of the list, but not its type.
        b"\x10\x07",
        # A tag in more bytes than it needs.
        b"\x92\x00" + ENTRY[1:],
        b"\xc3\x3e" + ENTRY + b"\xc4\x3e",
        b"\xc3\x3e\xcb\x3e" + ENTRY + b"\xcc\x3e\x10\x07\xc4\x3e",
    )
)
MESSAGES = st.lists(st.one_of(ENTRIES, ENTRIES, STRANGERS), max_size=12).map(b"".join)


def cut(
    data: bytes, piece_entries: int = 3, piece_bytes: int = 30_000, fields: int = 2
) -> tuple[bytes, list[bytes]]:
    done = Cut(data, piece_entries, piece_bytes)
    for _ in done.steps(fields):
        pass
    return done.head, list(done.pieces())


def read(head: bytes, pieces: list[bytes]) -> CreateBatchRequest:
    """The message that the parts make, each by itself."""
    message = CreateBatchRequest.FromString(head)
    for piece in pieces:
        message.MergeFrom(CreateBatchRequest.FromString(piece))
    return message


def known(message: CreateBatchRequest) -> bytes:
    """Where fields that nobody knows come back is nobody's concern."""
    message.DiscardUnknownFields()
    return message.SerializeToString(deterministic=True)


@given(
    MESSAGES, st.integers(1, 5), st.sampled_from((1, 100, 300, 30_000, 500_000)), st.integers(1, 5)
)
def test_the_parts_make_the_message(
    data: bytes, piece_entries: int, piece_bytes: int, fields: int
) -> None:
    head, pieces = cut(data, piece_entries, piece_bytes, fields)
    assert not CreateBatchRequest.FromString(head).scheduled_calls
    whole = CreateBatchRequest.FromString(data)
    assert known(read(head, pieces)) == known(whole)
    sizes = [len(CreateBatchRequest.FromString(piece).scheduled_calls) for piece in pieces]
    assert all(
        size == piece_entries or len(piece) >= piece_bytes
        for size, piece in list(zip(sizes, pieces, strict=True))[:-1]
    )
    assert all(0 < size <= piece_entries for size in sizes)
    assert sum(sizes) == len(whole.scheduled_calls)


@given(st.one_of(st.binary(max_size=40), MESSAGES), st.integers(0, 60))
@example(b"\x12\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 60)
@example(b"\x12\xff\xff\xff\xff\x0fabc", 60)
@example(b"\xc4\x3e", 60)
@example(b"\x07", 60)
def test_what_is_read_in_parts_is_what_protobuf_reads(data: bytes, length: int) -> None:
    data = data[:length]
    try:
        whole = CreateBatchRequest.FromString(data)
    except DecodeError:
        with pytest.raises(DecodeError):
            read(*cut(data))
    else:
        assert known(read(*cut(data))) == known(whole)


def test_a_long_list_is_cut_in_bounded_steps() -> None:
    done = Cut(ENTRY * 1000, 100, 1_000_000)
    assert sum(1 for _ in done.steps(100)) == 10
    assert len(list(done.pieces())) == 10


@pytest.mark.parametrize("chars", [5_000, 20_000])
def test_a_list_of_long_entries_is_cut_by_its_bytes(chars: int) -> None:
    entry = CreateBatchRequest(
        scheduled_calls=[ScheduledCall(custom_id="x" * chars)]
    ).SerializeToString()
    head, pieces = cut(entry * 100, 500, 3 * len(entry))
    assert not head
    assert [len(piece) for piece in pieces] == [3 * len(entry)] * 33 + [len(entry)]
