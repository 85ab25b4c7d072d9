"""Telemetry, counted for Prometheus. docs/metrics.md lists what is here."""

from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry

from outdial_server.adapters.metrics.dials import Dials
from outdial_server.adapters.metrics.event_log import EventLog
from outdial_server.adapters.metrics.instruments import Counting, Level, Spreads
from outdial_server.adapters.metrics.transactions import Transactions
from outdial_server.domain.obstacle import Obstacle
from outdial_server.domain.reconciliation import Sighting
from outdial_server.ports.dispatch import Applied, Reaped
from outdial_server.ports.retention import Erased
from outdial_server.ports.telemetry import CallbackOutcome, Transaction


class PrometheusTelemetry:
    def __init__(self, registry: CollectorRegistry) -> None:
        dials = Dials(registry)
        # Without a call in between: one comes for each dial.
        self.dials_let_go = dials.let_go
        self.dial_ended = dials.ended
        self._transactions = Transactions(registry, EventLog(registry))
        given_back = Counting(
            registry,
            "outdial_claims_given_back_total",
            "Claimed calls whose batch was stopped before SENDING.",
        )
        self._given_back = given_back.of()
        not_given_back = Counting(
            registry,
            "outdial_claims_give_back_failed_total",
            "Such calls that could not be given back; their leases do it.",
        )
        self._not_given_back = not_given_back.of()
        lookups = Counting(
            registry,
            "outdial_lookups_total",
            "Questions to a carrier about silent and unknown calls.",
            ["sighting"],
        )
        self._lookups = {sighting: lookups.of(sighting.name.lower()) for sighting in Sighting}
        reaped = Counting(
            registry,
            "outdial_leases_reaped_total",
            "Leases that ran out, by the state of their call.",
            ["state"],
        )
        self._reaped_claims, self._reaped_sends = reaped.of("claimed"), reaped.of("sending")
        reports = Counting(
            registry,
            "outdial_reports_total",
            "What was learnt about calls: what changed one, what was late or doubled, and "
            "what the store could not take.",
            ["outcome"],
        )
        self._reports_changed = reports.of("changed")
        self._reports_ignored = reports.of("ignored")
        self._reports_dropped = reports.of("dropped")
        callbacks = Counting(
            registry,
            "outdial_callbacks_received_total",
            "Callbacks at the HTTP port, by what became of them.",
            ["outcome"],
        )
        self._callbacks = {outcome: callbacks.of(outcome.value) for outcome in CallbackOutcome}
        unreadable = Counting(
            registry,
            "outdial_callbacks_unreadable_total",
            "Stored callbacks that their carrier's adapter could not read.",
        )
        self._unreadable = unreadable.of()
        self._webhooks = _Webhooks(registry)
        self.webhook_tried = self._webhooks.tried
        erased = Counting(
            registry,
            "outdial_retention_erased_total",
            "What was erased because it had been kept for long enough.",
            ["kind"],
        )
        self._erased = {kind: erased.of(kind) for kind in Erased().counts()}
        self._failed_ticks = Counting(
            registry,
            "outdial_loop_failures_total",
            "Turns of the engine's loops that ended in an error.",
            ["loop"],
        )
        obstacles = Level(
            registry,
            "outdial_dialling_obstacles",
            "1 while it keeps this server from dialling.",
            ["obstacle"],
        )
        clock_offset = Level(
            registry,
            "outdial_clock_offset_seconds",
            "By how much the database's clock is ahead of this machine's, at least.",
        )
        self._clock_offset = clock_offset.of()
        self._obstacles = {obstacle: obstacles.of(obstacle.value) for obstacle in Obstacle}
        audited_at = Level(
            registry,
            "outdial_ledger_audit_timestamp_seconds",
            "When the slot ledger was last compared with the calls.",
        )
        self._audited_at = audited_at.of()
        faults = Level(
            registry,
            "outdial_ledger_faults",
            "Scopes whose ledger differed from their calls at the last audit.",
        )
        self._faults = faults.of()

    def claims_given_back(self, count: int) -> None:
        self._given_back.value += count

    def giving_back_failed(self, count: int) -> None:
        self._not_given_back.value += count

    def looked_up(self, sighting: Sighting) -> None:
        self._lookups[sighting].value += 1

    def leases_reaped(self, reaped: Reaped) -> None:
        self._reaped_claims.value += reaped.given_back
        self._reaped_sends.value += reaped.unknown

    def ledger_audited(self, at: datetime, faults: int) -> None:
        self._audited_at.value = at.timestamp()
        self._faults.value = faults

    def reports_applied(self, applied: Applied) -> None:
        self._reports_changed.value += applied.changed
        self._reports_ignored.value += applied.ignored

    def report_dropped(self) -> None:
        self._reports_dropped.value += 1

    def callback_received(self, outcome: CallbackOutcome) -> None:
        self._callbacks[outcome].value += 1

    def callback_unreadable(self) -> None:
        self._unreadable.value += 1

    def webhook_given_up(self) -> None:
        self._webhooks.given_up.value += 1

    def erased(self, erased: Erased) -> None:
        for kind, count in erased.counts().items():
            self._erased[kind].value += count

    def tick_failed(self, loop: str) -> None:
        self._failed_ticks.of(loop).value += 1

    def clock_compared(self, ahead_by: timedelta) -> None:
        self._clock_offset.value = ahead_by.total_seconds()

    def obstacle_changed(self, obstacle: Obstacle, *, met: bool) -> None:
        self._obstacles[obstacle].value = int(met)

    def transaction(self, verb: str) -> Transaction:
        return self._transactions.asked(verb)


class _Webhooks:
    def __init__(self, registry: CollectorRegistry) -> None:
        requests = Counting(
            registry,
            "outdial_webhook_requests_total",
            "Events that were posted to endpoints of clients, by whether they were taken.",
            ["outcome"],
        )
        self._delivered, self._failed = requests.of("delivered"), requests.of("failed")
        self.given_up = Counting(
            registry,
            "outdial_webhook_events_given_up_total",
            "Events that an endpoint did not take, and that are tried no more.",
        ).of()
        self._answers = Spreads(
            registry,
            "outdial_webhook_answer_seconds",
            "From a request to an endpoint until its answer, or the lack of one.",
        ).of()

    def tried(self, took: timedelta, *, is_taken: bool) -> None:
        (self._delivered if is_taken else self._failed).value += 1
        self._answers.observe(took.total_seconds())
