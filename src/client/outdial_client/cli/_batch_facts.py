"""One batch in full, and how long its window must be."""

from outdial.v1.batch_pb2 import Batch, BatchState, Pacing
from outdial.v1.calling_hours_pb2 import ZoneRule
from outdial.v1.window_pb2 import WindowEstimate

from outdial_client._calling_hours import days_text
from outdial_client.cli._choices import BATCH_STATES, LENGTH_SOURCES, MEDIA, ROTATIONS
from outdial_client.cli._facts import Facts, stated, values
from outdial_client.cli._retry_rules import retry_words
from outdial_client.cli._schedule_warnings import warning_of
from outdial_client.cli._words import counts_by_state, labels, moment, span


def batch_facts(batch: Batch) -> Facts:
    """One batch in full; what is unset is left out."""
    counts = ", ".join(f"{name} {n}" for name, n in counts_by_state(batch.counts) if n)
    reason = " ".join(part for part in (batch.state_reason, batch.state_detail) if part)
    facts = [
        ("id", batch.batch_id),
        ("name", batch.display_name),
        ("state", BATCH_STATES.name(batch.state)),
        ("because", reason),
        ("agent", batch.agent_id),
        ("window opens", moment(batch.window_start)),
        ("window closes", moment(batch.window_end)),
        ("hours", _hours(batch)),
        ("calls a day", str(batch.max_calls_per_day or "")),
        ("spread", "over the day" if batch.pacing == Pacing.PACING_SPREAD_OVER_DAYS else ""),
        ("warning", warning_of(batch)),
        ("priority", str(batch.priority or "")),
        ("weight", str(batch.weight or "")),
        ("calls at once", str(batch.max_concurrent_calls or "")),
        ("caller ID", batch.caller_id),
        ("calls from", ", ".join(batch.phone_numbers)),
        ("rotation", _rotation(batch)),
        ("throttle", batch.throttle),
        ("carrier", batch.carrier),
        ("carrier config", batch.carrier_config),
        ("medium", MEDIA.spoken(batch.medium)),
        ("told of its calls", batch.webhook_url),
        ("retries", retry_words(batch.retry_policy)),
        ("calls", f"{batch.counts.total}" + (f": {counts}" if counts else "")),
        ("unknown", str(batch.counts.unknown or "")),
        ("labels", labels(batch.metadata)),
        ("carrier's own", values(batch.carrier_params)),
        ("created", moment(batch.create_time)),
        ("started", moment(batch.start_time)),
        ("all dispatched", moment(batch.dispatch_end_time)),
        ("ended", moment(batch.end_time)),
    ]
    return stated(facts)


def is_idle(batch: Batch) -> bool:
    """People wait, and nobody is being called. A draft says so by its state."""
    counts = batch.counts
    is_called = counts.dialing + counts.in_progress > 0
    return counts.waiting > 0 and not is_called and batch.state in _UNDER_WAY


_UNDER_WAY = frozenset(
    {
        BatchState.BATCH_STATE_SCHEDULED,
        BatchState.BATCH_STATE_RUNNING,
        BatchState.BATCH_STATE_PAUSED,
    }
)


def _rotation(batch: Batch) -> str:
    return ROTATIONS.spoken(batch.rotation) if batch.phone_numbers else ""


def estimate_facts(told: WindowEstimate) -> Facts:
    """The smallest window for so many people."""
    length = told.expected_call_duration.ToTimedelta()
    smallest = span(told.smallest_window.ToTimedelta()) if told.smallest_window.seconds else ""
    facts = [
        ("calls", str(told.call_count)),
        ("begins", moment(told.begin_time)),
        ("smallest window", smallest or "more than three years"),
        ("ends at the earliest", moment(told.earliest_window_end)),
        ("long enough", "yes" if told.fits else "no"),
        ("calls at once", str(told.slots)),
        ("length of a call", f"{span(length)} ({LENGTH_SOURCES.spoken(told.expected_from)})"),
    ]
    return stated(facts)


def _hours(batch: Batch) -> str:
    zone = batch.time_zone
    if batch.zone_rule == ZoneRule.ZONE_RULE_RECIPIENT_ZONE:
        zone += ", or the number's own"
    if not batch.HasField("calling_hours"):
        return f"at any time ({zone})"
    hours = batch.calling_hours
    return f"{hours.start}-{hours.end} {days_text(hours.days)} ({zone})"
