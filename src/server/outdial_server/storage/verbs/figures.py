"""Figures of the whole database. All from kept counts: nothing here grows with the calls."""

from typing import Final

from outdial_server.domain.batch import BatchState
from outdial_server.domain.ids import AccountId
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.slots import ScopeKind
from outdial_server.domain.webhook import FAILING_FROM
from outdial_server.ports.figures import AccountSlots, Figures, SlotFigures, WebhookFigures
from outdial_server.storage.encoding import unpack_id
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.counting import COUNT_OF_STATE

WEBHOOK_TURNS_MOST: Final = 10_000
"""Some 20 ms of a reader."""

CALLBACKS_MOST: Final = 100_000
"""So many are counted; whoever is so far behind need not know by how much."""

_OPEN_BATCHES: Final = "ended_us IS NULL AND revealed_us IS NOT NULL AND deleted_us IS NULL"
_SHOWN_BATCHES: Final = f"{_OPEN_BATCHES} AND is_direct = 0"
_ROW_STATES: Final = (
    ScheduledCallState.WAITING,
    ScheduledCallState.DIALING,
    ScheduledCallState.IN_PROGRESS,
)


def read_figures(tx: Tx, accounts_most: int) -> Figures:
    batches = _batches(tx)
    callbacks, oldest_seconds = _callbacks(tx)
    return Figures(
        slots=tuple(_slots(tx, kind) for kind in ScopeKind),
        accounts=_accounts(tx, accounts_most),
        batches=batches,
        rows=_rows(tx),
        unknown=_unknown(tx),
        callbacks=callbacks,
        oldest_callback_seconds=oldest_seconds,
        webhooks=_webhooks(tx),
        database_bytes=tx.scalar(tx.dialect.size_in_bytes()),
    )


def _slots(tx: Tx, kind: ScopeKind) -> SlotFigures:
    # Scopes of batches that have ended stay in the ledger, and are many.
    among = (
        "AND owner IN (SELECT key FROM batches WHERE ended_us IS NULL AND is_direct = 0)"
        if kind is ScopeKind.BATCH
        else ""
    )
    row = tx.one_or_none(
        "SELECT coalesce(SUM(used), 0) AS used, coalesce(SUM(target_cap), 0) AS cap, "
        "coalesce(SUM(CASE WHEN used >= target_cap THEN 1 ELSE 0 END), 0) AS full_scopes "
        f"FROM slots WHERE kind = :kind {among}",
        kind=int(kind),
    )
    assert row is not None, "sums have a row"
    return SlotFigures(kind, int(row.used), int(row.cap), int(row.full_scopes))


def _accounts(tx: Tx, most: int) -> tuple[AccountSlots, ...]:
    rows = tx.all(
        "SELECT a.id, s.used, s.target_cap FROM slots s JOIN accounts a ON a.key = s.owner "
        "WHERE s.kind = :kind ORDER BY s.owner LIMIT :most",
        kind=int(ScopeKind.ACCOUNT),
        most=most,
    )
    return tuple(AccountSlots(AccountId(unpack_id(r.id)), r.used, r.target_cap) for r in rows)


def _batches(tx: Tx) -> dict[BatchState, int]:
    rows = tx.all(
        f"SELECT state, COUNT(*) AS batches FROM batches WHERE {_SHOWN_BATCHES} GROUP BY state"
    )
    counted = {BatchState(row.state): row.batches for row in rows}
    return {state: counted.get(state, 0) for state in BatchState}


def _rows(tx: Tx) -> dict[ScheduledCallState, int]:
    names = {state: COUNT_OF_STATE[state] for state in _ROW_STATES}
    sums = ", ".join(f"coalesce(SUM({name}), 0) AS {name}" for name in names.values())
    row = tx.one_or_none(f"SELECT {sums} FROM batches WHERE {_OPEN_BATCHES}")
    assert row is not None, "sums have a row"
    return {state: int(getattr(row, name)) for state, name in names.items()}


def _unknown(tx: Tx) -> int:
    # Those of deleted batches too: somebody's phone may be ringing.
    return int(tx.scalar("SELECT coalesce(SUM(unknown), 0) FROM batches WHERE ended_us IS NULL"))


def _callbacks(tx: Tx) -> tuple[int, float]:
    count: int = tx.scalar(
        "SELECT COUNT(*) FROM (SELECT 1 FROM callbacks LIMIT :most) AS pending",
        most=CALLBACKS_MOST,
    )
    oldest_us: int | None = tx.scalar("SELECT received_us FROM callbacks ORDER BY key LIMIT 1")
    waited_us = 0 if oldest_us is None else max(0, tx.now_us - oldest_us)
    return count, waited_us / 1e6


def _webhooks(tx: Tx) -> WebhookFigures:
    failing: int = tx.scalar(
        "SELECT COUNT(*) FROM webhooks WHERE active = 1 AND failures >= :least",
        least=FAILING_FROM,
    )
    row = tx.one_or_none(
        "SELECT COUNT(*) AS turns, MIN(e.at_us) AS oldest_us FROM ("
        "SELECT t.batch_key, t.seq FROM webhook_turns t JOIN batches b ON b.key = t.batch_key "
        "WHERE b.event_seq > t.seq AND b.erasure IS NULL ORDER BY t.batch_key LIMIT :most) p "
        "LEFT JOIN events e ON e.batch_key = p.batch_key AND e.seq = p.seq + 1",
        most=WEBHOOK_TURNS_MOST,
    )
    assert row is not None, "counts have a row"
    waited_us = 0 if row.oldest_us is None else max(0, tx.now_us - row.oldest_us)
    return WebhookFigures(failing, row.turns, waited_us / 1e6)
