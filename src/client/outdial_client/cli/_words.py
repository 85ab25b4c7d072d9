"""Moments, lengths of time, counts and calls in words."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.batch_pb2 import BatchCounts
from outdial.v1.call_pb2 import Call
from outdial.v1.scheduled_call_pb2 import ScheduledCall

from outdial_client.cli._choices import CALL_STATES, DISPOSITIONS


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


def own_reason(call: ScheduledCall) -> str:
    """Why a call is in its state, where that says more than how it ended."""
    says_no_more = call.state_reason == DISPOSITIONS.name(call.disposition)
    return "" if says_no_more else call.state_reason


def labels(metadata: Mapping[str, str]) -> str:
    """Own labels in one text."""
    return ", ".join(f"{name}={text}" for name, text in sorted(metadata.items()))


def calls_of(count: int) -> str:
    """`1 call`, `2 calls`."""
    return f"{count} call" if count == 1 else f"{count} calls"


def call_sentence(call: Call) -> str:
    """One call in a line."""
    ending = f", {DISPOSITIONS.spoken(call.disposition)}" if call.disposition else ""
    return f"Call {call.call_id} is {CALL_STATES.spoken(call.state)}{ending}."
