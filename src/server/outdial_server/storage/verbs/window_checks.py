"""Whether a window is long enough for the people of its batch, by the limits as they are in
the transaction that brings them or changes it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final

from outdial_server.domain.batch import Batch
from outdial_server.domain.call import CallState
from outdial_server.domain.limits import EXPECTED_LENGTH_DEFAULT
from outdial_server.domain.slots import SlotScope, scopes_of
from outdial_server.domain.window_estimate import (
    ExpectedLength,
    LengthSource,
    StartLimit,
    WindowCheck,
    WindowEstimate,
    WindowFault,
    WindowQuestion,
    estimate,
    too_short,
)
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import batch_by_key, batch_from
from outdial_server.storage.verbs.ledger import owners_of_batch
from outdial_server.storage.verbs.throttle_log import rules_from

_BATCHES_MOST: Final = 4
_CALLS_MOST: Final = 500
_CALLS_LEAST: Final = 20
"""The latest calls of the account's newest batches tell how long calls take; fewer than so
many say nothing."""


def check_window(
    tx: Tx, key: int, field: str, leaving: int = 0, zones: AbstractSet[str] = frozenset()
) -> WindowEstimate | None:
    """To be asked when people or a schedule are new. Raises InvalidFieldsError
    (WINDOW_TOO_SHORT) naming `field`, or keeps what the batch's warning says. None for a
    batch that needs no check. `leaving`: who is counted as waiting, and is about to end. `zones`
    are those in which somebody may be called, the batch's own as an empty text; none where
    nobody knows them all."""
    row = batch_by_key(tx, key)
    batch = batch_from(row)
    if not _is_checked(batch, tx.now):
        _keep_warning(tx, key, batch, WindowFault.NONE)
        return None
    found = estimate_window(tx, row, leaving)
    if not found.fits and batch.settings.window_check is WindowCheck.REFUSE:
        raise too_short(found, field)
    fault = WindowFault.NONE if found.fits else WindowFault.TOO_SHORT
    if batch.has_other_zones and zones and not _opens_for_somebody(batch, zones, tx.now):
        fault = WindowFault.OPEN_FOR_NOBODY
    _keep_warning(tx, key, batch, fault)
    return found


def _opens_for_somebody(batch: Batch, zones: AbstractSet[str], now: datetime) -> bool:
    return any(batch.opens_in(zone or batch.settings.time_zone, now) for zone in zones)


def _is_checked(batch: Batch, now: datetime) -> bool:
    """What has ended, or is closing, is past all help."""
    end = batch.settings.window_end
    return end is not None and now < end and batch.ended_at is None and batch.settling_to is None


def _keep_warning(tx: Tx, key: int, batch: Batch, fault: WindowFault) -> None:
    if batch.window_fault is not fault:
        tx.run(
            "UPDATE batches SET window_short = :fault WHERE key = :key", fault=int(fault), key=key
        )


def estimate_window(tx: Tx, row: Row, leaving: int = 0) -> WindowEstimate:
    """For the people of a batch who wait."""
    batch = batch_from(row)
    settings = batch.settings
    question = WindowQuestion(
        people=batch.counts.waiting - leaving,
        begin=max(settings.window_start or tx.now, tx.now),
        time=batch.open_time,
        slots=_fewest_slots(tx, row),
        expected=_expected_length(tx, row, batch),
        rates=_rates(tx, row),
        day_cap=settings.max_calls_per_day,
        dial_day=batch.dial_day,
        dials_on_day=batch.dials_on_day,
        is_spread=settings.is_spread,
    )
    return estimate(question, tx.now)


_NO_KEY: Final = 0

_SCOPE: Final = (("kind", Kind.INT), ("owner", Kind.INT))


def _fewest_slots(tx: Tx, row: Row) -> int | None:
    """Not locked: an estimate, and nothing is taken."""
    scopes: Sequence[SlotScope] = scopes_of(owners_of_batch(row))
    fewest: int | None = tx.scalar(
        "SELECT MIN(s.target_cap) FROM slots s WHERE (s.kind, s.owner) IN "
        f"(SELECT w.kind, w.owner FROM {tx.dialect.rows('scopes', _SCOPE)} w)",
        scopes=json_text([[scope.kind, scope.owner] for scope in scopes]),
    )
    return fewest


def _rates(tx: Tx, row: Row) -> list[StartLimit]:
    """Of the batch's throttle, and of its account at the carrier."""
    throttles = tx.all(
        "SELECT t.rules_json FROM throttles t WHERE t.key IN (:throttle, :rate)",
        throttle=row.throttle_key or _NO_KEY,
        rate=row.rate_key or _NO_KEY,
    )
    return [
        StartLimit(rule.max_calls, rule.window)
        for throttle in throttles
        for rule in rules_from(throttle.rules_json)
    ]


def _expected_length(tx: Tx, row: Row, batch: Batch) -> ExpectedLength:
    settings = batch.settings
    if settings.expected_call_duration is not None:
        return ExpectedLength(settings.expected_call_duration, LengthSource.GIVEN)
    found = _mean_length(tx, row.account_key)
    if found is not None:
        return ExpectedLength(found, LengthSource.HISTORY)
    longest = settings.ring_timeout + settings.max_call_duration
    return ExpectedLength(min(EXPECTED_LENGTH_DEFAULT, longest), LengthSource.DEFAULT)


def _mean_length(tx: Tx, account_key: int) -> timedelta | None:
    """Of the latest calls of one of the account's newest batches, from request to end."""
    batches = tx.all(
        "SELECT b.key FROM batches b WHERE b.account_key = :account "
        "AND b.is_direct = 0 AND b.started_us IS NOT NULL ORDER BY b.key DESC LIMIT :most",
        account=account_key,
        most=_BATCHES_MOST,
    )
    for batch in batches:
        of_batch = tx.one_or_none(
            "SELECT COUNT(*) AS calls, AVG(latest.ended_us - latest.sent_us) AS mean_us FROM "
            "(SELECT c.ended_us, c.sent_us, c.state FROM calls c WHERE c.batch_key = :batch "
            "ORDER BY c.batch_key DESC, c.key DESC LIMIT :most) latest "
            f"WHERE latest.state = {int(CallState.ENDED)} AND latest.sent_us IS NOT NULL "
            "AND latest.ended_us IS NOT NULL",
            batch=batch.key,
            most=_CALLS_MOST,
        )
        if of_batch is not None and of_batch.calls >= _CALLS_LEAST:
            return timedelta(microseconds=max(1, int(of_batch.mean_us)))
    return None
