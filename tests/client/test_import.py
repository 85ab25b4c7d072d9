"""Long lists on their way to the server."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from outdial.v1.import_pb2 import ImportRow

from client.far_end import FarEnd, Refusal
from client.transfers import ADDED
from outdial_client import (
    BadRowPolicy,
    Client,
    CsvColumns,
    CsvFileError,
    ImportInterruptedError,
    ImportProgress,
    InternalError,
    NewBatch,
    NewCall,
    UnauthenticatedError,
)
from outdial_client._import_rows import SLICE_BYTES

PEOPLE = (
    b"Tel,Note\n"
    b"+15551230001,first\n"
    b'5551230002,"=HYPERLINK(1)"\n'
    b"+15551230001,kept\n"
    b'+15551230001,"two\nlines"\n'
)
COLUMNS = CsvColumns(phone="tel")


def sent(far_end: FarEnd) -> list[list[Any]]:
    """The messages of each stream."""
    return far_end.requests("ImportScheduledCalls")


def rows(messages: list[Any]) -> list[ImportRow]:
    return [row for message in messages for row in message.rows.rows]


def calls(count: int) -> list[NewCall]:
    return [NewCall(address=f"+1555{index:07}") for index in range(count)]


async def test_options_then_slices_then_the_end(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ImportScheduledCalls", ADDED)
    batch = NewBatch(agent_id="a-1", display_name="Monday")
    result = await client.batches.import_rows(calls(1_201), new_batch=batch, draft=True)
    (messages,) = sent(far_end)
    assert [message.WhichOneof("content") for message in messages] == [
        "options",
        "rows",
        "rows",
        "rows",
        "end",
    ]
    options = messages[0].options
    assert options.new_batch.display_name == "Monday"
    assert options.draft
    assert options.request_id
    assert [len(message.rows.rows) for message in messages[1:4]] == [500, 500, 201]
    assert [row.row_number for row in rows(messages)] == list(range(1, 1_202))
    assert messages[4].end.row_count == 1_201
    assert (result.import_id, result.batch.batch_id) == ("i-1", "b-1")
    assert (result.row_count, result.added_count, result.refused_count) == (3, 2, 1)


async def test_long_rows_make_short_slices(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ImportScheduledCalls", ADDED)
    call = NewCall(address="+15551230001", template_context={"note": "x" * 60_000})
    await client.batches.import_rows([call] * 40, batch_id="b-1")
    (messages,) = sent(far_end)
    assert [len(message.rows.rows) for message in messages[1:-1]] == [18, 18, 4]


async def test_a_file_is_sent_with_its_lines_as_numbers(
    far_end: FarEnd, client: Client, tmp_path: Path
) -> None:
    far_end.answer("ImportScheduledCalls", ADDED)
    path = tmp_path / "people.csv"
    path.write_bytes(PEOPLE)
    told: list[ImportProgress] = []
    await client.batches.import_csv(
        path,
        batch_id="b-1",
        columns=COLUMNS,
        bad_rows=BadRowPolicy.BAD_ROW_POLICY_SKIP,
        on_progress=told.append,
    )
    (messages,) = sent(far_end)
    assert messages[0].options.batch_id == "b-1"
    assert messages[0].options.bad_rows == BadRowPolicy.BAD_ROW_POLICY_SKIP
    first, bad, *others = rows(messages)
    assert (first.row_number, first.scheduled_call.address) == (2, "+15551230001")
    assert dict(first.scheduled_call.template_context) == {"Note": "first"}
    assert [(fault.field, fault.description) for fault in bad.faults] == [
        ("address", "lacks + and the country code")
    ]
    assert [row.row_number for row in others] == [4, 5]
    size = len(PEOPLE)
    assert told == [ImportProgress(rows_sent=4, bytes_read=size, bytes_total=size)]


async def test_an_async_generator_is_read_as_it_is_sent(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ImportScheduledCalls", ADDED)
    made = 0
    told: list[tuple[int, int]] = []

    async def people() -> AsyncIterator[NewCall]:
        nonlocal made
        for call in calls(1_100):
            made += 1
            yield call

    await client.batches.import_rows(
        people(),
        batch_id="b-1",
        on_progress=lambda progress: told.append((progress.rows_sent, made)),
    )
    assert told == [(500, 500), (1_000, 1_000), (1_100, 1_100)]


async def test_one_of_batch_and_new_batch_must_be_given(client: Client) -> None:
    with pytest.raises(ValueError, match="either batch_id or new_batch"):
        await client.batches.import_rows([])
    batch = NewBatch(agent_id="a", display_name="b")
    with pytest.raises(ValueError, match="either batch_id or new_batch"):
        await client.batches.import_rows([], batch_id="b-1", new_batch=batch)


async def test_a_file_that_is_no_list_bothers_no_server(
    far_end: FarEnd, client: Client, tmp_path: Path
) -> None:
    with pytest.raises(CsvFileError, match="no column holds phone numbers"):
        await client.batches.import_csv(io.BytesIO(b"name\nAda\n"), batch_id="b-1")
    with pytest.raises(CsvFileError, match="No such file"):
        await client.batches.import_csv(tmp_path / "none.csv", batch_id="b-1")
    assert sent(far_end) == []


async def test_a_broken_connection_is_tried_once_more_under_the_same_id(
    far_end: FarEnd, client: Client
) -> None:
    far_end.answer("ImportScheduledCalls", Refusal(retry_after=timedelta(0)), ADDED)
    result = await client.batches.import_csv(
        io.BytesIO(PEOPLE), batch_id="b-1", columns=COLUMNS, request_id="mine"
    )
    assert result.import_id == "i-1"
    first, second = sent(far_end)
    assert first == second
    assert first[0].options.request_id == "mine"


async def test_a_server_that_restarts_is_waited_for(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ImportScheduledCalls", ADDED)
    restarts: list[asyncio.Task[None]] = []

    async def restart() -> None:
        await far_end.stop()
        await far_end.start()

    async def break_once(number: int) -> None:
        if number == 2 and not restarts:
            restarts.append(asyncio.create_task(restart()))
            await asyncio.Event().wait()

    far_end.on_upload = break_once
    assert (await client.batches.import_rows(calls(3), batch_id="b-1")).import_id == "i-1"
    await restarts[0]
    assert [len(stream) for stream in sent(far_end)] == [2, 3]


async def test_rows_are_made_as_they_are_taken(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ImportScheduledCalls", ADDED)
    slices = 100
    leads: list[int] = []
    made = 0

    def people() -> Iterator[NewCall]:
        nonlocal made
        for _ in range(slices):
            made += 1
            # Each is a slice of its own.
            yield NewCall(address="+15551230001", metadata={"note": "x" * SLICE_BYTES})

    async def compare(number: int) -> None:
        leads.append(made - number)

    far_end.on_upload = compare
    await client.batches.import_rows(people(), batch_id="b-1")
    assert len(leads) == slices + 2
    # What is on the way is bounded by gRPC's windows, not by the length of the list.
    assert max(leads) < slices / 2


async def test_an_early_end_of_the_stream_is_told_by_its_answer(
    far_end: FarEnd, client: Client
) -> None:
    far_end.answer(
        "ImportScheduledCalls", Refusal(code=grpc.StatusCode.UNAUTHENTICATED, early=True)
    )
    with pytest.raises(UnauthenticatedError):
        await client.batches.import_rows(calls(20_000), batch_id="b-1")


async def test_what_a_generator_gave_is_not_sent_again(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ImportScheduledCalls", Refusal(), ADDED)
    with pytest.raises(ImportInterruptedError) as caught:
        await client.batches.import_rows(iter(calls(3)), batch_id="b-1")
    ((options, *_),) = sent(far_end)
    assert caught.value.repeat_request_id == options.options.request_id
    await client.batches.import_rows(
        iter(calls(3)), batch_id="b-1", request_id=caught.value.repeat_request_id
    )


async def test_a_connection_that_breaks_twice_is_an_error(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ImportScheduledCalls", Refusal())
    with pytest.raises(ImportInterruptedError) as caught:
        await client.batches.import_rows(calls(3), batch_id="b-1", request_id="mine")
    assert caught.value.repeat_request_id == "mine"
    assert len(sent(far_end)) == 2


async def test_a_fault_of_the_server_is_not_tried_again(far_end: FarEnd, client: Client) -> None:
    far_end.answer("ImportScheduledCalls", Refusal(code=grpc.StatusCode.INTERNAL))
    with pytest.raises(InternalError):
        await client.batches.import_rows(calls(3), batch_id="b-1")
    assert len(sent(far_end)) == 1


@pytest.mark.parametrize("error", [RuntimeError("mine"), grpc.aio.UsageError("mine")])
async def test_an_error_of_the_rows_ends_the_stream_without_its_end(
    far_end: FarEnd, client: Client, error: Exception
) -> None:
    far_end.answer("ImportScheduledCalls", ADDED)

    def people() -> Iterator[NewCall]:
        yield from calls(700)
        raise error

    with pytest.raises(type(error), match="mine"):
        await client.batches.import_rows(people(), batch_id="b-1")
    assert all(
        message.WhichOneof("content") != "end" for stream in sent(far_end) for message in stream
    )
