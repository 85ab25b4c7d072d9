"""Resources in words and cells."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.batch_pb2 import Batch, BatchCounts, BatchState
from outdial.v1.call_pb2 import Call, CallState
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall, ScheduledCallState

ENDED_STATES = {
    BatchState.BATCH_STATE_COMPLETED,
    BatchState.BATCH_STATE_CANCELLED,
    BatchState.BATCH_STATE_FAILED,
}

BATCH_HEADINGS = ("id", "name", "state", "calls", "ended", "alive", "created")
SCHEDULED_CALL_HEADINGS = (
    "row",
    "address",
    "custom id",
    "state",
    "how it ended",
    "reason",
    "tries",
    "call id",
)


def batch_state(state: BatchState.ValueType) -> str:
    """`RUNNING`, not `BATCH_STATE_RUNNING`."""
    return _short(BatchState, "BATCH_STATE_", state)


def scheduled_call_state(state: ScheduledCallState.ValueType) -> str:
    """`waiting`, `in progress` ..."""
    return _spoken(_short(ScheduledCallState, "SCHEDULED_CALL_STATE_", state))


def call_state(state: CallState.ValueType) -> str:
    """`ringing`, `in progress` ..."""
    return _spoken(_short(CallState, "CALL_STATE_", state))


def disposition(value: Disposition.ValueType) -> str:
    """`no answer`, `busy` ...; empty while a call has not ended."""
    return _spoken(_short(Disposition, "DISPOSITION_", value)) if value else ""


def moment(timestamp: Timestamp) -> str:
    """Local time to the second; empty when unset."""
    if not timestamp.ByteSize():
        return ""
    local: datetime = timestamp.ToDatetime(tzinfo=UTC).astimezone()
    return local.strftime("%Y-%m-%d %H:%M:%S")


def span(length: timedelta) -> str:
    """`0:07`, `12:30`, `3:02:10`."""
    minutes, seconds = divmod(round(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def ended_calls(counts: BatchCounts) -> int:
    """Scheduled calls that have their end."""
    return counts.completed + counts.failed + counts.expired + counts.cancelled + counts.skipped


def live_calls(counts: BatchCounts) -> int:
    """Scheduled calls that are being dialled or talked to."""
    return counts.dialing + counts.in_progress


def counts_by_state(counts: BatchCounts) -> list[tuple[str, int]]:
    """Each state with its number, in the order of a call's life."""
    return [
        ("waiting", counts.waiting),
        ("dialing", counts.dialing),
        ("in progress", counts.in_progress),
        ("completed", counts.completed),
        ("failed", counts.failed),
        ("expired", counts.expired),
        ("cancelled", counts.cancelled),
        ("skipped", counts.skipped),
    ]


def batch_cells(batch: Batch) -> tuple[str, ...]:
    """One batch under BATCH_HEADINGS."""
    return (
        batch.batch_id,
        batch.display_name,
        batch_state(batch.state),
        str(batch.counts.total),
        str(ended_calls(batch.counts)),
        str(live_calls(batch.counts)),
        moment(batch.create_time),
    )


def batch_lines(batch: Batch) -> list[tuple[str, str]]:
    """One batch in full; what is unset is left out."""
    counts = ", ".join(f"{name} {n}" for name, n in counts_by_state(batch.counts) if n)
    reason = " ".join(part for part in (batch.state_reason, batch.state_detail) if part)
    lines = [
        ("id", batch.batch_id),
        ("name", batch.display_name),
        ("state", batch_state(batch.state)),
        ("because", reason),
        ("agent", batch.agent_id),
        ("window opens", moment(batch.window_start)),
        ("window closes", moment(batch.window_end)),
        ("calls at once", str(batch.max_concurrent_calls or "")),
        ("caller ID", batch.caller_id),
        ("carrier", batch.carrier),
        ("calls", f"{batch.counts.total}" + (f": {counts}" if counts else "")),
        ("unknown", str(batch.counts.unknown or "")),
        ("created", moment(batch.create_time)),
        ("started", moment(batch.start_time)),
        ("ended", moment(batch.end_time)),
    ]
    return [(name, text) for name, text in lines if text]


def scheduled_call_cells(call: ScheduledCall) -> tuple[str, ...]:
    """One row of a batch under SCHEDULED_CALL_HEADINGS."""
    return (
        str(call.position),
        call.address,
        call.custom_id,
        scheduled_call_state(call.state),
        disposition(call.disposition),
        own_reason(call),
        str(call.attempt_count),
        call.call_id,
    )


def own_reason(call: ScheduledCall) -> str:
    """Why a call is in its state, where that says more than how it ended."""
    same = disposition(call.disposition).replace(" ", "_").upper()
    return "" if call.state_reason == same else call.state_reason


def call_sentence(call: Call) -> str:
    """One call in a line."""
    ending = f", {disposition(call.disposition)}" if call.disposition else ""
    return f"Call {call.call_id} is {call_state(call.state)}{ending}."


def _short(enum: Any, prefix: str, value: int) -> str:
    # A newer server may have states that this client has no name for.
    known = value in enum.values()
    return str(enum.Name(value)).removeprefix(prefix) if known else str(value)


def _spoken(name: str) -> str:
    return name.replace("_", " ").lower()
