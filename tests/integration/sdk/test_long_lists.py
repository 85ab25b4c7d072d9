"""Imports and exports of the SDK against the whole server, over connections that break."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from tests.integration.conftest import OPERATOR_KEY
from tests.integration.sdk.cutting_proxy import CuttingProxy

from outdial_client import (
    BadRowPolicy,
    BatchState,
    Client,
    CsvColumns,
    DuplicatePolicy,
    FindingKind,
    ImportInterruptedError,
    ImportRefusedError,
    ImportState,
    NewBatch,
    NewCall,
    ScheduledCallState,
    WatchInterruption,
)
from outdial_server.app.server import RunningServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SKIP = BadRowPolicy.BAD_ROW_POLICY_SKIP
COLUMNS = CsvColumns(phone="tel", metadata=["branch"])
PEOPLE = (
    b"tel,Name,branch,timezone\r\n"
    b'+12025550100,"Ada, ""A""",north,Europe/Vienna\r\n'
    b"not a number,Bob,north,\r\n"
    b"+12025550101,Cyd,south,Europe/Nowhere\r\n"
    b"+12025550100,=Dan,south,\r\n"
    b"+12025550102,Eve\r\n"
    b'+12025550103,"Fay\r\nof two lines",south,\r\n'
    b"+12025550104,Gil,south,\r\n"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(grpc_server: RunningServer) -> AsyncIterator[Client]:
    async with Client(f"127.0.0.1:{grpc_server.grpc_port}", api_key=OPERATOR_KEY) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def agent_id(client: Client) -> str:
    return (await client.agents.create("Long lists")).agent_id


@asynccontextmanager
async def cut_client(
    server: RunningServer, **limits: list[int]
) -> AsyncIterator[tuple[Client, CuttingProxy]]:
    """A client whose connections break after so many bytes."""
    async with (
        CuttingProxy(server.grpc_port, **limits) as proxy,
        Client(proxy.address, api_key=OPERATOR_KEY) as client,
    ):
        yield client, proxy


def new_batch(agent_id: str, **fields: object) -> NewBatch:
    return NewBatch(agent_id=agent_id, display_name="list", **fields)  # type: ignore[arg-type]


def people(count: int) -> Iterator[NewCall]:
    return (NewCall(address=f"+1555{index:07}", custom_id=f"p{index}") for index in range(count))


def people_csv(count: int) -> bytes:
    return b"phone,note\n" + b"".join(b"+1555%07d,%040d\n" % (n, n) for n in range(count))


async def test_a_file_with_every_fault_is_refused_and_reported_by_line_and_column(
    client: Client, agent_id: str
) -> None:
    batch = new_batch(agent_id, duplicates=DuplicatePolicy.DUPLICATE_POLICY_SKIP)
    with pytest.raises(ImportRefusedError) as caught:
        await client.batches.import_csv(io.BytesIO(PEOPLE), new_batch=batch, columns=COLUMNS)
    findings = await client.batches.import_findings(caught.value).to_list()
    assert [(finding.row_number, finding.column) for finding in findings] == [
        (3, "tel"),
        (4, "timezone"),
        (5, "tel"),
        (6, ""),
    ]
    assert findings[0].reason == "has 'n' in it, which is no part of a number"
    assert findings[2].kind == FindingKind.FINDING_KIND_DUPLICATE_SKIPPED
    assert findings[2].first_row_number == 2
    assert findings[3].reason == "has 2 instead of 4 cells"
    kept = await client.batches.get_import(caught.value.import_id)
    assert kept.state == ImportState.IMPORT_STATE_REFUSED
    assert (kept.row_count, kept.added_count) == (7, 0)


async def test_the_others_are_added_and_the_refused_written_for_mending(
    client: Client, agent_id: str, tmp_path: Path
) -> None:
    source, report = tmp_path / "people.csv", tmp_path / "refused.csv"
    source.write_bytes(PEOPLE)
    result = await client.batches.import_csv(
        source,
        new_batch=new_batch(agent_id, duplicates=DuplicatePolicy.DUPLICATE_POLICY_SKIP),
        draft=True,
        columns=COLUMNS,
        bad_rows=SKIP,
    )
    assert (result.row_count, result.added_count, result.refused_count) == (7, 3, 3)
    assert result.duplicate_count == 1
    rows = await client.scheduled_calls.list(result.batch.batch_id).to_list()
    assert [row.address for row in rows] == ["+12025550100", "+12025550103", "+12025550104"]
    assert dict(rows[0].template_context) == {"Name": 'Ada, "A"'}
    assert (dict(rows[0].metadata), rows[0].time_zone) == ({"branch": "north"}, "Europe/Vienna")
    assert await client.batches.write_refused_rows(result, source, report) == 4
    lines = list(csv.reader(report.read_text().splitlines()))
    assert lines[0] == ["row", "column", "reason", "tel", "Name", "branch", "timezone"]
    assert [line[0] for line in lines[1:]] == ["3", "4", "5", "6"]
    assert lines[3][3:] == ["+12025550100", "'=Dan", "south", ""]
    assert lines[4][3:] == ["+12025550102", "Eve"]


async def test_an_import_goes_behind_the_last_row_of_a_batch(client: Client, agent_id: str) -> None:
    first = await client.batches.import_rows(people(3), new_batch=new_batch(agent_id), draft=True)
    result = await client.batches.import_rows(people(1_200), batch_id=first.batch.batch_id)
    assert result.batch.counts.total == 1_203
    positions = [
        row.scheduled_call.position
        async for row in client.scheduled_calls.export(result.batch.batch_id)
    ]
    assert positions == list(range(1_203))


async def test_a_connection_that_breaks_in_the_middle_is_mended_and_nothing_is_twice(
    client: Client, agent_id: str, grpc_server: RunningServer
) -> None:
    async with cut_client(grpc_server, up=[200_000]) as (cut, proxy):
        result = await cut.batches.import_csv(
            io.BytesIO(people_csv(8_000)), new_batch=new_batch(agent_id), draft=True
        )
    assert proxy.cuts == 1
    assert (result.added_count, result.batch.counts.total) == (8_000, 8_000)


async def test_an_import_that_broke_off_leaves_nothing_and_is_repeated_by_its_id(
    client: Client, agent_id: str, grpc_server: RunningServer
) -> None:
    batches = len(await client.batches.list(agent_id=agent_id).to_list())
    batch = new_batch(agent_id)
    async with cut_client(grpc_server, up=[200_000]) as (cut, _):
        with pytest.raises(ImportInterruptedError) as caught:
            await cut.batches.import_rows(people(8_000), new_batch=batch, draft=True)
    assert len(await client.batches.list(agent_id=agent_id).to_list()) == batches
    again = [
        await client.batches.import_rows(
            people(8_000),
            new_batch=batch,
            draft=True,
            request_id=caught.value.repeat_request_id,
        )
        for _ in range(2)
    ]
    assert again[0].import_id == again[1].import_id
    assert len(await client.batches.list(agent_id=agent_id).to_list()) == batches + 1


async def test_results_come_once_each_over_breaks(
    client: Client, agent_id: str, grpc_server: RunningServer
) -> None:
    result = await client.batches.import_csv(
        io.BytesIO(people_csv(6_000)), new_batch=new_batch(agent_id), draft=True
    )
    told: list[WatchInterruption] = []
    async with cut_client(grpc_server, down=[300_000, 300_000]) as (cut, proxy):
        export = cut.scheduled_calls.export(result.batch.batch_id, on_interruption=told.append)
        positions = [row.scheduled_call.position async for row in export]
    assert proxy.cuts == 2
    assert len(told) >= 2
    assert positions == list(range(6_000))


async def test_a_list_is_called_and_its_results_written(
    client: Client, agent_id: str, tmp_path: Path
) -> None:
    result = await client.batches.import_csv(
        io.BytesIO(PEOPLE), new_batch=new_batch(agent_id), columns=COLUMNS, bad_rows=SKIP
    )
    batch = await client.batches.wait_until_ended(result.batch.batch_id)
    assert batch.state == BatchState.BATCH_STATE_COMPLETED
    target = tmp_path / "results.csv"
    assert await client.scheduled_calls.export_csv(batch.batch_id, target) == 4
    rows = list(csv.DictReader(io.StringIO(target.read_bytes().decode(), newline="")))
    assert {row["disposition"] for row in rows} == {"answered_human"}
    assert [row["context.Name"] for row in rows][1:3] == ["'=Dan", "Fay\r\nof two lines"]
    assert all(row["talk_seconds"] and row["end_time"].endswith("Z") for row in rows)
    lines = io.BytesIO()
    await client.scheduled_calls.export_json_lines(batch.batch_id, lines)
    objects = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [item["metadata"]["branch"] for item in objects] == ["north", "south", "south", "south"]
    assert objects[1]["template_context"] == {"Name": "=Dan"}


async def test_people_are_called_once_more(client: Client, agent_id: str) -> None:
    created = await client.batches.create(new_batch(agent_id), people(3))
    batch = await client.batches.wait_until_ended(created.batch.batch_id)
    reached = [ScheduledCallState.SCHEDULED_CALL_STATE_COMPLETED]
    retried = await client.batches.retry(batch.batch_id, states=reached)
    assert retried.retried_count == 3
    await client.batches.wait_until_ended(batch.batch_id)
    row = await client.scheduled_calls.list(batch.batch_id).first()
    assert row is not None
    await client.scheduled_calls.retry(row.scheduled_call_id)
    await client.batches.wait_until_ended(batch.batch_id)
    attempts = [
        result.scheduled_call.attempt_count
        async for result in client.scheduled_calls.export(batch.batch_id)
    ]
    assert attempts == [3, 2, 2]
