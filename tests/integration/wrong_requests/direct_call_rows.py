"""Wrong requests to make a direct call."""

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import Struct, Value
from google.protobuf.timestamp_pb2 import Timestamp
from tests.integration.wrong_requests.world import ANSWERED, USED_REQUEST_ID
from tests.integration.wrong_requests.wrong import (
    exhausted,
    faulty,
    forbidden,
    misfit,
    no_such_id,
    taken,
    unfound,
)


def _moment(ahead: timedelta) -> Timestamp:
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + ahead)
    return moment


def _endless() -> Struct:
    return Struct(fields={"n": Value(number_value=float("inf"))})


ROWS = [
    faulty("nothing", "CreateCall", lambda w: {}, "agent_id", "address"),
    faulty(
        "every field wrong",
        "CreateCall",
        lambda w: {
            "agent_id": w.ours.agent_id,
            "address": ANSWERED,
            "caller_id": "me",
            "metadata": {"": "x"},
            "ring_timeout": Duration(seconds=601),
            "max_call_duration": Duration(seconds=86_401),
            "wait_until": _moment(timedelta(hours=25)),
        },
        "max_call_duration",
        "wait_until",
        "caller_id",
        "metadata",
        "ring_timeout",
    ),
    faulty(
        "a wait that is over",
        "CreateCall",
        lambda w: {
            "agent_id": w.ours.agent_id,
            "address": ANSWERED,
            "wait_until": _moment(-timedelta(seconds=1)),
        },
        "wait_until",
    ),
    faulty(
        "a number that is none",
        "CreateCall",
        lambda w: {
            "agent_id": w.ours.agent_id,
            "address": ANSWERED,
            "template_context": _endless(),
        },
        "template_context",
    ),
    *no_such_id(
        "CreateCall",
        "AGENT_NOT_FOUND",
        lambda w: w.theirs.agent_id,
        lambda id_: {"agent_id": id_, "address": ANSWERED},
    ),
    misfit(
        "an agent that rests",
        "CreateCall",
        lambda w: {"agent_id": w.resting_agent_id, "address": ANSWERED},
        "AGENT_INACTIVE",
    ),
    misfit(
        "a carrier that is not there",
        "CreateCall",
        lambda w: {"agent_id": w.ours.agent_id, "address": ANSWERED, "carrier": "pigeons"},
        "CARRIER_NOT_CONFIGURED",
    ),
    unfound(
        "a carrier config of another account",
        "CreateCall",
        lambda w: {
            "agent_id": w.ours.agent_id,
            "address": ANSWERED,
            "carrier_config": w.their_carrier_config_id,
        },
        "CARRIER_CONFIG_NOT_FOUND",
    ),
    misfit(
        "somebody who asked for peace",
        "CreateCall",
        lambda w: {"agent_id": w.ours.agent_id, "address": w.suppressed},
        "ADDRESS_SUPPRESSED",
        says="do-not-call list",
    ),
    exhausted(
        "an agent that has its hands full",
        "CreateCall",
        lambda w: {"agent_id": w.busy_agent_id, "address": ANSWERED},
        "NO_FREE_SLOT",
        says="The agent has 1 call at once, of at most 1.",
    ),
    taken(
        "a request id of another call",
        "CreateCall",
        lambda w: {
            "agent_id": w.ours.agent_id,
            "address": ANSWERED,
            "request_id": USED_REQUEST_ID,
        },
        "REQUEST_ID_REUSED",
    ),
    forbidden(
        "a key that may only read",
        "CreateCall",
        lambda w: {"agent_id": w.ours.agent_id, "address": ANSWERED},
    ).by(lambda w: w.reader),
]
