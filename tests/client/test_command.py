"""The `outdial` command: how it says things, to people and to programs, and how it exits."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from grpc import StatusCode
from outdial.v1.account_pb2 import Account
from outdial.v1.account_service_pb2 import GetAccountResponse
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import CreateAgentResponse, ListAgentsResponse
from outdial.v1.batch_pb2 import Batch, BatchCounts, BatchState
from outdial.v1.batch_service_pb2 import (
    GetBatchResponse,
    ListBatchesResponse,
    PauseBatchResponse,
    WatchBatchResponse,
    WatchScope,
)
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall, ScheduledCallState
from outdial.v1.scheduled_call_service_pb2 import ListScheduledCallsResponse

from client.command_line import Outdial, interrupt
from client.far_end import REQUEST_ID, FarEnd, Refusal, Silence, token
from client.people import AGENT_ID, BATCH, BATCH_ID
from outdial_client.cli._exit_code import ExitCode

RUNNING = BatchState.BATCH_STATE_RUNNING
COMPLETED = BatchState.BATCH_STATE_COMPLETED
CANCELLED = BatchState.BATCH_STATE_CANCELLED
ENDED = BatchCounts(total=3, completed=2, failed=1)


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
    result = await outdial("account", "show", OUTDIAL_API_KEY="")
    assert result.exit_code == 6
    assert "OUTDIAL_API_KEY" in result.stderr


async def test_a_list_ends_at_its_limit(far_end: FarEnd, outdial: Outdial) -> None:
    page = ListScheduledCallsResponse(
        scheduled_calls=[ScheduledCall(), ScheduledCall()], next_page_token="2"
    )
    far_end.answer("ListScheduledCalls", page)
    result = await outdial("scheduled-call", "list", BATCH_ID, "--limit", "3", "--json")
    assert len(result.stdout.splitlines()) == 3


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


@pytest.mark.parametrize(
    ("counts", "state", "is_pointed"),
    [
        (BatchCounts(total=3, waiting=3), BatchState.BATCH_STATE_RUNNING, True),
        (BatchCounts(total=3, waiting=3), BatchState.BATCH_STATE_PAUSED, True),
        (BatchCounts(total=3, waiting=2, dialing=1), BatchState.BATCH_STATE_RUNNING, False),
        (BatchCounts(total=3, waiting=2, in_progress=1), BatchState.BATCH_STATE_RUNNING, False),
        (BatchCounts(total=3, waiting=3), BatchState.BATCH_STATE_DRAFT, False),
        (BatchCounts(total=3, completed=3), BatchState.BATCH_STATE_COMPLETED, False),
    ],
)
async def test_a_batch_that_calls_nobody_is_shown_with_the_way_to_why(
    far_end: FarEnd, outdial: Outdial, counts: BatchCounts, state: BatchState, *, is_pointed: bool
) -> None:
    batch = Batch(batch_id=BATCH_ID, counts=counts, state=state)
    far_end.answer("GetBatch", GetBatchResponse(batch=batch))
    shown = await outdial("batch", "show", BATCH_ID)
    assert (f"explain {BATCH_ID}" in shown.stderr) == is_pointed
    assert "explain" not in (await outdial("batch", "show", BATCH_ID, "--json")).output


async def test_ctrl_c_leaves_the_batch_running_and_says_how_to_look_again(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("GetBatch", GetBatchResponse(batch=BATCH))
    far_end.watch([progress(1, BATCH.counts), Silence()])
    process = await outdial.start("watch", BATCH_ID)
    assert process.stdout is not None
    await process.stdout.readline()
    said = await interrupt(process)
    assert process.returncode == 130
    assert said.splitlines()[0] == "The batch goes on."
    assert f"outdial watch {BATCH_ID}" in said
    assert f"outdial explain {BATCH_ID}" in said
    assert far_end.requests("CancelBatch") == []


async def test_a_watch_says_when_it_lost_the_server_and_goes_on(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("GetBatch", GetBatchResponse(batch=BATCH))
    far_end.watch(
        [progress(1, BATCH.counts), Refusal(message="restarting")],
        [progress(2, ENDED, state=COMPLETED, ended=True)],
    )
    far_end.answer("ListScheduledCalls", ListScheduledCallsResponse())
    result = await outdial("watch", BATCH_ID)
    assert result.exit_code == 0
    assert "Connection lost (restarting)" in result.stderr
    assert "COMPLETED  3 of 3" in result.stdout


async def test_quiet_says_nothing_but_ids(far_end: FarEnd, outdial: Outdial) -> None:
    agent = Agent(agent_id=AGENT_ID, display_name="Reminder")
    far_end.answer("CreateAgent", CreateAgentResponse(agent=agent))
    far_end.answer("ListAgents", ListAgentsResponse(agents=[agent]))
    far_end.answer("PauseBatch", PauseBatchResponse(batch=BATCH))
    runs_to(far_end, COMPLETED)
    for args, said in (
        (("agent", "create", "Reminder"), f"{AGENT_ID}\n"),
        (("agent", "list"), f"{AGENT_ID}\n"),
        (("batch", "pause", BATCH_ID), ""),
        (("watch", BATCH_ID), ""),
    ):
        result = await outdial("--quiet", *args)
        assert (result.exit_code, result.stdout, result.stderr) == (0, said, "")


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (StatusCode.INVALID_ARGUMENT, 2),
        (StatusCode.NOT_FOUND, 5),
        (StatusCode.UNAUTHENTICATED, 6),
        (StatusCode.PERMISSION_DENIED, 6),
        (StatusCode.ALREADY_EXISTS, 7),
        (StatusCode.FAILED_PRECONDITION, 7),
        (StatusCode.ABORTED, 7),
        (StatusCode.RESOURCE_EXHAUSTED, 7),
        (StatusCode.UNAVAILABLE, 8),
        (StatusCode.DEADLINE_EXCEEDED, 8),
        (StatusCode.INTERNAL, 1),
        (StatusCode.UNIMPLEMENTED, 1),
    ],
)
async def test_an_exit_code_says_what_kind_of_error(
    far_end: FarEnd, outdial: Outdial, code: StatusCode, exit_code: int
) -> None:
    far_end.answer("DeleteBatch", Refusal(code=code, message="no"))
    result = await outdial("batch", "delete", BATCH_ID)
    assert result.exit_code == exit_code
    assert result.stderr.startswith("Error: no (")
    assert result.stdout == ""


def test_every_exit_code_is_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs/command.md").read_text()
    assert [code for code in ExitCode if f"\n| {code.value} | " not in page] == []


async def test_an_error_as_json_is_an_object_too(far_end: FarEnd, outdial: Outdial) -> None:
    fault = ("agent.display_name", "is too long")
    code = StatusCode.INVALID_ARGUMENT
    refusal = Refusal(code=code, message="1 fault", reason="INVALID_FIELD", fields=(fault,))
    far_end.answer("CreateAgent", refusal)
    result = await outdial("agent", "create", "x", "--json")
    assert json.loads(result.stderr)["error"] == {
        "exit_code": 2,
        "reason": "INVALID_FIELD",
        "message": "1 fault",
        "fields": [{"field": fault[0], "description": fault[1]}],
        "metadata": {},
        "hint": "",
        "request_id": REQUEST_ID,
    }


async def test_a_message_that_says_it_all_is_said_once(far_end: FarEnd, outdial: Outdial) -> None:
    fault = ("disposition", "is required")
    message = "disposition: is required"
    code = StatusCode.INVALID_ARGUMENT
    far_end.answer("EndCall", Refusal(code=code, message=message, reason="R", fields=(fault,)))
    result = await outdial("call", "end", "c-1")
    assert result.stderr.splitlines() == [f"Error: {message} (R)", f"  request {REQUEST_ID}"]


async def test_an_erased_range_is_told_by_name_and_where_the_rest_begins(
    far_end: FarEnd, outdial: Outdial
) -> None:
    erased = Refusal(
        code=StatusCode.OUT_OF_RANGE, reason="EVENTS_ERASED", metadata={"oldest_sequence": "41"}
    )
    far_end.answer("ListBatchEvents", erased)
    result = await outdial("batch", "events", BATCH_ID)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "EVENTS_ERASED" in result.stderr
    assert "--after 40" in result.stderr
    error = json.loads((await outdial("batch", "events", BATCH_ID, "--json")).stderr)["error"]
    assert error["metadata"] == {"oldest_sequence": "41"}


async def test_a_lacking_scope_and_a_wait_are_hinted_at(far_end: FarEnd, outdial: Outdial) -> None:
    scope = Refusal(
        code=StatusCode.PERMISSION_DENIED,
        reason="SCOPE_MISSING",
        metadata={"scope": "WRITE"},
    )
    far_end.answer("StartBatch", scope)
    assert (
        "outdial keys create NAME --scope write"
        in (await outdial("batch", "start", BATCH_ID)).stderr
    )
    far_end.answer("StartBatch", Refusal(retry_after=timedelta(seconds=3)))
    assert "Try again in 3 s." in (await outdial("batch", "start", BATCH_ID)).stderr


async def test_more_than_is_listed_is_said(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListBatches", ListBatchesResponse(batches=[BATCH, BATCH, BATCH]))
    assert (await outdial("batch", "list", "--limit", "3")).stderr == ""
    result = await outdial("batch", "list", "--limit", "2")
    assert "There are more than 2" in result.stderr
    far_end.answer("ListBatches", ListBatchesResponse())
    assert (await outdial("batch", "list")).stderr == "There is none.\n"


async def test_no_colour_where_none_is_wanted(far_end: FarEnd, outdial: Outdial) -> None:
    far_end.answer("ListBatches", ListBatchesResponse(batches=[BATCH]))
    colours = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    coloured = await outdial("batch", "list", NO_COLOR="", **colours)
    assert "\x1b[1m" in coloured.stdout
    for plain in (
        await outdial("batch", "list", "--no-color", NO_COLOR="", **colours),
        await outdial("batch", "list", NO_COLOR="1", **colours),
    ):
        assert re.search(r"\x1b\[[0-9;]*3[0-9]", plain.stdout) is None
