"""Wrong requests to RetryBatch and RetryScheduledCall."""

from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.scheduled_call_pb2 import (
    SCHEDULED_CALL_STATE_FAILED,
    SCHEDULED_CALL_STATE_UNSPECIFIED,
    SCHEDULED_CALL_STATE_WAITING,
)
from tests.integration.wrong_requests.wrong import (
    faulty,
    forbidden,
    misfit,
    no_such_id,
)

BATCHES = [
    *(
        faulty(
            what,
            "RetryBatch",
            lambda w, f=f: {"batch_id": w.ours.completed_id, **f},  # type: ignore[misc]
            path,
        )
        for what, f, path in (
            ("an unknown state", {"states": [SCHEDULED_CALL_STATE_FAILED, 99]}, "states[1]"),
            ("a state left open", {"states": [SCHEDULED_CALL_STATE_UNSPECIFIED]}, "states[0]"),
            ("a state that is no end", {"states": [SCHEDULED_CALL_STATE_WAITING]}, "states[0]"),
            ("an unknown disposition", {"dispositions": [99]}, "dispositions[0]"),
            ("an end in the past", {"window_end": Timestamp(seconds=1)}, "window_end"),
            ("an end after all time", {"window_end": Timestamp(seconds=10**12)}, "window_end"),
            ("a request id that is too long", {"request_id": "x" * 256}, "request_id"),
        )
    ),
    misfit(
        "a window that is over",
        "RetryBatch",
        lambda w: {"batch_id": w.closed_id},
        "WINDOW_CLOSED",
        says="give a later window_end",
    ),
    forbidden(
        "a key without the scope", "RetryBatch", lambda w: {"batch_id": w.ours.completed_id}
    ).by(lambda w: w.reader),
]

SCHEDULED_CALLS = [
    faulty("no id", "RetryScheduledCall", lambda w: {}, "scheduled_call_id", says="is required"),
    *no_such_id(
        "RetryScheduledCall",
        "SCHEDULED_CALL_NOT_FOUND",
        lambda w: w.theirs.ended_row_id,
        lambda id_: {"scheduled_call_id": id_},
    ),
    misfit(
        "a row that is being called",
        "RetryScheduledCall",
        lambda w: {"scheduled_call_id": w.live_row_id},
        "SCHEDULED_CALL_NOT_ENDED",
        says="only one that has ended can be retried",
    ),
    misfit(
        "a row of a draft",
        "RetryScheduledCall",
        lambda w: {"scheduled_call_id": w.ours.waiting_row_id},
        "SCHEDULED_CALL_NOT_ENDED",
    ),
    misfit(
        "a row that was cancelled with its batch",
        "RetryScheduledCall",
        lambda w: {"scheduled_call_id": w.cancelled_row_id},
        "BATCH_STATE",
    ),
    misfit(
        "a row whose window is over",
        "RetryScheduledCall",
        lambda w: {"scheduled_call_id": w.closed_row_id},
        "WINDOW_CLOSED",
    ),
    faulty(
        "a request id with a NUL character",
        "RetryScheduledCall",
        lambda w: {"scheduled_call_id": w.ours.ended_row_id, "request_id": "\0"},
        "request_id",
    ),
]

ROWS = [*BATCHES, *SCHEDULED_CALLS]
