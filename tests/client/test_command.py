"""The `outdial` command: what it sends, what it prints, how it exits."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from grpc import StatusCode
from outdial.v1.account_pb2 import Account
from outdial.v1.account_service_pb2 import GetAccountResponse
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import (
    CreateAgentResponse,
    DeleteAgentResponse,
    GetAgentResponse,
    ListAgentsResponse,
)
from outdial.v1.batch_pb2 import Batch, BatchCounts, BatchState, DuplicatePolicy
from outdial.v1.batch_service_pb2 import (
    CancelBatchResponse,
    CreateBatchRequest,
    CreateBatchResponse,
    DeleteBatchResponse,
    GetBatchResponse,
    ListBatchesResponse,
    PauseBatchResponse,
    ResumeBatchResponse,
    SkippedDuplicate,
    StartBatchResponse,
    WatchBatchResponse,
    WatchScope,
)
from outdial.v1.call_pb2 import Call, CallState
from outdial.v1.call_service_pb2 import CallResolution, EndCallResponse, ResolveCallResponse
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall, ScheduledCallState
from outdial.v1.scheduled_call_service_pb2 import ListScheduledCallsResponse
from outdial.v1.server_info_service_pb2 import GetServerInfoResponse
from typer.testing import CliRunner, Result

from client.far_end import REQUEST_ID, FarEnd, Refusal, Silence, token
from outdial_client.cli.main import app

Outdial = Callable[..., Awaitable[Result]]

RUNNING = BatchState.BATCH_STATE_RUNNING
COMPLETED = BatchState.BATCH_STATE_COMPLETED
CANCELLED = BatchState.BATCH_STATE_CANCELLED
BATCH_ID = "0190a000-0000-7000-8000-00000000000b"
AGENT_ID = "0190a000-0000-7000-8000-00000000000a"
BATCH = Batch(
    batch_id=BATCH_ID,
    display_name="Monday",
    state=RUNNING,
    agent_id=AGENT_ID,
    counts=BatchCounts(total=3, waiting=2, dialing=1),
)
ENDED = BatchCounts(total=3, completed=2, failed=1)


@pytest.fixture
def outdial(far_end: FarEnd, tmp_path: Path) -> Outdial:
    async def invoke(*args: str, key: str = "key-1") -> Result:
        environment = {
            "OUTDIAL_ADDRESS": far_end.address,
            "OUTDIAL_API_KEY": key,
            "XDG_CONFIG_HOME": str(tmp_path),
        }
        runner = CliRunner(env=environment)
        return await asyncio.to_thread(runner.invoke, app, list(args))

    return invoke


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "monday.csv"
    path.write_text(
        "phone,name\n+15551230001,Ada\n+15551230002,Bob\nnobody,Cy\n+1 555 123 0001,Ada\n"
    )
    return path


@pytest.fixture
def good_people(tmp_path: Path) -> Path:
    path = tmp_path / "tuesday.csv"
    path.write_text("phone,name\n+15551230001,Ada\n+15551230002,Bob\n")
    return path


def knows_the_agent(far_end: FarEnd) -> None:
    agent = Agent(agent_id=AGENT_ID, display_name="Reminder")
    far_end.answer("ListAgents", ListAgentsResponse(agents=[agent]))
    far_end.answer("CreateBatch", CreateBatchResponse(batch=BATCH))


def runs_to(far_end: FarEnd, state: BatchState.ValueType) -> None:
    far_end.answer("GetBatch", GetBatchResponse(batch=BATCH))
    far_end.watch(
        [
            progress(1, BATCH.counts),
            progress(2, BatchCounts(total=3, waiting=1, in_progress=1, completed=1)),
            progress(3, ENDED, state=state, ended=True),
        ]
    )
    human = ScheduledCall(
        state=ScheduledCallState.SCHEDULED_CALL_STATE_COMPLETED,
        disposition=Disposition.DISPOSITION_ANSWERED_HUMAN,
    )
    busy = ScheduledCall(
        state=ScheduledCallState.SCHEDULED_CALL_STATE_FAILED,
        disposition=Disposition.DISPOSITION_BUSY,
    )
    far_end.answer(
        "ListScheduledCalls", ListScheduledCallsResponse(scheduled_calls=[human, human, busy])
    )


def progress(
    sequence: int,
    counts: BatchCounts,
    *,
    state: BatchState.ValueType = RUNNING,
    ended: bool = False,
) -> WatchBatchResponse:
    return WatchBatchResponse(
        sequence=sequence,
        resume_token=token(sequence),
        state=state,
        counts=counts,
        batch_ended=ended,
    )


async def test_a_file_becomes_a_batch(far_end: FarEnd, outdial: Outdial, good_people: Path) -> None:
    knows_the_agent(far_end)
    result = await outdial(
        *("batch", "create", str(good_people), "--agent", "Reminder"),
        *("--window-start", "2027-03-01T09:00+01:00", "--max-concurrent", "5", "--priority", "3"),
        *("--duplicates", "skip", "--ring-timeout", "20", "--caller-id", "+15550000000"),
    )
    assert result.exit_code == 0, result.output
    assert f"outdial watch {BATCH_ID}" in result.stdout
    (request,) = far_end.requests("CreateBatch")
    assert [call.address for call in request.scheduled_calls] == ["+15551230001", "+15551230002"]
    assert request.batch.agent_id == AGENT_ID
    assert request.batch.display_name == "tuesday"
    assert request.batch.window_start.ToJsonString() == "2027-03-01T08:00:00Z"
    assert request.batch.max_concurrent_calls == 5
    assert request.batch.priority == 3
    assert request.batch.duplicates == DuplicatePolicy.DUPLICATE_POLICY_SKIP
    assert request.batch.ring_timeout.seconds == 20
    assert request.batch.caller_id == "+15550000000"
    assert not request.draft


async def test_a_bad_row_refuses_the_file_and_names_the_line(
    far_end: FarEnd, outdial: Outdial, people: Path
) -> None:
    knows_the_agent(far_end)
    result = await outdial("batch", "create", str(people), "--agent", "Reminder")
    assert result.exit_code == 4
    (shown,) = [line for line in result.stdout.splitlines() if "nobody" in line]
    assert shown.split()[:3] == ["4", "phone", "nobody"]
    assert "--skip-bad-rows" in result.stderr
    assert far_end.requests("CreateBatch") == []


async def test_bad_rows_can_be_left_out_and_duplicates_are_reported_by_line(
    far_end: FarEnd, outdial: Outdial, people: Path
) -> None:
    knows_the_agent(far_end)
    skipped = SkippedDuplicate(index=2, normalized_address="+15551230001", kept_position=0)
    far_end.answer("CreateBatch", CreateBatchResponse(batch=BATCH, skipped_duplicates=[skipped]))
    result = await outdial("batch", "create", str(people), "--agent", "Reminder", "--skip-bad-rows")
    assert result.exit_code == 0, result.output
    assert "has the number of line 2" in result.stdout
    assert "2 to call; left out: 1 as bad, 1 as duplicates." in result.stdout


async def test_rows_that_the_server_refuses_are_left_out_too(
    far_end: FarEnd, outdial: Outdial, good_people: Path
) -> None:
    knows_the_agent(far_end)
    fault = ("scheduled_calls[1].address", "no such number")

    async def refuse_bob(request: CreateBatchRequest) -> Message | Refusal:
        if len(request.scheduled_calls) == 2:
            code = StatusCode.INVALID_ARGUMENT
            return Refusal(code=code, reason="INVALID_FIELD", fields=(fault,))
        return CreateBatchResponse(batch=BATCH)

    far_end.answer("CreateBatch", refuse_bob)
    create = ("batch", "create", str(good_people), "--agent", "Reminder")
    refused = await outdial(*create)
    assert refused.exit_code == 4
    assert "no such number" in refused.stdout
    skipped = await outdial(*create, "--skip-bad-rows")
    assert skipped.exit_code == 0, skipped.output
    assert "1 to call; left out: 1 as bad." in skipped.stdout
    ids = [request.request_id for request in far_end.requests("CreateBatch")]
    assert len(set(ids)) == 3


async def test_a_file_that_is_no_list_of_people_is_a_usage_error(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_text("name,tel\nAda,1\n")
    result = await outdial("batch", "create", str(path), "--agent", "Reminder")
    assert result.exit_code == 2
    assert "no column holds phone numbers" in result.stderr


async def test_an_agent_that_is_not_there_is_named(
    far_end: FarEnd, outdial: Outdial, good_people: Path
) -> None:
    far_end.answer("ListAgents", ListAgentsResponse())
    result = await outdial("batch", "create", str(good_people), "--agent", "Nobody")
    assert result.exit_code == 5
    assert "outdial agent create Nobody" in result.stderr


async def test_a_watch_prints_lines_and_the_outcome(far_end: FarEnd, outdial: Outdial) -> None:
    runs_to(far_end, COMPLETED)
    result = await outdial("watch", BATCH_ID)
    assert result.exit_code == 0, result.output
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    assert lines[0] == ["RUNNING", "0 of 3", "waiting 2", "dialing 1"]
    assert lines[1][:2] == ["RUNNING", "1 of 3"]
    assert "Outcome: COMPLETED, 3 calls" in result.stdout
    assert ["completed", "answered", "human", "2", "66.7%"] in [
        line.split() for line in result.stdout.splitlines()
    ]
    assert far_end.requests("WatchBatch")[0].scope == WatchScope.WATCH_SCOPE_BATCH


async def test_a_file_can_be_watched_at_once(
    far_end: FarEnd, outdial: Outdial, good_people: Path
) -> None:
    knows_the_agent(far_end)
    runs_to(far_end, COMPLETED)
    result = await outdial("batch", "create", str(good_people), "--agent", "Reminder", "--follow")
    assert result.exit_code == 0, result.output
    assert "Outcome: COMPLETED" in result.stdout


async def test_a_batch_that_was_stopped_exits_with_its_own_code(
    far_end: FarEnd, outdial: Outdial
) -> None:
    runs_to(far_end, CANCELLED)
    result = await outdial("watch", BATCH_ID)
    assert result.exit_code == 3


async def test_a_watch_as_json_is_an_object_a_line(far_end: FarEnd, outdial: Outdial) -> None:
    runs_to(far_end, COMPLETED)
    result = await outdial("watch", BATCH_ID, "--json")
    *updates, outcome = [json.loads(line) for line in result.stdout.splitlines()]
    assert [update["state"] for update in updates][-1] == "BATCH_STATE_COMPLETED"
    assert [update["sequence"] for update in updates] == ["1", "2", "3"]
    human = ("SCHEDULED_CALL_STATE_COMPLETED", "DISPOSITION_ANSWERED_HUMAN", "", 2)
    busy = ("SCHEDULED_CALL_STATE_FAILED", "DISPOSITION_BUSY", "", 1)
    names = ("state", "disposition", "reason", "calls")
    assert outcome == {
        "state": "BATCH_STATE_COMPLETED",
        "outcomes": [dict(zip(names, ending, strict=True)) for ending in (human, busy)],
    }


async def test_an_error_prints_its_fields_and_no_traceback(
    far_end: FarEnd, outdial: Outdial
) -> None:
    refusal = Refusal(
        code=StatusCode.INVALID_ARGUMENT,
        message="1 fault",
        reason="INVALID_FIELD",
        fields=(("agent.display_name", "is longer than 64 characters"),),
    )
    far_end.answer("CreateAgent", refusal)
    result = await outdial("agent", "create", "x" * 65)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "Error: 1 fault (INVALID_FIELD)",
        "  agent.display_name: is longer than 64 characters",
        f"  request {REQUEST_ID}",
    ]


async def test_a_server_that_is_not_there_is_named(far_end: FarEnd, outdial: Outdial) -> None:
    await far_end.stop()
    result = await outdial("batch", "delete", BATCH_ID)
    assert result.exit_code == 8
    assert f"Is a server running at {far_end.address}?" in result.stderr


async def test_a_missing_key_says_how_to_give_one(far_end: FarEnd, outdial: Outdial) -> None:
    refusal = Refusal(code=StatusCode.UNAUTHENTICATED, reason="API_KEY_MISSING")
    far_end.answer("GetAccount", refusal)
    result = await outdial("account", "show", key="")
    assert result.exit_code == 6
    assert "OUTDIAL_API_KEY" in result.stderr


@pytest.mark.parametrize(
    ("args", "method", "answer", "said"),
    [
        ("start", "StartBatch", StartBatchResponse(batch=BATCH), "is RUNNING."),
        (
            "pause",
            "PauseBatch",
            PauseBatchResponse(batch=BATCH, sends_in_flight=2),
            "still owes 2 answers",
        ),
        ("resume", "ResumeBatch", ResumeBatchResponse(batch=BATCH), "is RUNNING."),
        ("cancel", "CancelBatch", CancelBatchResponse(batch=BATCH), "is RUNNING."),
        ("delete", "DeleteBatch", DeleteBatchResponse(), "is deleted."),
        ("show", "GetBatch", GetBatchResponse(batch=BATCH), "3: waiting 2, dialing 1"),
    ],
)
async def test_a_batch_is_steered_by_its_id(
    far_end: FarEnd, outdial: Outdial, args: str, method: str, answer: Message, said: str
) -> None:
    far_end.answer(method, answer)
    result = await outdial("batch", args, BATCH_ID)
    assert result.exit_code == 0, result.output
    assert said in result.stdout
    assert far_end.requests(method)[0].batch_id == BATCH_ID


async def test_batches_are_listed_whole_in_a_pipe(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListBatches", ListBatchesResponse(batches=[BATCH]))
    result = await outdial("batch", "list", "--state", "running")
    assert result.exit_code == 0, result.output
    cells = result.stdout.splitlines()[-1].split()
    assert cells == [BATCH_ID, "Monday", "RUNNING", "3", "0", "1"]
    assert list(far_end.requests("ListBatches")[0].states) == [RUNNING]


async def test_an_unknown_state_is_a_usage_error(outdial: Outdial) -> None:
    result = await outdial("batch", "list", "--state", "sleeping")
    assert result.exit_code == 2
    assert "draft" in result.stderr


async def test_the_people_of_a_batch_are_listed(far_end: FarEnd, outdial: Outdial) -> None:
    row = ScheduledCall(
        scheduled_call_id="s-1",
        address="+15551230001",
        custom_id="C-1",
        state=ScheduledCallState.SCHEDULED_CALL_STATE_IN_PROGRESS,
        attempt_count=1,
    )
    far_end.answer("ListScheduledCalls", ListScheduledCallsResponse(scheduled_calls=[row]))
    result = await outdial("scheduled-call", "list", BATCH_ID, "--state", "in-progress")
    assert result.exit_code == 0, result.output
    cells = result.stdout.splitlines()[-1].split()
    assert cells == ["s-1", "0", "+15551230001", "C-1", "in", "progress", "1"]


async def test_a_list_ends_at_its_limit(far_end: FarEnd, outdial: Outdial) -> None:
    page = ListScheduledCallsResponse(
        scheduled_calls=[ScheduledCall(), ScheduledCall()], next_page_token="2"
    )
    far_end.answer("ListScheduledCalls", page)
    result = await outdial("scheduled-call", "list", BATCH_ID, "--limit", "3", "--json")
    assert len(result.stdout.splitlines()) == 3


async def test_a_call_is_ended(far_end: FarEnd, outdial: Outdial) -> None:
    call = Call(call_id="c-1", state=CallState.CALL_STATE_IN_PROGRESS)
    far_end.answer("EndCall", EndCallResponse(call=call))
    result = await outdial("call", "end", "c-1")
    assert result.stdout == "Call c-1 is in progress.\n"


async def test_an_unknown_call_is_resolved(far_end: FarEnd, outdial: Outdial) -> None:
    call = Call(
        call_id="c-1",
        state=CallState.CALL_STATE_ENDED,
        disposition=Disposition.DISPOSITION_NO_ANSWER,
    )
    far_end.answer("ResolveCall", ResolveCallResponse(call=call))
    result = await outdial("call", "resolve", "c-1", "placed", "--disposition", "no-answer")
    assert result.stdout == "Call c-1 is ended, no answer.\n"
    (request,) = far_end.requests("ResolveCall")
    assert request.resolution == CallResolution.CALL_RESOLUTION_PLACED
    assert request.disposition == Disposition.DISPOSITION_NO_ANSWER


async def test_agents_are_made_listed_and_deleted(far_end: FarEnd, outdial: Outdial) -> None:
    agent = Agent(agent_id=AGENT_ID, display_name="Reminder")
    far_end.answer("CreateAgent", CreateAgentResponse(agent=agent))
    far_end.answer("ListAgents", ListAgentsResponse(agents=[agent]))
    far_end.answer("GetAgent", GetAgentResponse(agent=agent))
    far_end.answer("DeleteAgent", DeleteAgentResponse())
    created = await outdial("agent", "create", "Reminder")
    assert created.stdout == f"Agent Reminder: {AGENT_ID}\n"
    listed = await outdial("agent", "list")
    assert AGENT_ID in listed.stdout
    by_name = await outdial("agent", "delete", "Reminder")
    by_id = await outdial("agent", "delete", AGENT_ID)
    assert (by_name.exit_code, by_id.exit_code) == (0, 0)
    assert [request.agent_id for request in far_end.requests("DeleteAgent")] == [AGENT_ID] * 2


async def test_account_and_server_are_shown(far_end: FarEnd, outdial: Outdial) -> None:
    account = Account(account_id="a-1", max_concurrent_calls=100, active_calls=7)
    far_end.answer("GetAccount", GetAccountResponse(account=account))
    far_end.answer("GetServerInfo", GetServerInfoResponse(version="1.2.3", carriers=["simulated"]))
    assert "100" in (await outdial("account", "show")).stdout
    assert "simulated" in (await outdial("server", "info")).stdout


@pytest.mark.parametrize(
    "args",
    [
        ("--json", "account", "show"),
        ("account", "--json", "show"),
        ("account", "show", "--json"),
        ("account", "show", "--timeout=5", "--json"),
        ("account", "--timeout", "5", "show", "--json"),
    ],
)
async def test_global_options_stand_anywhere(
    far_end: FarEnd, outdial: Outdial, args: tuple[str, ...]
) -> None:
    far_end.answer("GetAccount", GetAccountResponse(account=Account(account_id="a-1")))
    result = await outdial(*args)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["account_id"] == "a-1"


async def test_ctrl_c_leaves_the_batch_running_and_says_how_to_look_again(far_end: FarEnd) -> None:
    far_end.answer("GetBatch", GetBatchResponse(batch=BATCH))
    far_end.watch([progress(1, BATCH.counts), Silence()])
    process = await start_outdial(far_end, "watch", BATCH_ID)
    assert process.stdout is not None
    await process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, stderr = await process.communicate()
    assert process.returncode == 130
    assert stderr.decode().splitlines()[0] == "The batch goes on."
    assert f"outdial watch {BATCH_ID}" in stderr.decode()
    assert far_end.requests("CancelBatch") == []


async def test_a_watch_says_when_it_lost_the_server_and_goes_on(far_end: FarEnd) -> None:
    far_end.answer("GetBatch", GetBatchResponse(batch=BATCH))
    far_end.watch(
        [progress(1, BATCH.counts), Refusal(message="restarting")],
        [progress(2, ENDED, state=COMPLETED, ended=True)],
    )
    far_end.answer("ListScheduledCalls", ListScheduledCallsResponse())
    process = await start_outdial(far_end, "watch", BATCH_ID)
    stdout, stderr = await process.communicate()
    assert process.returncode == 0
    assert "Connection lost (restarting)" in stderr.decode()
    assert "COMPLETED  3 of 3" in stdout.decode()


async def start_outdial(far_end: FarEnd, *args: str) -> asyncio.subprocess.Process:
    environment: dict[str, Any] = {
        **os.environ,
        "OUTDIAL_ADDRESS": far_end.address,
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from outdial_client.cli.main import app; app()", *args),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
