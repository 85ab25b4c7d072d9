"""What transactions wrote, counted for Prometheus."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry

from outdial_server.adapters.metrics.instruments import Counting
from outdial_server.domain.call import Disposition
from outdial_server.domain.event import EventType
from outdial_server.domain.imports import ImportState
from outdial_server.domain.report import ReportKind
from outdial_server.domain.slots import ScopeKind
from outdial_server.ports.telemetry import Happened

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

_CALL_OVER: Final = (int(EventType.CALL_ENDED), int(EventType.CALL_PRESUMED_ENDED))


class EventLog:
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
