"""Wrong requests to ExternalCallService."""

from google.protobuf.duration_pb2 import Duration
from tests.integration.wrong_requests.wrong import faulty, forbidden, no_such_id, unfound

ROWS = [
    faulty("nothing", "ReportExternalCall", lambda w: {}, "external_id"),
    *(
        faulty(
            f"a time to live of {what}",
            "ReportExternalCall",
            lambda w, ttl=ttl: {"external_id": "x" * 256, "ttl": ttl},  # type: ignore[misc]
            "external_id",
            "ttl",
        )
        for what, ttl in (
            ("nothing", Duration()),
            ("half a second", Duration(nanos=500_000_000)),
            ("more than a day", Duration(seconds=86_401)),
        )
    ),
    faulty("an id with NUL", "ReportExternalCall", lambda w: {"external_id": "a\0"}, "external_id"),
    *no_such_id(
        "ReportExternalCall",
        "AGENT_NOT_FOUND",
        lambda w: w.theirs.agent_id,
        lambda id_: {"external_id": "theirs-1", "agent_id": id_},
    ),
    unfound(
        "a carrier config of another account",
        "ReportExternalCall",
        lambda w: {"external_id": "theirs-1", "carrier_config": w.their_carrier_config_id},
        "CARRIER_CONFIG_NOT_FOUND",
    ),
    faulty("nothing", "EndExternalCall", lambda w: {}, "external_id"),
    forbidden(
        "a key that may only read", "EndExternalCall", lambda w: {"external_id": "theirs-1"}
    ).by(lambda w: w.reader),
]
