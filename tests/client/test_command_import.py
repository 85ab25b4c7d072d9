"""`outdial batch import`, `append` and `export`: files on their way in and out."""

import asyncio
import json
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.protobuf.json_format import ParseDict
from grpc import StatusCode
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import ListAgentsResponse
from outdial.v1.batch_pb2 import Batch, DuplicatePolicy
from outdial.v1.batch_service_pb2 import (
    GetBatchResponse,
    GetImportResponse,
    ImportScheduledCallsResponse,
    ListImportFindingsResponse,
)
from outdial.v1.import_pb2 import BadRowPolicy, FindingKind
from outdial.v1.import_pb2 import ImportFinding as FindingMessage
from outdial.v1.scheduled_call_pb2 import ScheduledCall, ScheduledCallState
from outdial.v1.scheduled_call_service_pb2 import ExportScheduledCallsResponse, ScheduledCallResult

from client.command_line import Outdial, interrupt, until
from client.far_end import FarEnd, Refusal, Silence
from client.people import AGENT_ID, BATCH, BATCH_ID

PEOPLE = b"phone,name\n+15551230001,Ada\n+15551230002,Bob\nnobody,Cy\n+1 555 123 0001,Ada\n"
COUNTS = {
    "import_id": "i-1",
    "batch_id": BATCH_ID,
    "row_count": 4,
    "added_count": 2,
    "refused_count": 1,
    "duplicate_count": 1,
}
FINDINGS = [
    FindingMessage(
        row_number=4,
        kind=FindingKind.FINDING_KIND_FAULT,
        field="address",
        description="has 'n' in it",
    ),
    FindingMessage(
        row_number=5, kind=FindingKind.FINDING_KIND_DUPLICATE_SKIPPED, first_row_number=2
    ),
]
REFUSED = Refusal(
    code=StatusCode.INVALID_ARGUMENT, reason="IMPORT_REFUSED", metadata={"import_id": "i-1"}
)


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "monday.csv"
    path.write_bytes(PEOPLE)
    return path


@pytest.fixture
def taking(far_end: FarEnd) -> FarEnd:
    """Adds two of the four people."""
    agent = Agent(agent_id=AGENT_ID, display_name="Reminder")
    far_end.answer("ListAgents", ListAgentsResponse(agents=[agent]))
    added = ImportScheduledCallsResponse(batch=BATCH)
    far_end.answer("ImportScheduledCalls", ParseDict({"import": COUNTS}, added))
    far_end.answer("GetImport", ParseDict({"import": COUNTS}, GetImportResponse()))
    far_end.answer("ListImportFindings", ListImportFindingsResponse(findings=FINDINGS))
    return far_end


def sent(far_end: FarEnd) -> tuple[Any, list[Any]]:
    """Options and rows of the last import."""
    messages = far_end.requests("ImportScheduledCalls")[-1]
    return messages[0].options, [row for message in messages for row in message.rows.rows]


async def test_a_file_becomes_a_batch(taking: FarEnd, outdial: Outdial, people: Path) -> None:
    result = await outdial(
        *("batch", "import", str(people), "--agent", "Reminder", "--skip-bad-rows"),
        *("--max-concurrent", "5", "--draft"),
    )
    assert result.exit_code == 0, result.output
    options, rows = sent(taking)
    assert [row.scheduled_call.address for row in rows][:2] == ["+15551230001", "+15551230002"]
    assert [row.row_number for row in rows] == [2, 3, 4, 5]
    assert options.new_batch.agent_id == AGENT_ID
    assert options.new_batch.display_name == "monday"
    assert options.new_batch.max_concurrent_calls == 5
    assert options.draft
    assert options.bad_rows == BadRowPolicy.BAD_ROW_POLICY_SKIP
    lines = result.stdout.splitlines()
    assert [
        line.strip().split(maxsplit=2) for line in lines if line.startswith(("  4", "  5"))
    ] == [
        ["4", "phone", "has 'n' in it"],
        ["5", "has", "the number of row 2"],
    ]
    assert f"Batch {BATCH_ID}: 2 to call; left out: 1 as bad, 1 as duplicates." in lines
    assert lines[-1] == f"Watch it: outdial watch {BATCH_ID}"
    assert result.stderr.startswith("monday.csv  100%  4 rows in ")


async def test_duplicates_that_are_kept_are_told_too(
    far_end: FarEnd, outdial: Outdial, people: Path
) -> None:
    kept = Batch(batch_id=BATCH_ID, duplicates=DuplicatePolicy.DUPLICATE_POLICY_KEEP)
    counts = {"import_id": "i-1", "row_count": 4, "added_count": 4, "duplicate_count": 2}
    added = ParseDict({"import": counts}, ImportScheduledCallsResponse(batch=kept))
    far_end.answer("ImportScheduledCalls", added)
    far_end.answer("ListImportFindings", ListImportFindingsResponse())
    result = await outdial("batch", "append", BATCH_ID, str(people))
    assert result.stdout.splitlines()[:2] == [
        f"Batch {BATCH_ID}: 4 to call.",
        "Duplicates: 2, which are kept: outdial import findings i-1",
    ]


async def test_a_file_is_added_to_a_batch_under_its_own_columns(
    taking: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text(
        "tel,key,tz,from,rank,ring,longest,team,name,send_digits\n"
        "+15551230001,C,Europe/Vienna,+4312,3,20,90,red,Ada,1ww2\n"
    )
    columns = (
        *("--phone-column", "tel", "--custom-id-column", "key", "--zone-column", "tz"),
        *("--caller-id-column", "from", "--priority-column", "rank", "--label-column", "team"),
        *("--ring-timeout-column", "ring", "--max-call-duration-column", "longest"),
        *("--carrier-param-column", "send_digits"),
    )
    for command in (("append", BATCH_ID, str(path)), ("import", str(path), "--batch", BATCH_ID)):
        result = await outdial("batch", *command, *columns, "--request-id", "r-1")
        assert result.exit_code == 0, result.output
        options, (row,) = sent(taking)
        assert (options.batch_id, options.request_id) == (BATCH_ID, "r-1")
        call = row.scheduled_call
        assert (call.address, call.custom_id) == ("+15551230001", "C")
        assert (call.time_zone, call.caller_id, call.priority) == ("Europe/Vienna", "+4312", 3)
        assert dict(call.carrier_params) == {"send_digits": "1ww2"}
        assert (call.ring_timeout.seconds, call.max_call_duration.seconds) == (20, 90)
        assert dict(call.metadata) == {"team": "red"}
        assert dict(call.template_context) == {"name": "Ada"}


async def test_refused_rows_are_named_and_reported_and_nobody_is_called(
    taking: FarEnd, outdial: Outdial, people: Path, tmp_path: Path
) -> None:
    taking.answer("ImportScheduledCalls", REFUSED)
    report = tmp_path / "refused.csv"
    result = await outdial(
        *("batch", "append", BATCH_ID, str(people), "--refused", str(report)),
    )
    assert result.exit_code == 4
    assert ["4", "phone", "has", "'n'", "in", "it"] in [
        line.split() for line in result.stdout.splitlines()
    ]
    assert "Error: 1 of 4 rows cannot be added, so none was" in result.stderr
    assert "--skip-bad-rows" in result.stderr
    assert report.read_text().splitlines()[:2] == [
        "row,column,reason,phone,name",
        "4,phone,has 'n' in it,nobody,Cy",
    ]


async def test_as_json_an_import_is_one_object(
    taking: FarEnd, outdial: Outdial, people: Path
) -> None:
    append = ("batch", "append", BATCH_ID, str(people), "--json")
    added = await outdial(*append)
    told = json.loads(added.stdout)
    assert told["import"]["import_id"] == "i-1"
    assert told["batch"]["batch_id"] == BATCH_ID
    assert told["findings"][0] == {
        "row_number": 4,
        "kind": "FINDING_KIND_FAULT",
        "field": "address",
        "column": "phone",
        "reason": "has 'n' in it",
        "first_row_number": 0,
    }
    assert added.stderr == ""
    taking.answer("ImportScheduledCalls", REFUSED)
    refused = await outdial(*append)
    assert refused.exit_code == 4
    assert json.loads(refused.stdout)["findings"] == told["findings"]
    assert json.loads(refused.stderr)["error"]["reason"] == "ROWS_REFUSED"


async def test_quiet_leaves_the_batch_s_id(taking: FarEnd, outdial: Outdial, people: Path) -> None:
    result = await outdial("-q", "batch", "import", str(people), "--agent", "Reminder")
    assert (result.stdout, result.stderr) == (f"{BATCH_ID}\n", "")


async def test_people_may_come_through_a_pipe_and_be_reported(
    taking: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    report = tmp_path / "refused.csv"
    process = await outdial.start(
        *("batch", "import", "-", "--agent", "Reminder", "--refused", str(report)),
        stdin=asyncio.subprocess.PIPE,
    )
    _, stderr = await process.communicate(PEOPLE)
    assert process.returncode == 0, stderr
    options, rows = sent(taking)
    assert (options.new_batch.display_name, len(rows)) == ("stdin", 4)
    assert stderr.startswith(b"stdin  100%  4 rows in ")
    assert len(report.read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        (("import", "{file}"), "--agent"),
        (("import", "{file}", "--batch", "b", "--agent", "x"), "--batch has its settings"),
        (("import", "{file}", "--batch", "b", "--weight", "3"), "--batch has its settings"),
        (("append", "b", "{file}", "--refused", "{file}"), "names the file that is imported"),
        (("append", "b", "/nowhere.csv"), "/nowhere.csv"),
        (("append", "b", "{file}", "--phone-column", "tel"), "no column is called 'tel'"),
    ],
)
async def test_what_cannot_be_imported_is_a_usage_error(
    far_end: FarEnd, outdial: Outdial, people: Path, args: tuple[str, ...], fault: str
) -> None:
    result = await outdial("batch", *(arg.format(file=people) for arg in args))
    assert result.exit_code == 2
    assert fault in result.stderr
    assert far_end.received == {}
    assert content(people) == PEOPLE


async def test_an_agent_that_is_not_there_is_named(
    far_end: FarEnd, outdial: Outdial, people: Path
) -> None:
    far_end.answer("ListAgents", ListAgentsResponse())
    result = await outdial("batch", "import", str(people), "--agent", "No body")
    assert result.exit_code == 5
    assert "outdial agent create 'No body'" in result.stderr


async def test_a_broken_import_says_how_to_make_sure(
    far_end: FarEnd, outdial: Outdial, people: Path
) -> None:
    far_end.answer("ImportScheduledCalls", Refusal(message="restarting"))
    result = await outdial("batch", "append", BATCH_ID, str(people))
    assert result.exit_code == 8
    assert result.stderr.splitlines()[-2] == "Error: restarting"
    request_id = sent(far_end)[0].request_id
    assert f"--request-id {request_id} makes sure, and adds nothing twice" in result.stderr


async def test_ctrl_c_says_what_stays_true(far_end: FarEnd, outdial: Outdial, people: Path) -> None:
    arrived = asyncio.Event()

    async def never(messages: list[Any]) -> Refusal:
        arrived.set()
        await asyncio.Event().wait()
        return Refusal()

    far_end.answer("ImportScheduledCalls", never)
    process = await outdial.start("batch", "append", BATCH_ID, str(people))
    await until(arrived, process)
    said = await interrupt(process)
    assert process.returncode == 130
    request_id = sent(far_end)[0].request_id
    assert said.startswith(
        f"It may have been added: the same command with --request-id {request_id}"
    )
    assert "Traceback" not in said


async def test_ctrl_c_before_all_is_sent_adds_nothing_and_says_so(
    outdial: Outdial, tmp_path: Path
) -> None:
    arrived = asyncio.Event()

    async def never_read(requests: object, context: object) -> bytes:
        arrived.set()
        await asyncio.Event().wait()
        return b""

    # More than fits between two ends of which one does not read.
    path = tmp_path / "long.csv"
    write(path, b"phone\n" + b"+15551230001\n" * 100_000)
    server = grpc.aio.server()
    handlers = {"ImportScheduledCalls": grpc.stream_unary_rpc_method_handler(never_read)}
    generic = grpc.method_handlers_generic_handler("outdial.v1.BatchService", handlers)
    server.add_generic_rpc_handlers((generic,))
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        process = await outdial.start("--address", address, "batch", "append", "b", str(path))
        await until(arrived, process)
        said = await interrupt(process)
    finally:
        await server.stop(grace=None)
    assert (process.returncode, said) == (130, "Nothing was added.\n")


async def test_ctrl_c_before_all_is_piped_in_sends_nothing(
    far_end: FarEnd, outdial: Outdial
) -> None:
    process = await outdial.start("batch", "append", BATCH_ID, "-", stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    # More than a pipe holds: once it is drained the command is reading.
    process.stdin.write(PEOPLE * 20_000)
    await process.stdin.drain()
    said = await interrupt(process)
    assert (process.returncode, said) == (130, "Nothing was sent.\n")
    assert far_end.received == {}


async def test_findings_and_reports_are_read_again_later(
    taking: FarEnd, outdial: Outdial, people: Path, tmp_path: Path
) -> None:
    shown = await outdial("import", "show", "i-1")
    assert [line.split() for line in shown.stdout.splitlines()][2:4] == [
        ["rows", "4"],
        ["added", "2"],
    ]
    found = await outdial("import", "findings", "i-1", "--limit", "1", "--json")
    assert [json.loads(line)["row_number"] for line in found.stdout.splitlines()] == [4]
    report = tmp_path / "refused.csv"
    told = await outdial("import", "report", "i-1", str(people), str(report))
    assert told.stdout == f"Rows that were not added, with reasons: {report} (2).\n"
    assert len(report.read_text().splitlines()) == 3


def write(path: Path, text: bytes) -> None:
    path.write_bytes(text)


def content(path: Path) -> bytes:
    return path.read_bytes()


def exports(far_end: FarEnd) -> None:
    far_end.answer("GetBatch", GetBatchResponse(batch=BATCH))
    rows = [
        ScheduledCallResult(
            scheduled_call=ScheduledCall(position=position, address=f"+1555123000{position}")
        )
        for position in range(3)
    ]
    far_end.stream("ExportScheduledCalls", [ExportScheduledCallsResponse(results=rows)])


async def test_a_batch_is_written_into_a_file(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    path = tmp_path / "out.jsonl"
    exports(far_end)
    export = ("batch", "export", BATCH_ID, "--output", str(path), "--state", "failed")
    result = await outdial(*export)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"Rows written to {path}: 3.\n"
    assert result.stderr.startswith("out.jsonl  100%  3 rows in ")
    addresses = [json.loads(line)["address"] for line in path.read_text().splitlines()]
    assert addresses == ["+15551230000", "+15551230001", "+15551230002"]
    (request,) = far_end.requests("ExportScheduledCalls")
    assert list(request.states) == [ScheduledCallState.SCHEDULED_CALL_STATE_FAILED]


async def test_a_batch_is_written_to_stdout_and_nothing_else(
    far_end: FarEnd, outdial: Outdial
) -> None:
    exports(far_end)
    export = ("batch", "export", BATCH_ID, "--column", "position", "--column", "address")
    result = await outdial(*export)
    assert result.stdout.splitlines()[:2] == ["position,address", "0,+15551230000"]
    exports(far_end)
    as_json = await outdial("batch", "export", BATCH_ID, "--json")
    assert len([json.loads(line) for line in as_json.stdout.splitlines()]) == 3
    exports(far_end)
    await outdial("batch", "export", BATCH_ID, "--format", "jsonl", "--conversations")
    asked = [request.with_conversations for request in far_end.requests("ExportScheduledCalls")]
    assert asked == [False, False, True]


async def test_an_export_that_is_interrupted_leaves_no_file(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    path = tmp_path / "out" / "people.csv"
    path.parent.mkdir()
    far_end.answer("GetBatch", GetBatchResponse(batch=BATCH))
    opened = asyncio.Event()

    async def silent(request: object) -> Any:
        opened.set()
        yield Silence()

    far_end.stream("ExportScheduledCalls", silent)
    process = await outdial.start("batch", "export", BATCH_ID, "-o", str(path))
    await until(opened, process)
    said = await interrupt(process)
    assert (process.returncode, said) == (130, f"{path} is not written.\n")
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("args", "fault"),
    [
        (("--column", "colour"), "colour"),
        (("--column", "address", "--format", "jsonl"), "--column goes with"),
        (("--conversations", "--format", "csv"), "--conversations goes with"),
        (("--output", "/nowhere/x.csv"), "/nowhere/x.csv cannot be written"),
    ],
)
async def test_what_cannot_be_exported_is_a_usage_error(
    far_end: FarEnd, outdial: Outdial, args: tuple[str, ...], fault: str
) -> None:
    exports(far_end)
    result = await outdial("batch", "export", BATCH_ID, *args)
    assert result.exit_code == 2
    assert fault in result.stderr
