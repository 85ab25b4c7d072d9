"""Wrong requests to SuppressionService."""

from google.protobuf.timestamp_pb2 import Timestamp
from tests.integration.wrong_requests.wrong import faulty, forbidden, no_such_id

ROWS = [
    forbidden("a key that only reads", "CreateSuppressions", lambda w: {"addresses": ["+1555"]}).by(
        lambda w: w.reader
    ),
    faulty("no address", "CreateSuppressions", lambda w: {}, "addresses", says="1 to 10000"),
    faulty(
        "too many addresses",
        "CreateSuppressions",
        lambda w: {"addresses": ["+15551230001"] * 10_001},
        "addresses",
    ),
    faulty(
        "every field wrong",
        "CreateSuppressions",
        lambda w: {
            "addresses": ["+15551230001", "nobody", ""],
            "source": "x" * 65,
            "reason": "x" * 201,
            "expire_time": Timestamp(seconds=1),
        },
        "addresses[1]",
        "addresses[2]",
        "source",
        "reason",
        "expire_time",
    ),
    faulty(
        "an end after all time",
        "CreateSuppressions",
        lambda w: {"addresses": ["+15551230001"], "expire_time": Timestamp(seconds=10**12)},
        "expire_time",
    ),
    faulty("no id", "GetSuppression", lambda w: {}, "suppression_id", says="is required"),
    *no_such_id(
        "GetSuppression",
        "SUPPRESSION_NOT_FOUND",
        lambda w: w.their_suppression_id,
        lambda id_: {"suppression_id": id_},
    ),
    faulty("no id", "DeleteSuppression", lambda w: {}, "suppression_id", says="is required"),
    *no_such_id(
        "DeleteSuppression",
        "SUPPRESSION_NOT_FOUND",
        lambda w: w.their_suppression_id,
        lambda id_: {"suppression_id": id_},
    ),
    faulty(
        "an address that is none",
        "ListSuppressions",
        lambda w: {"address": "nobody"},
        "address",
    ),
    faulty("a source with NUL", "ListSuppressions", lambda w: {"source": "a\0"}, "source"),
    faulty(
        "a token of another list",
        "ListSuppressions",
        lambda w: {"page_token": "YWdlbnRzOjE"},
        "page_token",
        reason="PAGE_TOKEN_INVALID",
    ),
]
