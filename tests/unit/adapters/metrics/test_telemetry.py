"""What is counted of what happened."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from outdial_server.adapters.metrics import PrometheusTelemetry
from outdial_server.adapters.metrics.dials import REASONS_MOST
from outdial_server.adapters.metrics.event_log import RESOLUTION
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.event import EventType
from outdial_server.domain.report import Fault, ReportKind
from outdial_server.domain.transition import CALL_TRANSITIONS
from outdial_server.ports.carrier import Accepted, DialResult, NotSent, Refused, Unclear
from outdial_server.ports.telemetry import Happened

TOOK = timedelta(milliseconds=20)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def telemetry(registry: CollectorRegistry) -> PrometheusTelemetry:
    return PrometheusTelemetry(registry)


@pytest.mark.parametrize(
    ("result", "ending", "fault", "reason"),
    [
        (Accepted("c-1"), "accepted", "none", "none"),
        (NotSent("THROTTLED"), "not_sent", "none", "THROTTLED"),
        (Refused("HTTP_401", Fault.CONFIGURATION), "refused", "configuration", "HTTP_401"),
        (Unclear("TIMEOUT"), "unclear", "none", "TIMEOUT"),
    ],
)
def test_a_dial_is_counted_by_how_it_ended(
    telemetry: PrometheusTelemetry,
    registry: CollectorRegistry,
    result: DialResult,
    ending: str,
    fault: str,
    reason: str,
) -> None:
    telemetry.dial_ended(result, TOOK)
    labels = {"ending": ending, "fault": fault, "reason": reason}
    assert registry.get_sample_value("outdial_dials_total", labels) == 1
    seconds = registry.get_sample_value("outdial_dial_answer_seconds_sum", {"ending": ending})
    assert seconds == pytest.approx(0.02)


def test_a_carrier_that_makes_reasons_up_makes_no_series_without_end(
    telemetry: PrometheusTelemetry, registry: CollectorRegistry
) -> None:
    telemetry.dial_ended(Unclear("KNOWN"), TOOK)
    for number in range(10 * REASONS_MOST):
        telemetry.dial_ended(Unclear(f"REASON_{number}"), TOOK)
    telemetry.dial_ended(Unclear("KNOWN"), TOOK)
    (dials,) = [m for m in registry.collect() if m.name == "outdial_dials"]
    by_reason = {s.labels["reason"]: s.value for s in dials.samples}
    assert len(by_reason) <= REASONS_MOST + 1
    assert by_reason["KNOWN"] == 2
    assert sum(by_reason.values()) == 10 * REASONS_MOST + 2


def test_what_happened_is_counted_once_it_has_committed(
    telemetry: PrometheusTelemetry, registry: CollectorRegistry
) -> None:
    happened = Happened(rows_staged=7)
    ended = (int(EventType.CALL_ENDED), int(Disposition.BUSY))
    # The last call's disposition is in the event of a row that ended without one.
    expired = (int(EventType.SCHEDULED_CALL_ENDED), int(Disposition.BUSY))
    happened.events.update({ended: 3, expired: 1, (int(EventType.CALL_SENDING), None): 2})
    happened.resolved[ReportKind.NOT_PLACED] = 1
    lost = telemetry.transaction("apply_reports")
    lost.begun(3)
    lost.rolled_back()
    assert registry.get_sample_value("outdial_calls_ended_total", {"disposition": "busy"}) == 0
    kept = telemetry.transaction("apply_reports")
    kept.begun(3)
    kept.committed(happened)
    assert registry.get_sample_value("outdial_calls_ended_total", {"disposition": "busy"}) == 3
    events = {"type": "call_sending"}
    assert registry.get_sample_value("outdial_events_appended_total", events) == 2
    by = {"by": "not_placed"}
    assert registry.get_sample_value("outdial_unknown_calls_resolved_total", by) == 1
    assert registry.get_sample_value("outdial_staged_rows_total") == 7
    verb = {"verb": "apply_reports"}
    assert registry.get_sample_value("outdial_transactions_rolled_back_total", verb) == 1
    assert registry.get_sample_value("outdial_transaction_seconds_count", verb) == 2
    assert registry.get_sample_value("outdial_group_items_sum", verb) == 6


def test_every_way_out_of_unknown_has_a_name() -> None:
    assert CALL_TRANSITIONS[CallState.UNKNOWN].keys() <= RESOLUTION.keys()


def test_a_transaction_that_is_tried_again_has_waited_once(
    telemetry: PrometheusTelemetry, registry: CollectorRegistry
) -> None:
    transaction = telemetry.transaction("claim")
    transaction.begun()
    transaction.begun()
    transaction.committed(Happened())
    assert registry.get_sample_value("outdial_transaction_wait_seconds_count") == 1


def test_requests_to_endpoints_are_counted_by_whether_they_were_taken(
    telemetry: PrometheusTelemetry, registry: CollectorRegistry
) -> None:
    for is_taken in (True, False, False):
        telemetry.webhook_tried(TOOK, is_taken=is_taken)
    telemetry.webhook_given_up()
    requests = "outdial_webhook_requests_total"
    assert registry.get_sample_value(requests, {"outcome": "delivered"}) == 1
    assert registry.get_sample_value(requests, {"outcome": "failed"}) == 2
    assert registry.get_sample_value("outdial_webhook_events_given_up_total") == 1
    assert registry.get_sample_value("outdial_webhook_answer_seconds_count") == 3
