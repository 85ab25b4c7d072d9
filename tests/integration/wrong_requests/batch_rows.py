"""Wrong requests to BatchService."""

from collections.abc import Callable
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.batch_pb2 import BATCH_STATE_DRAFT, BATCH_STATE_UNSPECIFIED, Batch
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.wrong_requests.account_rows import mask
from tests.integration.wrong_requests.world import ANSWERED, USED_REQUEST_ID, World, in_an_hour
from tests.integration.wrong_requests.wrong import (
    UNKNOWN_ID,
    Fields,
    Wrong,
    faulty,
    forbidden,
    misfit,
    no_such_id,
    outdated,
    taken,
    unfound,
)

GOOD_ROW = ScheduledCall(address=ANSWERED)
LATER, TOO_LATE = Timestamp(seconds=10**10), Timestamp(seconds=10**12)


def batch(world: World, **fields: Any) -> Batch:
    return Batch(**{"agent_id": world.ours.agent_id, "display_name": "x", **fields})


def creating(**fields: Any) -> Fields:
    return lambda world: {"batch": batch(world, **fields), "scheduled_calls": [GOOD_ROW]}


def setting(what: str, name: str, value: Any, says: str = "") -> Wrong:
    return faulty(what, "CreateBatch", creating(**{name: value}), f"batch.{name}", says=says)


SETTINGS = [
    faulty("nothing at all", "CreateBatch", lambda w: {}, "batch.agent_id", "batch.display_name"),
    setting("no name", "display_name", "", "is required"),
    setting("a name that is too long", "display_name", "x" * 256, "255 characters"),
    setting("a NUL character in the name", "display_name", "a\0"),
    setting("a priority above the most", "priority", 10, "from 0 to 9"),
    setting("a priority below nothing", "priority", -1),
    setting("a weight above the most", "weight", 1001, "from 1 to 1000"),
    setting("calls below nothing", "max_concurrent_calls", -1),
    setting("a caller id that is no number", "caller_id", "Ada", "E.164"),
    setting("a caller id that is a SIP URI", "caller_id", "sip:ada@example.net"),
    setting("an unknown policy", "unknown_policy", 99),
    setting("an unknown duplicate policy", "duplicates", 99),
    setting("an unknown error policy", "on_config_error", -1),
    setting("an unknown number for retries", "retry_caller_id", 99),
    setting("an unknown pacing", "pacing", 99),
    setting("an unknown check of the window", "window_check", 99),
    setting("calls that are expected to take no time", "expected_call_duration", Duration()),
    setting(
        "calls that are expected to take days",
        "expected_call_duration",
        Duration(seconds=86_401),
        "from 1 s to 86400 s",
    ),
    faulty(
        "a window that is too short",
        "CreateBatch",
        lambda w: {
            "batch": batch(
                w,
                window_end=in_an_hour(),
                max_concurrent_calls=1,
                expected_call_duration=Duration(seconds=86_400),
            ),
            "scheduled_calls": [GOOD_ROW, GOOD_ROW],
        },
        "batch.window_end",
        says="to start 2 calls takes 1 day, 0:00:01",
        reason="WINDOW_TOO_SHORT",
    ),
    faulty(
        "fewer than no people",
        "EstimateWindow",
        lambda w: {"batch": batch(w), "call_count": -1},
        "call_count",
        says="from 0 to 1000000",
    ),
    faulty(
        "a forecast of a moment",
        "ForecastBatch",
        lambda w: {"batch_id": w.empty_draft_id, "horizon": Duration(seconds=1)},
        "horizon",
        says="from 60 s to 5184000 s",
    ),
    faulty("a window of no batch", "EstimateWindow", lambda w: {}, "batch.agent_id"),
    faulty(
        "validating what is faulty",
        "CreateBatch",
        lambda w: {**creating(priority=10)(w), "validate_only": True},
        "batch.priority",
    ),
    faulty(
        "a person whose phone never rings",
        "CreateBatch",
        lambda w: {
            "batch": batch(w),
            "scheduled_calls": [
                GOOD_ROW,
                ScheduledCall(address=ANSWERED, ring_timeout=Duration(seconds=601)),
            ],
        },
        "scheduled_calls[1].ring_timeout",
        says="from 1 s to 600 s",
    ),
    faulty(
        "a person whose calls last for days",
        "CreateBatch",
        lambda w: {
            "batch": batch(w),
            "scheduled_calls": [
                GOOD_ROW,
                ScheduledCall(address=ANSWERED, max_call_duration=Duration(seconds=86_401)),
                ScheduledCall(address=ANSWERED, max_call_duration=Duration(nanos=5)),
            ],
        },
        "scheduled_calls[1].max_call_duration",
        "scheduled_calls[2].max_call_duration",
    ),
    setting("ringing for no time", "ring_timeout", Duration()),
    setting("ringing for too long", "ring_timeout", Duration(seconds=601)),
    setting(
        "ringing for a fraction",
        "ring_timeout",
        Duration(seconds=5, nanos=500_000_000),
        "whole seconds",
    ),
    setting("a call of no length", "max_call_duration", Duration()),
    setting("a call of negative length", "max_call_duration", Duration(seconds=-5)),
    setting("a call of nanoseconds", "max_call_duration", Duration(seconds=5, nanos=1)),
    setting("a call of ages", "max_call_duration", Duration(seconds=10**15)),
    setting("an end in the past", "window_end", Timestamp(seconds=1), "in the future"),
    setting("an end after all time", "window_end", TOO_LATE, "years 1 and 9999"),
    setting("a metadata key that is too long", "metadata", {"k" * 129: ""}),
    faulty(
        "an end before the start",
        "CreateBatch",
        creating(window_start=LATER, window_end=in_an_hour()),
        "batch.window_end",
        says="after window_start",
    ),
    faulty(
        "an end at the start",
        "CreateBatch",
        creating(window_start=LATER, window_end=LATER),
        "batch.window_end",
    ),
    faulty(
        "several faults at once",
        "CreateBatch",
        creating(priority=10, weight=-1, ring_timeout=Duration(), caller_id="x"),
        "batch.priority",
        "batch.weight",
        "batch.ring_timeout",
        "batch.caller_id",
    ),
]


AGENTS_AND_CARRIERS = [
    *no_such_id(
        "CreateBatch",
        "AGENT_NOT_FOUND",
        lambda w: w.theirs.agent_id,
        lambda id_: {
            "batch": Batch(agent_id=id_, display_name="x"),
            "scheduled_calls": [GOOD_ROW],
        },
    ),
    misfit(
        "a carrier that there is not",
        "CreateBatch",
        creating(carrier="pigeon"),
        "CARRIER_NOT_CONFIGURED",
        says="there is simulated",
    ),
    misfit(
        "an agent that is not active",
        "CreateBatch",
        lambda w: creating(agent_id=w.resting_agent_id)(w),
        "AGENT_INACTIVE",
    ),
    misfit("no rows and no draft", "CreateBatch", lambda w: {"batch": batch(w)}, "BATCH_EMPTY"),
    forbidden("a key without the scope", "CreateBatch", creating()).by(lambda w: w.reader),
    taken(
        "a request id of another request",
        "CreateBatch",
        lambda w: {**creating()(w), "request_id": USED_REQUEST_ID},
        "REQUEST_ID_REUSED",
    ),
    faulty(
        "a request id that is too long",
        "CreateBatch",
        lambda w: {**creating()(w), "request_id": "x" * 256},
        "request_id",
    ),
]

UPDATES = [
    faulty("no id", "UpdateBatch", lambda w: {}, "batch.batch_id", says="is required"),
    *(
        faulty(
            what,
            "UpdateBatch",
            lambda w, path=path: {  # type: ignore[misc]
                "batch": Batch(batch_id=w.ours.draft_id),
                "update_mask": mask("priority", path),
            },
            "update_mask",
        )
        for what, path in (
            ("a field that does not exist", "colour"),
            ("a field that only the server writes", "state"),
            ("a field that cannot be changed", "agent_id"),
            ("a part of a field", "metadata.city"),
            ("an empty path", ""),
        )
    ),
    faulty(
        "faults in what is written",
        "UpdateBatch",
        lambda w: {
            "batch": Batch(
                batch_id=w.scheduled_id, priority=10, window_end=Timestamp(seconds=1), caller_id="x"
            )
        },
        "batch.priority",
        "batch.window_end",
        "batch.caller_id",
    ),
    faulty(
        "an unknown policy",
        "UpdateBatch",
        lambda w: {"batch": Batch(batch_id=w.scheduled_id, unknown_policy=99)},  # type: ignore[arg-type]
        "batch.unknown_policy",
    ),
    outdated(
        "an old etag",
        "UpdateBatch",
        lambda w: {"batch": Batch(batch_id=w.scheduled_id, priority=1, etag='"0"')},
    ),
    misfit(
        "a batch that is over",
        "UpdateBatch",
        lambda w: {"batch": Batch(batch_id=w.ours.completed_id, priority=1)},
        "BATCH_STATE",
    ),
]

# What each custom method is refused in.
_STATES: list[tuple[str, str, Callable[[World], str]]] = [
    ("StartBatch", "running", lambda w: w.running_id),
    ("StartBatch", "scheduled", lambda w: w.scheduled_id),
    ("StartBatch", "paused", lambda w: w.paused_id),
    ("StartBatch", "completed", lambda w: w.ours.completed_id),
    ("StartBatch", "cancelled", lambda w: w.cancelled_id),
    ("PauseBatch", "draft", lambda w: w.ours.draft_id),
    ("PauseBatch", "completed", lambda w: w.ours.completed_id),
    ("PauseBatch", "cancelled", lambda w: w.cancelled_id),
    ("ResumeBatch", "draft", lambda w: w.ours.draft_id),
    ("ResumeBatch", "completed", lambda w: w.ours.completed_id),
    ("ResumeBatch", "cancelled", lambda w: w.cancelled_id),
    ("CancelBatch", "completed", lambda w: w.ours.completed_id),
    ("AddScheduledCalls", "completed", lambda w: w.ours.completed_id),
    ("RetryBatch", "draft", lambda w: w.ours.draft_id),
    ("RetryBatch", "cancelled", lambda w: w.cancelled_id),
    ("AddScheduledCalls", "cancelled", lambda w: w.cancelled_id),
]

_NAMING_A_BATCH = [
    "GetBatch",
    "DeleteBatch",
    "StartBatch",
    "PauseBatch",
    "ResumeBatch",
    "CancelBatch",
    "AddScheduledCalls",
    "WatchBatch",
    "ListBatchEvents",
    "ListScheduledCalls",
    "ExportScheduledCalls",
    "RetryBatch",
    "ExplainBatch",
    "ForecastBatch",
]


def _naming(rpc: str, batch_id: str) -> dict[str, Any]:
    rows = {"scheduled_calls": [GOOD_ROW]} if rpc == "AddScheduledCalls" else {}
    return {"batch_id": batch_id, **rows}


STATES = [
    *(
        misfit(
            f"a {state} batch",
            rpc,
            lambda w, rpc=rpc, id_of=id_of: _naming(rpc, id_of(w)),  # type: ignore[misc]
            "BATCH_STATE",
            says=f"a {state.upper()} batch cannot be ",
        )
        for rpc, state, id_of in _STATES
    ),
    misfit(
        "a batch of an agent that is not active",
        "StartBatch",
        lambda w: {"batch_id": w.resting_draft_id},
        "AGENT_INACTIVE",
    ),
    misfit(
        "a draft without rows",
        "StartBatch",
        lambda w: {"batch_id": w.empty_draft_id},
        "BATCH_EMPTY",
        says="add some",
    ),
    misfit(
        "a draft whose window is over",
        "StartBatch",
        lambda w: {"batch_id": w.late_draft_id},
        "WINDOW_CLOSED",
        says="give it a later window_end",
    ),
    misfit(
        "a forecast of nobody",
        "ForecastBatch",
        lambda w: {"batch_id": w.empty_draft_id},
        "BATCH_EMPTY",
        says="nothing will come of it",
    ),
    misfit(
        "a forecast of a draft whose agent is not active",
        "ForecastBatch",
        lambda w: {"batch_id": w.resting_draft_id},
        "AGENT_INACTIVE",
    ),
]

IDS = [
    *(
        row
        for rpc in _NAMING_A_BATCH
        for row in (
            faulty("no id", rpc, lambda w, rpc=rpc: _naming(rpc, ""), "batch_id"),  # type: ignore[misc]
            *no_such_id(
                rpc,
                "BATCH_NOT_FOUND",
                lambda w: w.theirs.draft_id,
                lambda id_, rpc=rpc: _naming(rpc, id_),  # type: ignore[misc]
            ),
            unfound(
                "a batch that was deleted",
                rpc,
                lambda w, rpc=rpc: _naming(rpc, w.deleted_id),  # type: ignore[misc]
                "BATCH_NOT_FOUND",
            ),
        )
    ),
    *no_such_id(
        "UpdateBatch",
        "BATCH_NOT_FOUND",
        lambda w: w.theirs.draft_id,
        lambda id_: {"batch": Batch(batch_id=id_, priority=1)},
    ),
    *no_such_id(
        "ListBatches", "AGENT_NOT_FOUND", lambda w: w.theirs.agent_id, lambda id_: {"agent_id": id_}
    ),
    faulty(
        "an unknown state",
        "DeleteBatch",
        lambda w: {"batch_id": w.running_id, "states": [99]},  # type: ignore[dict-item]
        "states[0]",
    ),
    misfit(
        "a batch in another state",
        "DeleteBatch",
        lambda w: {"batch_id": w.running_id, "states": [BATCH_STATE_DRAFT]},
        "BATCH_STATE",
        "DRAFT",
    ),
    *(
        faulty(what, "ListBatches", lambda w, state=state: {"states": [1, state]}, "states[1]")  # type: ignore[misc]
        for what, state in (
            ("an unknown state", 99),
            ("a state left open", BATCH_STATE_UNSPECIFIED),
        )
    ),
    unfound(
        "an agent that nobody knows",
        "CreateBatch",
        lambda w: {**creating(agent_id=UNKNOWN_ID)(w), "draft": True},
        "AGENT_NOT_FOUND",
    ),
]

ROWS = [*SETTINGS, *AGENTS_AND_CARRIERS, *UPDATES, *STATES, *IDS]
