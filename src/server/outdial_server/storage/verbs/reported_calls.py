"""Calls that reports tell of, read and locked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache
from typing import Final

from outdial_server.domain.batch_policies import ConfigErrorPolicy, UnknownPolicy
from outdial_server.domain.call import CallState, CallTimes, Disposition
from outdial_server.domain.medium import Medium
from outdial_server.domain.report import CallReport
from outdial_server.domain.retry_policy import RetryTerms
from outdial_server.domain.scheduled_call import DispatchOutcome
from outdial_server.domain.transition import TELLS_THE_END, CallFacts, Transition
from outdial_server.storage.encoding import by_number
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.ledger import OWNER_COLUMNS, lock_slots_of_calls
from outdial_server.storage.verbs.retry_terms import read_terms
from outdial_server.storage.verbs.troubles import TROUBLE_COLUMNS, TROUBLES_OF_CALLS

_SELECT: Final = (
    f"SELECT c.key, c.id, {OWNER_COLUMNS}, c.scheduled_key, c.attempt, "
    "c.state, c.fence, c.carrier_call_id, c.holds_slot, c.accepted_us, c.answered_us, "
    "c.disposition, "
    "c.ring_timeout_s, c.max_duration_s, c.throttle_key, c.sent_us, c.rate_key, c.rate_us, "
    f"c.number_counted, c.recalled_us, {TROUBLE_COLUMNS}, s.contact_id, s.dispatch_outcome, "
    "coalesce(s.medium, b.medium) AS medium, s.priority, b.unknown_policy, "
    "b.max_calls_per_day, b.time_zone, "
    "b.on_config_error, b.retry_policy_json IS NOT NULL AS has_retry_policy "
    "FROM calls c JOIN scheduled_calls s ON s.key = c.scheduled_key "
    f"JOIN batches b ON b.key = c.batch_key {TROUBLES_OF_CALLS}"
)


@dataclass(slots=True)
class ReportedCall:
    """One call of the group: as it was read, and as its reports leave it."""

    row: Row
    facts: CallFacts
    # Moments that the reports bring, by column.
    stamps: dict[str, int] = field(default_factory=dict)
    last: Transition | None = None


def read_reported(
    tx: Tx, reports: Mapping[bytes, Sequence[CallReport]]
) -> dict[bytes, ReportedCall]:
    if not reports:
        return {}
    ids = list(reports)
    among = f"WHERE {tx.dialect.id_in('c.id', 'ids')}"
    id_list = tx.dialect.id_list(ids)
    if tx.dialect.locks_rows:
        # The ledger comes before the calls; whom a call counts against never changes while
        # it holds a slot.
        calls = tx.all(f"SELECT DISTINCT {OWNER_COLUMNS} FROM calls c {among}", ids=id_list)
        lock_slots_of_calls(tx, calls)
    # One that was deleted, or whose person was forgotten, has ended and learns no more: not even
    # again the carrier's id, which leads to the number there.
    there = f"{among} AND c.deleted_us IS NULL AND s.address <> ''"
    rows = tx.all(f"{_SELECT}{there} {tx.dialect.lock_in_order('c.key')}", ids=id_list)
    terms = read_terms(tx, [r for r in rows if r.has_retry_policy and _may_end(reports[r.id])])
    return {row.id: ReportedCall(row, _facts(row, terms.get(row.key))) for row in rows}


def _may_end(reports: Sequence[CallReport]) -> bool:
    return any(report.kind in TELLS_THE_END for report in reports)


def _facts(row: Row, retry: RetryTerms | None) -> CallFacts:
    accepted = row.accepted_us is not None
    return CallFacts(
        state=_CALL_STATES[row.state],
        fence=row.fence,
        carrier_call_id=row.carrier_call_id or "",
        answered=row.answered_us is not None,
        holds_slot=bool(row.holds_slot),
        dispatch_outcome=_ACCEPTED if accepted else _DISPATCH_OUTCOMES[row.dispatch_outcome],
        unknown_policy=_UNKNOWN_POLICIES[row.unknown_policy],
        on_config_error=_CONFIG_ERROR_POLICIES[row.on_config_error],
        times=_times(row.ring_timeout_s, row.max_duration_s),
        retry=retry,
        heard_machine=row.disposition == _MACHINE,
        is_paced=row.carrier_config_key is not None,
        shows_number=row.phone_number_key is not None,
        is_recalled=row.recalled_us is not None,
        medium=_MEDIA[row.medium],
    )


_CALL_STATES: Final = by_number(CallState)
_MEDIA: Final = by_number(Medium)
_DISPATCH_OUTCOMES: Final = by_number(DispatchOutcome)
_UNKNOWN_POLICIES: Final = by_number(UnknownPolicy)
_CONFIG_ERROR_POLICIES: Final = by_number(ConfigErrorPolicy)
# See `domain.transition` for why members have names of their own.
_ACCEPTED: Final = DispatchOutcome.ACCEPTED
_MACHINE: Final = int(Disposition.ANSWERED_MACHINE)


@lru_cache(maxsize=1024)
def _times(ring_timeout_s: int, max_duration_s: int) -> CallTimes:
    return CallTimes(timedelta(seconds=ring_timeout_s), timedelta(seconds=max_duration_s))
