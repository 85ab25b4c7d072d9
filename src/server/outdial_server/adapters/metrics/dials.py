"""Requests to carriers, counted for Prometheus."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter
from typing import Final

from prometheus_client import CollectorRegistry

from outdial_server.adapters.metrics.instruments import Cell, Counting, Spreads
from outdial_server.ports.carrier import Accepted, DialResult, NotSent, Refused
from outdial_server.ports.dispatch import ClaimedCall

REASONS_MOST: Final = 64
"""Reasons are an adapter's: a carrier that makes them up must not make series without end."""

_OTHER: Final = "OTHER"

_READY_AT: Final = attrgetter("ready_at")
_CLAIMED_AT: Final = attrgetter("claimed_at")


class Dials:
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
