"""Wrong requests to read and watch, to ScheduledCallService and to CallService."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Value
from grpc import StatusCode
from outdial.v1.call_pb2 import CollectedValue, Conversation, Utterance
from outdial.v1.call_service_pb2 import (
    CALL_RESOLUTION_DIAL_AGAIN,
    CALL_RESOLUTION_NOT_PLACED,
    CALL_RESOLUTION_PLACED,
    CallJoined,
    CallOver,
)
from outdial.v1.scheduled_call_pb2 import DISPOSITION_BUSY, DISPOSITION_UNKNOWN
from tests.integration.wrong_requests.world import World
from tests.integration.wrong_requests.wrong import Wrong, faulty, forbidden, misfit, no_such_id

from outdial_server.domain.ids import BatchId
from outdial_server.watch.token import write_token
from support.grpc import METHODS

_PAGED = [
    name for name, method in METHODS.items() if "page_token" in method.input_type.fields_by_name
]
_SIZED = [
    name for name, method in METHODS.items() if "page_size" in method.input_type.fields_by_name
]
_SKIPPED = [name for name, method in METHODS.items() if "skip" in method.input_type.fields_by_name]


def _target(rpc: str, world: World) -> dict[str, str]:
    """What a list belongs to, for those that need it."""
    if rpc == "ListImportFindings":
        return {"import_id": world.import_id}
    if rpc == "ListWebhookDeliveries":
        return {"webhook_id": world.webhook_id}
    needed = rpc in ("ListScheduledCalls", "ListBatchEvents")
    return {"batch_id": world.ours.draft_id} if needed else {}


PAGES = [
    *(
        faulty(
            "a page of negative size",
            rpc,
            lambda w, rpc=rpc: {**_target(rpc, w), "page_size": -1},  # type: ignore[misc]
            "page_size",
        )
        for rpc in _SIZED
    ),
    *(
        faulty(
            "a page that skips less than nothing",
            rpc,
            lambda w, rpc=rpc: {**_target(rpc, w), "skip": -1},  # type: ignore[misc]
            "skip",
        )
        for rpc in _SKIPPED
    ),
    *(
        faulty(
            f"a page token {what}",
            rpc,
            lambda w, rpc=rpc, token=token: {  # type: ignore[misc]
                **_target(rpc, w),
                "page_token": token,
            },
            "page_token",
            reason="PAGE_TOKEN_INVALID",
        )
        for rpc in _PAGED
        # The last is of no list that there is.
        for what, token in (("of nonsense", "%&é"), ("of another list", "c2hvZXM6MQ"))
    ),
    faulty(
        "a sequence below nothing",
        "ListBatchEvents",
        lambda w: {"batch_id": w.running_id, "after_sequence": -1},
        "after_sequence",
    ),
]

WATCHES = [
    *(
        faulty(what, "WatchBatch", lambda w, f=f: {"batch_id": w.running_id, **f}, *f)  # type: ignore[misc]
        for what, f in (
            ("an unknown delivery", {"delivery": 99}),
            ("an unknown scope", {"scope": 99}),
            ("an interval that is too short", {"min_interval": Duration(nanos=1_000_000)}),
            ("an interval that is too long", {"min_interval": Duration(seconds=61)}),
            ("an interval of nanoseconds", {"min_interval": Duration(seconds=1, nanos=1)}),
        )
    ),
    *(
        faulty(what, "WatchBatches", lambda w, f=f: f, named)  # type: ignore[misc]
        for what, f, named in (
            ("an empty id", {"batch_ids": [""]}, "batch_ids[0]"),
            ("too many ids", {"batch_ids": ["x"] * 101}, "batch_ids"),
            ("ids and an agent", {"batch_ids": ["x"], "agent_id": "y"}, "agent_id"),
            (
                "an interval that is too long",
                {"min_interval": Duration(seconds=61)},
                "min_interval",
            ),
        )
    ),
    faulty(
        "a resume token of nonsense",
        "WatchBatches",
        lambda w: {"resume_token": "nonsense"},
        "resume_token",
        reason="RESUME_TOKEN_INVALID",
    ),
    faulty(
        "a resume token of nonsense",
        "WatchBatch",
        lambda w: {"batch_id": w.running_id, "resume_token": "nonsense"},
        "resume_token",
        reason="RESUME_TOKEN_INVALID",
    ),
    faulty(
        "a resume token of another batch",
        "WatchBatch",
        lambda w: {
            "batch_id": w.running_id,
            "resume_token": write_token(BatchId(w.ours.completed_id), 1),
        },
        "resume_token",
        reason="RESUME_TOKEN_INVALID",
        says="is of another batch",
    ),
    Wrong(
        "a resume token ahead of the log",
        "WatchBatch",
        lambda w: {
            "batch_id": w.running_id,
            "resume_token": write_token(BatchId(w.running_id), 1_000_000),
        },
        StatusCode.OUT_OF_RANGE,
        "EVENTS_ERASED",
        says="start again without a token",
    ),
]

SCHEDULED_CALLS = [
    faulty(
        "an unknown state",
        "ListScheduledCalls",
        lambda w: {"batch_id": w.running_id, "states": [99]},
        "states[0]",
    ),
    faulty(
        "an unknown state",
        "ExportScheduledCalls",
        lambda w: {"batch_id": w.running_id, "states": [1, 99]},
        "states[1]",
    ),
    faulty(
        "a position below nothing",
        "ExportScheduledCalls",
        lambda w: {"batch_id": w.running_id, "from_position": -1},
        "from_position",
    ),
    faulty(
        "a NUL character",
        "ListScheduledCalls",
        lambda w: {"batch_id": w.running_id, "custom_id": "\0"},
        "custom_id",
    ),
    *(
        row
        for rpc in ("GetScheduledCall", "CancelScheduledCall", "ExplainScheduledCall")
        for row in (
            faulty("no id", rpc, lambda w: {}, "scheduled_call_id", says="is required"),
            *no_such_id(
                rpc,
                "SCHEDULED_CALL_NOT_FOUND",
                lambda w: w.theirs.waiting_row_id,
                lambda id_: {"scheduled_call_id": id_},
            ),
        )
    ),
    *(
        misfit(
            f"a row that {what}",
            "CancelScheduledCall",
            lambda w, row_of=row_of: {"scheduled_call_id": row_of(w)},  # type: ignore[misc]
            "SCHEDULED_CALL_NOT_WAITING",
            says="only a waiting one can be cancelled",
        )
        for what, row_of in (
            ("is being called", lambda w: w.live_row_id),
            ("has ended", lambda w: w.ours.ended_row_id),
        )
    ),
]

CALLS = [
    *no_such_id(
        "ListCalls", "BATCH_NOT_FOUND", lambda w: w.theirs.draft_id, lambda id_: {"batch_id": id_}
    ),
    *no_such_id(
        "ListCalls",
        "SCHEDULED_CALL_NOT_FOUND",
        lambda w: w.theirs.waiting_row_id,
        lambda id_: {"scheduled_call_id": id_},
    ),
    faulty("an unknown state", "ListCalls", lambda w: {"states": [99]}, "states[0]"),
    *(
        row
        for rpc, more in (
            ("GetCall", {}),
            ("DeleteCall", {}),
            ("EndCall", {}),
            ("ResolveCall", {"resolution": CALL_RESOLUTION_NOT_PLACED}),
            ("ReportCallEvent", {"joined": CallJoined()}),
        )
        for row in (
            faulty("no id", rpc, lambda w, more=more: more, "call_id", says="is required"),  # type: ignore[misc]
            *no_such_id(
                rpc,
                "CALL_NOT_FOUND",
                lambda w: w.theirs.ended_call_id,
                lambda id_, more=more: {"call_id": id_, **more},  # type: ignore[misc]
            ),
        )
    ),
    misfit(
        "a call that is alive",
        "DeleteCall",
        lambda w: {"call_id": w.live_call_id},
        "CALL_NOT_ENDED",
        says="only one that has ended",
    ),
    misfit(
        "a call that has ended",
        "EndCall",
        lambda w: {"call_id": w.ours.ended_call_id},
        "CALL_NOT_LIVE",
        says="ENDED",
    ),
    *(
        faulty(
            what,
            "ResolveCall",
            lambda w, f=f: {"call_id": w.live_call_id, **f},  # type: ignore[misc]
            path,
        )
        for what, f, path in (
            ("no resolution", {}, "resolution"),
            ("an unknown resolution", {"resolution": 99}, "resolution"),
            ("placed and no word how", {"resolution": CALL_RESOLUTION_PLACED}, "disposition"),
            (
                "an unknown disposition",
                {"resolution": CALL_RESOLUTION_PLACED, "disposition": 99},
                "disposition",
            ),
            (
                "not placed and yet busy",
                {"resolution": CALL_RESOLUTION_NOT_PLACED, "disposition": DISPOSITION_BUSY},
                "disposition",
            ),
        )
    ),
    *(
        misfit(
            f"a call that {what}",
            "ResolveCall",
            lambda w, call_of=call_of: {  # type: ignore[misc]
                "call_id": call_of(w),
                "resolution": CALL_RESOLUTION_DIAL_AGAIN,
            },
            "CALL_NOT_UNKNOWN",
        )
        for what, call_of in (
            ("is known to be alive", lambda w: w.live_call_id),
            ("is known to have ended", lambda w: w.ours.ended_call_id),
        )
    ),
]

REPORTS = [
    *(
        faulty(
            what,
            "ReportCallEvent",
            lambda w, f=f: {"call_id": w.live_call_id, **f},  # type: ignore[misc]
            path,
        )
        for what, f, path in (
            ("nothing that happened", {}, "event"),
            ("an unknown disposition", {"ended": CallOver(disposition=99)}, "ended.disposition"),  # type: ignore[arg-type]
            (
                "an end that nobody knows of",
                {"ended": CallOver(disposition=DISPOSITION_UNKNOWN)},
                "ended.disposition",
            ),
            ("a reason that is a novel", {"ended": CallOver(reason="x" * 129)}, "ended.reason"),
            (
                "a summary with a NUL character",
                {"conversation": Conversation(summary="\0")},
                "conversation.summary",
            ),
            (
                "words of nobody",
                {"conversation": Conversation(utterances=[Utterance(text="Hi")])},
                "conversation.utterances[0].speaker",
            ),
            (
                "a length before its beginning",
                {"conversation": Conversation(duration=Duration(seconds=-1))},
                "conversation.duration",
            ),
            (
                "a value that is no number",
                {
                    "conversation": Conversation(
                        collected=[CollectedValue(name="n", value=Value(number_value=float("nan")))]
                    )
                },
                "conversation.collected[0].value",
            ),
        )
    ),
    misfit(
        "a call that waits to be dialled",
        "ReportCallEvent",
        lambda w: {"call_id": w.waiting_call_id, "joined": CallJoined()},
        "CALL_NOT_SENT",
    ),
    forbidden(
        "a key that may only read",
        "ReportCallEvent",
        lambda w: {"call_id": w.live_call_id, "joined": CallJoined()},
    ).by(lambda w: w.reader),
]

ROWS = [*PAGES, *WATCHES, *SCHEDULED_CALLS, *CALLS, *REPORTS]
