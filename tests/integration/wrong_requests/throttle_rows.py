"""Wrong requests to ThrottleService, and batches that name none."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import ImportScheduledCallsRequest as Message
from outdial.v1.import_pb2 import ImportOptions
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from outdial.v1.throttle_pb2 import Throttle, ThrottleRule
from tests.integration.wrong_requests.wrong import (
    UNKNOWN_ID,
    faulty,
    misfit,
    no_such_id,
    outdated,
    taken,
    unfound,
)

FAST = ThrottleRule(max_calls=5, window=Duration(seconds=1))
ROWS_TO_CALL = [ScheduledCall(address="+15551230001")]

ROWS = [
    faulty("nothing", "CreateThrottle", lambda w: {}, "throttle.display_name", "throttle.rules"),
    faulty(
        "every field wrong",
        "CreateThrottle",
        lambda w: {
            "throttle": Throttle(
                display_name="x" * 65,
                rules=[
                    FAST,
                    ThrottleRule(max_calls=0, window=Duration(seconds=1)),
                    ThrottleRule(max_calls=100_001, window=Duration(seconds=86_401)),
                    ThrottleRule(max_calls=1, window=Duration(seconds=1, nanos=500_000_000)),
                    ThrottleRule(max_calls=1),
                ],
            )
        },
        "throttle.display_name",
        "throttle.rules[1].max_calls",
        "throttle.rules[2].max_calls",
        "throttle.rules[2].window",
        "throttle.rules[3].window",
        "throttle.rules[4].window",
    ),
    faulty(
        "a window in parts of a microsecond",
        "CreateThrottle",
        lambda w: {
            "throttle": Throttle(
                display_name="x",
                rules=[ThrottleRule(max_calls=1, window=Duration(seconds=1, nanos=1))],
            )
        },
        "throttle.rules[0].window",
    ),
    taken(
        "a name that is there",
        "CreateThrottle",
        lambda w: {"throttle": Throttle(display_name="slow", rules=[FAST])},
        "THROTTLE_NAME_TAKEN",
    ),
    faulty("no id", "GetThrottle", lambda w: {}, "throttle_id", says="is required"),
    *no_such_id(
        "GetThrottle",
        "THROTTLE_NOT_FOUND",
        lambda w: w.their_throttle_id,
        lambda id_: {"throttle_id": id_},
    ),
    faulty("no id", "UpdateThrottle", lambda w: {}, "throttle.throttle_id", says="is required"),
    *no_such_id(
        "UpdateThrottle",
        "THROTTLE_NOT_FOUND",
        lambda w: w.their_throttle_id,
        lambda id_: {"throttle": Throttle(throttle_id=id_, display_name="x")},
    ),
    faulty(
        "no rule left",
        "UpdateThrottle",
        lambda w: {
            "throttle": Throttle(throttle_id=w.throttle_id),
            "update_mask": FieldMask(paths=["rules"]),
        },
        "throttle.rules",
    ),
    outdated(
        "an old etag",
        "UpdateThrottle",
        lambda w: {"throttle": Throttle(throttle_id=w.throttle_id, display_name="x", etag='"0"')},
    ),
    faulty("no id", "DeleteThrottle", lambda w: {}, "throttle_id", says="is required"),
    *no_such_id(
        "DeleteThrottle",
        "THROTTLE_NOT_FOUND",
        lambda w: w.their_throttle_id,
        lambda id_: {"throttle_id": id_},
    ),
    misfit(
        "one that a batch names",
        "DeleteThrottle",
        lambda w: {"throttle_id": w.throttle_id},
        "THROTTLE_IN_USE",
        says="have not ended",
    ),
    faulty("a name with NUL", "ListThrottles", lambda w: {"display_name": "a\0"}, "display_name"),
    faulty(
        "a token of another list",
        "ListThrottles",
        lambda w: {"page_token": "YWdlbnRzOjE"},
        "page_token",
        reason="PAGE_TOKEN_INVALID",
    ),
    unfound(
        "a throttle of another account",
        "CreateBatch",
        lambda w: {
            "batch": Batch(
                agent_id=w.ours.agent_id, display_name="x", throttle=w.their_throttle_id
            ),
            "scheduled_calls": ROWS_TO_CALL,
        },
        "THROTTLE_NOT_FOUND",
    ),
    faulty(
        "a throttle with NUL",
        "CreateBatch",
        lambda w: {
            "batch": Batch(agent_id=w.ours.agent_id, display_name="x", throttle="a\0"),
            "scheduled_calls": ROWS_TO_CALL,
        },
        "batch.throttle",
    ),
    unfound(
        "an unknown throttle",
        "UpdateBatch",
        lambda w: {"batch": Batch(batch_id=w.ours.draft_id, throttle=UNKNOWN_ID)},
        "THROTTLE_NOT_FOUND",
    ),
    unfound(
        "an unknown throttle",
        "ImportScheduledCalls",
        lambda w: {
            "request": [
                Message(
                    options=ImportOptions(
                        new_batch=Batch(
                            agent_id=w.ours.agent_id, display_name="x", throttle="nothing"
                        )
                    )
                )
            ]
        },
        "THROTTLE_NOT_FOUND",
    ),
]
