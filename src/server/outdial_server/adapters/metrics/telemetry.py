"""Telemetry, counted for Prometheus. docs/metrics.md lists what is here."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry

from outdial_server.adapters.metrics.instruments import (
    ITEMS,
    Cell,
    Counting,
    Level,
    Spread,
    Spreads,
)
from outdial_server.domain.call import Disposition
from outdial_server.domain.event import EventType
from outdial_server.domain.imports import ImportState
from outdial_server.domain.obstacle import Obstacle
from outdial_server.domain.reconciliation import Sighting
from outdial_server.domain.report import ReportKind
from outdial_server.domain.slots import ScopeKind
from outdial_server.ports.carrier import Accepted, DialResult, NotSent, Refused
from outdial_server.ports.dispatch import Applied, ClaimedCall, Reaped
from outdial_server.ports.retention import Erased
from outdial_server.ports.telemetry import CallbackOutcome, Happened, Transaction

REASONS_MOST: Final = 64
"""Reasons are an adapter's: a carrier that makes them up must not make series without end."""

_OTHER: Final = "OTHER"

RESOLUTION: Final[Mapping[ReportKind, str]] = {
    ReportKind.ACCEPTED: "found",
    ReportKind.RINGING: "found",
    ReportKind.ANSWERED: "found",
    ReportKind.ENDED: "found",
    # The answer to the request, after all.
    ReportKind.NOT_SENT: "refused",
    ReportKind.REFUSED: "refused",
    ReportKind.NOT_PLACED: "not_placed",
    ReportKind.PRESUMED_ENDED: "presumed",
    ReportKind.UNJOINED: "presumed",
    ReportKind.DIAL_AGAIN: "person",
    ReportKind.GIVE_UP: "person",
    ReportKind.PLACED: "person",
}

_READY_AT: Final = attrgetter("ready_at")
_CLAIMED_AT: Final = attrgetter("claimed_at")

_CALL_OVER: Final = (int(EventType.CALL_ENDED), int(EventType.CALL_PRESUMED_ENDED))


class PrometheusTelemetry:
    def __init__(self, registry: CollectorRegistry) -> None:
        dials = _Dials(registry)
        # Without a call in between: one comes for each dial.
        self.dials_let_go = dials.let_go
        self.dial_ended = dials.ended
        self._log = _EventLog(registry)
        self._transactions = _Transactions(registry, self._log)
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


class _Dials:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._dials = Counting(
            registry,
            "outdial_dials_total",
            "Requests to carriers that came to an end.",
            ["ending", "fault", "reason"],
        )
        self._accepted = self._dials.of("accepted", "none", "none")
        self._wake = Spreads(
            registry,
            "outdial_wake_to_dial_seconds",
            "From when a call could have been claimed until its request was let go.",
        ).of()
        self._claim = Spreads(
            registry,
            "outdial_claim_to_dial_seconds",
            "From a call's claim until its request was let go.",
        ).of()
        answers = Spreads(
            registry,
            "outdial_dial_answer_seconds",
            "From a request's being let go until its carrier's answer, or the lack of one.",
            ["ending"],
        )
        self._accepted_after = answers.of("accepted")
        self._answers = answers

    def let_go(self, calls: Sequence[ClaimedCall], at: datetime) -> None:
        # Moments are mostly those of a whole claim: once for all calls that share them.
        for ready_at, alike in groupby(calls, _READY_AT):
            self._wake.observe((at - ready_at).total_seconds(), len(list(alike)))
        for claimed_at, alike in groupby(calls, _CLAIMED_AT):
            self._claim.observe((at - claimed_at).total_seconds(), len(list(alike)))

    def ended(self, result: DialResult, took: timedelta) -> None:
        if isinstance(result, Accepted):
            self._accepted.value += 1
            self._accepted_after.observe(took.total_seconds())
            return
        fault = "none"
        if isinstance(result, Refused):
            ending, fault = "refused", result.fault.name.lower()
        else:
            ending = "not_sent" if isinstance(result, NotSent) else "unclear"
        self._not_accepted(ending, fault, result.reason).value += 1
        self._answers.of(ending).observe(took.total_seconds())

    def _not_accepted(self, ending: str, fault: str, reason: str) -> Cell:
        if len(self._dials) >= REASONS_MOST:
            known = {values for values, _ in self._dials.series()}
            reason = reason if (ending, fault, reason) in known else _OTHER
        return self._dials.of(ending, fault, reason)


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


class _EventLog:
    """What transactions wrote into the event log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        appended = Counting(
            registry, "outdial_events_appended_total", "Events written to the log.", ["type"]
        )
        self._appended = {int(type_): appended.of(type_.name.lower()) for type_ in EventType}
        ended = Counting(
            registry, "outdial_calls_ended_total", "Calls that ended.", ["disposition"]
        )
        self._ended = {int(how): ended.of(how.name.lower()) for how in Disposition}
        resolved = Counting(
            registry,
            "outdial_unknown_calls_resolved_total",
            "Calls that were UNKNOWN, by what settled them.",
            ["by"],
        )
        self._resolved = {kind: resolved.of(by) for kind, by in RESOLUTION.items()}
        staged = Counting(
            registry, "outdial_staged_rows_total", "Rows written for batches and imports."
        )
        self._staged = staged.of()
        imports = Counting(
            registry, "outdial_imports_total", "Imports that came to an end.", ["state"]
        )
        self._imports = {state: imports.of(state.name.lower()) for state in ImportState}
        trips = Counting(
            registry,
            "outdial_breaker_trips_total",
            "How often a carrier config or a phone number was put out of use.",
            ["scope"],
        )
        self._trips = {
            kind: trips.of(kind.name.lower())
            for kind in (ScopeKind.CARRIER_CONFIG, ScopeKind.PHONE_NUMBER)
        }
        self._slowed = Counting(
            registry, "outdial_carrier_slowdowns_total", "How often a carrier config's rate fell."
        ).of()

    def add(self, happened: Happened) -> None:
        for (type_, disposition), count in happened.events.items():
            self._appended[type_].value += count
            if disposition is not None and type_ in _CALL_OVER:
                self._ended[disposition].value += count
        for kind, count in happened.resolved.items():
            self._resolved[kind].value += count
        self._staged.value += happened.rows_staged
        for state, count in happened.imports.items():
            self._imports[state].value += count
        for scope, trips in happened.trips.items():
            self._trips[scope].value += trips
        self._slowed.value += happened.slowed


class _Transactions:
    def __init__(self, registry: CollectorRegistry, log: _EventLog) -> None:
        self.log = log
        self.waits = Spreads(
            registry,
            "outdial_transaction_wait_seconds",
            "How long writing transactions waited for the writer.",
        ).of()
        self._seconds = Spreads(
            registry,
            "outdial_transaction_seconds",
            "How long writing transactions took once they had the writer, commit included.",
            ["verb"],
        )
        self._items = Spreads(
            registry,
            "outdial_group_items",
            "How many calls, reports or callbacks one transaction took together.",
            ["verb"],
            ITEMS,
        )
        self._rolled_back = Counting(
            registry,
            "outdial_transactions_rolled_back_total",
            "Writing transactions that were refused or failed.",
            ["verb"],
        )
        self._verbs: dict[str, _Verb] = {}

    def asked(self, name: str) -> Transaction:
        verb = self._verbs.get(name)
        if verb is None:
            verb = self._verbs[name] = _Verb(
                self, self._seconds.of(name), self._rolled_back.of(name), self._items, name
            )
        return _Timed(verb)


class _Verb:
    """The series of one verb."""

    def __init__(
        self, owner: _Transactions, seconds: Spread, rolled_back: Cell, items: Spreads, name: str
    ) -> None:
        self.log = owner.log
        self.waits = owner.waits
        self.seconds = seconds
        self.rolled_back = rolled_back
        self._items = items
        self._name = name

    def took(self, group_size: int) -> None:
        self._items.of(self._name).observe(group_size)


class _Timed:
    """A transaction on its way."""

    __slots__ = ("_asked", "_begun", "_verb")

    def __init__(self, verb: _Verb) -> None:
        self._verb = verb
        self._asked = perf_counter()
        self._begun = 0.0

    def begun(self, group_size: int | None = None) -> None:
        if self._begun:
            return
        self._begun = perf_counter()
        self._verb.waits.observe(self._begun - self._asked)
        if group_size is not None:
            self._verb.took(group_size)

    def committed(self, happened: Happened) -> None:
        self._verb.seconds.observe(perf_counter() - self._begun)
        self._verb.log.add(happened)

    def rolled_back(self) -> None:
        self._verb.seconds.observe(perf_counter() - self._begun)
        self._verb.rolled_back.value += 1
