"""The `outdial` command: each resource, and what is sent for it."""

import json
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.account_pb2 import Account, ApiKey, ApiKeyScope, NumberRules
from outdial.v1.account_service_pb2 import (
    CreateAccountResponse,
    CreateApiKeyResponse,
    GetAccountResponse,
    ListApiKeysResponse,
    UpdateAccountResponse,
)
from outdial.v1.agent_pb2 import Agent
from outdial.v1.agent_service_pb2 import (
    CreateAgentResponse,
    DeleteAgentResponse,
    GetAgentResponse,
    ListAgentsResponse,
    UpdateAgentResponse,
)
from outdial.v1.batch_pb2 import (
    Batch,
    BatchState,
    ConfigErrorPolicy,
    DuplicatePolicy,
    UnknownPolicy,
)
from outdial.v1.batch_service_pb2 import (
    AddScheduledCallsResponse,
    CancelBatchResponse,
    CreateBatchResponse,
    DeleteBatchResponse,
    ExplainBatchResponse,
    GetBatchResponse,
    ListBatchesResponse,
    ListBatchEventsResponse,
    PauseBatchResponse,
    ResumeBatchResponse,
    RetryBatchResponse,
    StartBatchResponse,
    UpdateBatchResponse,
)
from outdial.v1.call_pb2 import Call, CallState
from outdial.v1.call_service_pb2 import (
    CallResolution,
    DeleteCallResponse,
    EndCallResponse,
    GetCallResponse,
    ListCallsResponse,
    ResolveCallResponse,
)
from outdial.v1.event_pb2 import Event
from outdial.v1.explanation_pb2 import (
    BatchExplanation,
    BoundedCount,
    Gate,
    GateLevel,
    ScheduledCallExplanation,
    Verdict,
)
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall, ScheduledCallState
from outdial.v1.scheduled_call_service_pb2 import (
    CancelScheduledCallResponse,
    ExplainScheduledCallResponse,
    GetScheduledCallResponse,
    ListScheduledCallsResponse,
    RetryScheduledCallResponse,
)
from outdial.v1.server_info_service_pb2 import GetServerInfoResponse
from typer.testing import Result

from client.command_line import Outdial
from client.far_end import FarEnd, snapshot, update
from client.people import AGENT_ID, BATCH, BATCH_ID

RUNNING = BatchState.BATCH_STATE_RUNNING


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


async def test_no_word_of_a_list_is_broken_on_a_narrow_terminal(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("ListBatches", ListBatchesResponse(batches=[BATCH]))
    narrow = {"COLUMNS": "40", "TTY_COMPATIBLE": "1"}
    result = await outdial("batch", "list", "--no-color", **narrow)
    cells = result.stdout.splitlines()[-1].split()
    assert cells == [BATCH_ID, "Monday", "RUNNING", "3", "0", "1"]


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


async def test_a_call_is_ended(far_end: FarEnd, outdial: Outdial) -> None:
    call = Call(call_id="c-1", state=CallState.CALL_STATE_IN_PROGRESS)
    far_end.answer("EndCall", EndCallResponse(call=call))
    result = await outdial("call", "end", "c-1")
    assert result.stdout == "Call c-1 is in progress.\n"


async def test_a_call_is_deleted(far_end: FarEnd, outdial: Outdial) -> None:
    call = Call(call_id="c-1", state=CallState.CALL_STATE_ENDED)
    far_end.answer("GetCall", GetCallResponse(call=call))
    far_end.answer("DeleteCall", DeleteCallResponse())
    result = await outdial("call", "delete", "c-1")
    assert result.stdout == "Call c-1 is deleted.\n"
    assert [request.call_id for request in far_end.requests("DeleteCall")] == ["c-1"]


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


async def test_a_batch_is_made_without_people_and_filled_by_hand(
    far_end: FarEnd, outdial: Outdial
) -> None:
    agent = Agent(agent_id=AGENT_ID, display_name="Reminder")
    far_end.answer("ListAgents", ListAgentsResponse(agents=[agent]))
    far_end.answer("CreateBatch", CreateBatchResponse(batch=BATCH))
    far_end.answer("AddScheduledCalls", AddScheduledCallsResponse(batch=BATCH))
    created = await outdial(
        *("batch", "create", "Monday", "--agent", "Reminder", "--max-concurrent", "5"),
        *("--window-start", "2027-03-01T09:00+01:00", "--priority", "3", "--duplicates", "skip"),
        *("--ring-timeout", "20", "--caller-id", "+15550000000", "--label", "team=a=b"),
        *("--unknown-policy", "hold", "--on-config-error", "FAIL", "--weight", "7"),
        *("--carrier-param", "record=true", "--carrier-param", "send_digits=1ww2"),
    )
    assert created.stdout == f"Batch Monday: {BATCH_ID}\n"
    (request,) = far_end.requests("CreateBatch")
    assert request.draft
    assert request.batch == Batch(
        agent_id=AGENT_ID,
        display_name="Monday",
        window_start=Timestamp(seconds=1_803_888_000),
        max_concurrent_calls=5,
        priority=3,
        weight=7,
        duplicates=DuplicatePolicy.DUPLICATE_POLICY_SKIP,
        ring_timeout=Duration(seconds=20),
        caller_id="+15550000000",
        metadata={"team": "a=b"},
        unknown_policy=UnknownPolicy.UNKNOWN_POLICY_HOLD,
        on_config_error=ConfigErrorPolicy.CONFIG_ERROR_POLICY_FAIL,
        carrier_params=ParseDict({"record": True, "send_digits": "1ww2"}, Struct()),
    )
    added = await outdial(
        *("batch", "add", BATCH_ID, "+15551230001", "--custom-id", "C-1"),
        *("--value", "name=Ada", "--value", "age=36", "--label", "vip=yes"),
        *("--ring-timeout", "20", "--max-call-duration", "90"),
        *("--carrier-param", "send_digits=1ww2", "--replace-waiting"),
    )
    assert added.stdout == "+15551230001 is added.\n"
    (request,) = far_end.requests("AddScheduledCalls")
    assert request.replace_waiting
    (row,) = request.scheduled_calls
    assert (row.address, row.custom_id) == ("+15551230001", "C-1")
    assert (row.ring_timeout.seconds, row.max_call_duration.seconds) == (20, 90)
    assert dict(row.template_context) == {"name": "Ada", "age": 36.0}
    assert dict(row.metadata) == {"vip": "yes"}
    assert dict(row.carrier_params) == {"send_digits": "1ww2"}


async def test_what_changes_is_what_was_said(far_end: FarEnd, outdial: Outdial) -> None:
    found = Batch(batch_id=BATCH_ID, etag="e-1", priority=9)
    far_end.answer("GetBatch", GetBatchResponse(batch=found))
    far_end.answer("UpdateBatch", UpdateBatchResponse(batch=BATCH))
    update = ("batch", "update", BATCH_ID)
    result = await outdial(*update, "--name", "Late", "--priority", "0", "--clear", "window_end")
    assert result.exit_code == 0, result.output
    (request,) = far_end.requests("UpdateBatch")
    assert request.batch == Batch(batch_id=BATCH_ID, etag="e-1", display_name="Late")
    assert sorted(request.update_mask.paths) == ["display_name", "priority", "window_end"]
    nothing = await outdial(*update)
    assert (nothing.exit_code, "say what to change" in nothing.stderr) == (2, True)
    unknown = await outdial(*update, "--clear", "weight")
    assert (unknown.exit_code, "'weight' cannot be unset" in unknown.stderr) == (2, True)


async def test_agents_and_accounts_are_changed(far_end: FarEnd, outdial: Outdial) -> None:
    agent = Agent(agent_id=AGENT_ID, display_name="Reminder", etag="e-1")
    account = Account(account_id="a-1", etag="e-2")
    far_end.answer("GetAgent", GetAgentResponse(agent=agent))
    far_end.answer("UpdateAgent", UpdateAgentResponse(agent=agent))
    far_end.answer("GetAccount", GetAccountResponse(account=account))
    far_end.answer("UpdateAccount", UpdateAccountResponse(account=account))
    await outdial("agent", "update", AGENT_ID, "--max-concurrent", "0")
    (request,) = far_end.requests("UpdateAgent")
    assert request.agent == Agent(agent_id=AGENT_ID, etag="e-1")
    assert list(request.update_mask.paths) == ["max_concurrent_calls"]
    await outdial("account", "update", "--reserved", "7")
    (request,) = far_end.requests("UpdateAccount")
    assert request.account == Account(account_id="a-1", etag="e-2", reserved_slots=7)
    assert list(request.update_mask.paths) == ["reserved_slots"]


async def test_rules_for_numbers_are_set_and_lifted(far_end: FarEnd, outdial: Outdial) -> None:
    rules = NumberRules(min_gap=Duration(seconds=14_400), max_calls_per_day=2)
    account = Account(account_id="a-1", etag="e-2", number_rules=rules)
    far_end.answer("CreateAccount", CreateAccountResponse(account=account))
    far_end.answer("GetAccount", GetAccountResponse(account=account))
    far_end.answer("UpdateAccount", UpdateAccountResponse(account=account))
    shown = (await outdial("account", "show")).stdout
    assert "4h" in shown
    assert "calls of a number a day" in shown
    options = ("--number-gap", "4h", "--number-calls-per-day", "2")
    await outdial("account", "create", "Clinic", *options)
    (made,) = far_end.requests("CreateAccount")
    assert made.account.number_rules == rules
    for words, expected in (
        (("--number-gap", "90s"), NumberRules(min_gap=Duration(seconds=90), max_calls_per_day=2)),
        (("--number-gap", "0s"), NumberRules(max_calls_per_day=2)),
        (("--number-calls-per-day", "0"), NumberRules(min_gap=rules.min_gap)),
        (options, rules),
    ):
        await outdial("account", "update", *words)
        (request,) = far_end.requests("UpdateAccount")[-1:]
        assert request.account.number_rules == expected
        assert list(request.update_mask.paths) == ["number_rules"]
    wrong = await outdial("account", "update", "--number-gap", "soon")
    assert (wrong.exit_code, "no length of time" in wrong.stderr) == (2, True)


async def test_an_agent_takes_its_texts_from_the_line_or_from_files(
    far_end: FarEnd, outdial: Outdial, tmp_path: Path
) -> None:
    prompt, schema = tmp_path / "prompt.txt", tmp_path / "schema.json"
    prompt.write_text("You call {{name}}.", encoding="utf-8")
    schema.write_text('{"required": ["name"]}', encoding="utf-8")
    found = Agent(agent_id=AGENT_ID, display_name="Reminder", active=True)
    far_end.answer("CreateAgent", CreateAgentResponse(agent=found))
    far_end.answer("GetAgent", GetAgentResponse(agent=found))
    far_end.answer("UpdateAgent", UpdateAgentResponse(agent=found))
    options = ("--prompt", f"@{prompt}", "--context-schema", f"@{schema}", "--inactive")
    result = await outdial("agent", "create", "Reminder", *options)
    assert result.exit_code == 0, result.output
    (request,) = far_end.requests("CreateAgent")
    assert request.agent == Agent(
        display_name="Reminder",
        active=False,
        prompt="You call {{name}}.",
        context_schema={"required": ["name"]},
    )
    update = ("agent", "update", AGENT_ID)
    await outdial(*update, "--default-context", "{}", "--first-message", "", "--active")
    (request,) = far_end.requests("UpdateAgent")
    assert request.agent == Agent(agent_id=AGENT_ID, active=True, default_context={})
    assert sorted(request.update_mask.paths) == ["active", "default_context", "first_message"]
    for wrong in ("[1]", "{", f"@{tmp_path}/none.json"):
        assert (await outdial(*update, "--default-context", wrong)).exit_code == 2


async def test_a_new_key_shows_its_secret_this_once(far_end: FarEnd, outdial: Outdial) -> None:
    key = ApiKey(api_key_id="k-1", display_name="bot", scopes=[ApiKeyScope.API_KEY_SCOPE_READ])
    far_end.answer("CreateApiKey", CreateApiKeyResponse(api_key=key, secret="s3cret"))
    far_end.answer("ListApiKeys", ListApiKeysResponse(api_keys=[key]))
    create = ("keys", "create", "bot", "--scope", "read", "--scope", "WRITE")
    assert "s3cret" in (await outdial(*create)).stdout
    assert (await outdial(*create, "-q")).stdout == "s3cret\n"
    assert list(far_end.requests("CreateApiKey")[0].api_key.scopes) == [
        ApiKeyScope.API_KEY_SCOPE_READ,
        ApiKeyScope.API_KEY_SCOPE_WRITE,
    ]
    assert "read" in (await outdial("keys", "list")).stdout


async def test_events_are_listed_and_followed_without_a_gap(
    far_end: FarEnd, outdial: Outdial
) -> None:
    log = [Event(sequence=number) for number in (3, 4, 5, 6)]
    far_end.answer("ListBatchEvents", ListBatchEventsResponse(events=log, next_after_sequence=6))
    listed = await outdial("batch", "events", BATCH_ID, "--after", "2", "--limit", "3", "--json")
    assert numbers(listed) == [3, 4, 5]
    assert far_end.requests("ListBatchEvents")[0].after_sequence == 2
    far_end.watch([snapshot(5), update(6, 7, ended=True)])
    followed = await outdial("batch", "events", BATCH_ID, "--after", "2", "--follow", "--json")
    assert numbers(followed) == [3, 4, 5, 6, 7]


async def test_why_nobody_is_dialled_is_told_as_a_table_and_as_json(
    far_end: FarEnd, outdial: Outdial
) -> None:
    opens = Timestamp(seconds=1_800_000_000)
    gates = [
        Gate(
            name="batch_state",
            level=GateLevel.GATE_LEVEL_BATCH,
            reason="BATCH_SCHEDULED",
            next_at=opens,
            sentence="The window opens.",
        ),
        Gate(name="slots_agent", open=True, budget=7, figures={"used": 3, "cap": 10}),
    ]
    verdict = Verdict(gate="batch_state", next_at=opens, sentence="The window opens.")
    told = BatchExplanation(
        verdict=verdict, gates=gates, waiting=9, due=BoundedCount(count=9, more=True)
    )
    far_end.answer("ExplainBatch", ExplainBatchResponse(explanation=told))
    shown = await outdial("explain", BATCH_ID)
    assert shown.stdout.startswith("The window opens.\nNothing stands in the way from ")
    assert "9 waiting (more than 9 due" in shown.stdout
    assert "cap 10, used 3" in shown.stdout
    assert (await outdial("explain", BATCH_ID, "--quiet")).stdout == "The window opens.\n"
    told_json = json.loads((await outdial("explain", BATCH_ID, "--json")).stdout)
    assert told_json["gates"][1]["budget"] == "7"
    row = ScheduledCallExplanation(verdict=Verdict(open=True, sentence="It ended."))
    far_end.answer("ExplainScheduledCall", ExplainScheduledCallResponse(explanation=row))
    assert (await outdial("explain", "--call", "row-1")).stdout == "It ended.\n"
    assert far_end.requests("ExplainScheduledCall")[0].scheduled_call_id == "row-1"


async def test_an_explanation_is_of_a_batch_or_of_a_row(outdial: Outdial) -> None:
    assert (await outdial("explain")).exit_code == 2
    assert (await outdial("explain", BATCH_ID, "--call", "row-1")).exit_code == 2


def numbers(result: Result) -> list[int]:
    return [int(json.loads(line)["sequence"]) for line in result.stdout.splitlines()]


async def test_calls_and_rows_are_read_one_by_one(far_end: FarEnd, outdial: Outdial) -> None:
    call = Call(call_id="c-1", state=CallState.CALL_STATE_RINGING, attempt_number=2)
    row = ScheduledCall(scheduled_call_id="s-1", address="+15551230001")
    far_end.answer("ListCalls", ListCallsResponse(calls=[call]))
    far_end.answer("GetCall", GetCallResponse(call=call))
    far_end.answer("GetScheduledCall", GetScheduledCallResponse(scheduled_call=row))
    far_end.answer("CancelScheduledCall", CancelScheduledCallResponse(scheduled_call=row))
    far_end.answer("RetryScheduledCall", RetryScheduledCallResponse(scheduled_call=row))
    listed = await outdial("call", "list", "--batch", BATCH_ID, "--state", "ringing")
    assert listed.stdout.splitlines()[-1].split() == ["c-1", "2", "ringing"]
    (request,) = far_end.requests("ListCalls")
    assert (request.batch_id, list(request.states)) == (BATCH_ID, [CallState.CALL_STATE_RINGING])
    assert "ringing" in (await outdial("call", "show", "c-1")).stdout
    assert "+15551230001" in (await outdial("scheduled-call", "show", "s-1")).stdout
    cancelled = await outdial("scheduled-call", "cancel", "s-1")
    assert cancelled.stdout == "+15551230001 is not called.\n"
    retried = await outdial("scheduled-call", "retry", "s-1")
    assert retried.stdout == "+15551230001 is called once more.\n"


async def test_people_who_were_not_reached_are_called_once_more(
    far_end: FarEnd, outdial: Outdial
) -> None:
    far_end.answer("RetryBatch", RetryBatchResponse(batch=BATCH, retried_count=7))
    result = await outdial(
        *("batch", "retry-failed", BATCH_ID, "--disposition", "busy", "--disposition", "no-answer"),
        *("--state", "expired", "--window-end", "2027-03-01T09:00Z"),
    )
    assert result.stdout.splitlines() == [
        f"Batch {BATCH_ID}: 7 to call once more.",
        f"Watch it: outdial watch {BATCH_ID}",
    ]
    (request,) = far_end.requests("RetryBatch")
    assert list(request.states) == [ScheduledCallState.SCHEDULED_CALL_STATE_EXPIRED]
    assert list(request.dispositions) == [
        Disposition.DISPOSITION_BUSY,
        Disposition.DISPOSITION_NO_ANSWER,
    ]
    assert request.window_end == Timestamp(seconds=1_803_891_600)
