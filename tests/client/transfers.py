"""Answers to imports and exports, as a far end gives them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.protobuf.json_format import ParseDict
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.batch_service_pb2 import ImportScheduledCallsResponse
from outdial.v1.call_pb2 import Call, CallState
from outdial.v1.scheduled_call_pb2 import (
    DispatchOutcome,
    Disposition,
    ScheduledCall,
    ScheduledCallState,
)
from outdial.v1.scheduled_call_service_pb2 import (
    ExportScheduledCallsResponse,
    ScheduledCallResult,
)

from client.far_end import Refusal

NOON = datetime(2027, 3, 1, 12, tzinfo=UTC)


ADDED = ParseDict(
    {
        "import": {
            "import_id": "i-1",
            "batch_id": "b-1",
            "row_count": 3,
            "added_count": 2,
            "refused_count": 1,
            "duplicate_count": 1,
        },
        "batch": {"batch_id": "b-1"},
    },
    ImportScheduledCallsResponse(),
)
REFUSED = Refusal(
    code=grpc.StatusCode.INVALID_ARGUMENT,
    reason="IMPORT_REFUSED",
    metadata={"import_id": "i-2"},
    fields=(("rows[3].address", "is empty"),),
)


def moment(seconds: float) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(NOON + timedelta(seconds=seconds))
    return timestamp


def row(position: int, **context: Any) -> ScheduledCallResult:
    call = ScheduledCall(position=position, address=f"+1555{position:07}")
    call.template_context.update(context)
    return ScheduledCallResult(scheduled_call=call)


def message(*rows: ScheduledCallResult) -> ExportScheduledCallsResponse:
    return ExportScheduledCallsResponse(results=rows)


REACHED = ScheduledCallResult(
    scheduled_call=ScheduledCall(
        scheduled_call_id="s-1",
        position=0,
        address="+15551230001",
        custom_id="=C-1",
        state=ScheduledCallState.SCHEDULED_CALL_STATE_COMPLETED,
        disposition=Disposition.DISPOSITION_ANSWERED_HUMAN,
        dispatch_outcome=DispatchOutcome.DISPATCH_OUTCOME_ACCEPTED,
        attempt_count=2,
        metadata={"city": "Graz"},
        end_time=moment(9.5),
    ),
    call=Call(
        call_id="c-2",
        carrier="simulated",
        carrier_call_id="SIM1",
        caller_id="+15550001111",
        state=CallState.CALL_STATE_ENDED,
        ring_time=moment(1),
        answer_time=moment(3.25),
        end_time=moment(9.5),
    ),
)
REACHED.scheduled_call.template_context.update({"name": "Zoë", "visits": 2, "tags": ["a", "b"]})
REACHED.scheduled_call.annotations.update({"origin": {"row": 7}})
