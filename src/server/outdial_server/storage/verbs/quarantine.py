"""Whether a database is the one that its servers left, and what is done when it is not."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Final

from outdial_server.domain.call import CallState
from outdial_server.domain.carrier_config import config_ref
from outdial_server.domain.medium import WEBHOOK_CARRIER, Medium
from outdial_server.domain.quarantine import CALLED_BEFORE_FAILOVER, DOUBT_MARGIN, Quarantine
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.ports.carrier import ListedCall
from outdial_server.ports.quarantine import Compared, DoubtedAccount, Doubts
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros, moment, pack_id, unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.ending import SELECT_WAITING, end_rows
from outdial_server.storage.verbs.suppressed import NORMAL_FORM, addresses_json, among_addresses

_TEXT: Final = (("text", Kind.TEXT),)


def may_dial(tx: Tx) -> bool:
    """Asked by each claim, and by SENDING, which is what counts: by the row, and by where this
    transaction is, so that nobody is dialled between a failover and its being noticed."""
    row = _installation(tx)
    return row.quarantined_us is None and not _has_moved(tx, row)


def beat(tx: Tx) -> Quarantine | None:
    """Says that a server was here. The first one behind a failover puts the installation into
    quarantine."""
    row = _installation(tx, lock=True)
    if _has_moved(tx, row):
        _begin(tx, row, row.seen_us - _MARGIN_US)
    _note(tx)
    return read_quarantine(tx)


def note_dialled(tx: Tx) -> None:
    """A file has no timeline: it is known by the last moment at which anybody was dialled by
    it, which stands beside it, too. On PostgreSQL servers would wait for each other here."""
    if not tx.dialect.locks_rows:
        _note(tx)


def is_older(tx: Tx, noted_us: int) -> bool:
    """Whether this file lacks what was done up to `noted_us`. In one without batches, such as a
    new one, nobody waits who may have been called."""
    has_batches = tx.scalar("SELECT 1 FROM batches LIMIT 1") is not None
    return has_batches and bool(_installation(tx).seen_us < noted_us)


def begin_over_older(tx: Tx) -> None:
    row = _installation(tx)
    _begin(tx, row, row.seen_us - _MARGIN_US)
    _note(tx)


def _note(tx: Tx) -> None:
    tx.run(
        "UPDATE installation SET seen_us = :now, timeline = coalesce(:timeline, timeline)",
        now=tx.now_us,
        timeline=tx.timeline or None,
    )
    tx.seen_us = tx.now_us


def read_quarantine(tx: Tx) -> Quarantine | None:
    row = _installation(tx)
    if row.quarantined_us is None:
        return None
    return Quarantine(moment(row.quarantined_us), moment(row.doubt_from_us), tx.now)


def begin(tx: Tx, doubt_from: datetime) -> None:
    _begin(tx, _installation(tx, lock=True), micros(doubt_from))


def lift(tx: Tx, begun_at: datetime | None) -> bool:
    row = _installation(tx, lock=True)
    if row.quarantined_us is None or _has_moved(tx, row):
        return False
    if begun_at is not None and row.quarantined_us != micros(begun_at):
        return False
    tx.run("UPDATE installation SET quarantined_us = NULL, doubt_from_us = NULL")
    return True


_AT_CARRIERS: Final = (CallState.ACCEPTED, CallState.RINGING, CallState.IN_PROGRESS)

_MARGIN_US: Final = DOUBT_MARGIN.total_seconds() * 1_000_000


def _begin(tx: Tx, row: Row, doubt_from_us: float) -> None:
    """Anew where there is one: carriers are to be asked again. What was doubted stays so."""
    doubted = row.doubt_from_us
    tx.run(
        "UPDATE installation SET quarantined_us = :now, doubt_from_us = :doubt_from",
        now=tx.now_us,
        doubt_from=int(doubt_from_us if doubted is None else min(doubted, doubt_from_us)),
    )
    # Their ends may have been told to the database that is gone: nobody tells them again.
    tx.run(
        "UPDATE calls SET trusted_until_us = :now WHERE trusted_until_us > :now "
        f"AND state IN ({', '.join(str(int(state)) for state in _AT_CARRIERS)})",
        now=tx.now_us,
    )


def _installation(tx: Tx, *, lock: bool = False) -> Row:
    row = tx.one_or_none(
        "SELECT seen_us, timeline, quarantined_us, doubt_from_us FROM installation "
        f"{tx.dialect.for_update() if lock else ''}"
    )
    assert row is not None, "a migration makes it"
    return row


def _has_moved(tx: Tx, row: Row) -> bool:
    return bool(tx.timeline) and row.timeline is not None and row.timeline != tx.timeline


def read_doubts(tx: Tx) -> Doubts:
    claimed = tx.scalar(
        f"SELECT 1 FROM calls WHERE trusted_until_us IS NOT NULL "
        f"AND state = {int(CallState.CLAIMED)} LIMIT 1"
    )
    return Doubts(_accounts(tx), claimed is not None)


_IN_DOUBT: Final = (
    "(b.ended_us IS NULL OR b.ended_us >= (SELECT i.doubt_from_us FROM installation i))"
)
"""Of `batches b`: those that have not been over for longer than what is doubted."""


def _accounts(tx: Tx) -> list[DoubtedAccount]:
    """What a batch dials with may have been changed since, and its numbers bring configs of their
    own: so all configs of its account at its carrier, beside those that its people name."""
    batches = tx.all(f"SELECT DISTINCT b.account_key, b.carrier FROM batches b WHERE {_IN_DOUBT}")
    dialled = {(row.account_key, row.carrier) for row in batches}
    dialled = {one for one in dialled if one[1] != WEBHOOK_CARRIER}
    named = tx.all(
        "SELECT DISTINCT o.carrier_config_key AS key FROM configs_of_rows o "
        f"JOIN batches b ON b.key = o.batch_key WHERE {_IN_DOUBT}"
    )
    by_people = {row.key for row in named}
    configs = tx.all(
        "SELECT key, id, account_key, carrier, credentials_sealed IS NOT NULL AS has_credentials "
        "FROM carrier_configs ORDER BY key"
    )
    accounts = [
        DoubtedAccount(row.carrier, config_ref(unpack_id(row.id)), bool(row.has_credentials))
        for row in configs
        if (row.account_key, row.carrier) in dialled or row.key in by_people
    ]
    accounts += [DoubtedAccount(carrier) for carrier in sorted({one[1] for one in dialled})]
    return [*accounts, DoubtedAccount(WEBHOOK_CARRIER)] if _is_told_webhooks(tx) else accounts


def _is_told_webhooks(tx: Tx) -> bool:
    """Whether calls may have been left to a webhook: those of a batch, or of some in it."""
    medium = int(Medium.WEBHOOK)
    found = tx.scalar(
        f"SELECT 1 FROM batches b WHERE {_IN_DOUBT} AND (b.medium = {medium} "
        "OR (b.webhook_url IS NOT NULL AND EXISTS (SELECT 1 FROM scheduled_calls s "
        f"WHERE s.batch_key = b.key AND s.medium = {medium}))) LIMIT 1"
    )
    return found is not None


def compare(tx: Tx, calls: Sequence[ListedCall]) -> Compared:
    known = _known(tx, calls)
    unknown = [c for c in calls if c.call_id not in known and c.carrier_call_id not in known]
    ended = (
        _end_called(tx, sorted({call.address for call in unknown if call.address}))
        if unknown
        else 0
    )
    return Compared(ended, sum(call.is_live for call in unknown))


def _known(tx: Tx, calls: Sequence[ListedCall]) -> set[str]:
    """Their ids, our own and the carrier's, as far as the database knows that they were sent.
    One that it knows as claimed only is one whose SENDING was lost. Without an index by the
    carrier's id: this is done once in a failover."""
    ids = tx.dialect.id_list(_own_ids(calls))
    sent = f"c.state <> {int(CallState.CLAIMED)}"
    ours = tx.all(
        f"SELECT c.id FROM calls c WHERE {tx.dialect.id_in('c.id', 'ids')} AND {sent}", ids=ids
    )
    theirs = tx.all(
        f"SELECT c.carrier_call_id FROM calls c WHERE {sent} AND c.carrier_call_id IN "
        f"(SELECT r.text FROM {tx.dialect.rows('texts', _TEXT)} AS r)",
        texts=json_text([[call.carrier_call_id] for call in calls]),
    )
    return {unpack_id(row.id) for row in ours} | {row.carrier_call_id for row in theirs}


def _own_ids(calls: Sequence[ListedCall]) -> list[bytes]:
    """Others who use the account may have given theirs."""
    found = []
    for call in calls:
        with suppress(ValueError):
            found.append(pack_id(call.call_id))
    return found


def _end_called(tx: Tx, addresses: Sequence[str]) -> int:
    """Of several who wait at one number nobody knows which was called: none is dialled."""
    found = tx.all(
        "SELECT s.key, s.batch_key FROM scheduled_calls s JOIN batches b ON b.key = s.batch_key "
        "WHERE b.ended_us IS NULL AND s.due_us IS NOT NULL AND "
        f"({among_addresses(tx, NORMAL_FORM)} OR {among_addresses(tx, 's.address')})",
        addresses=addresses_json(addresses),
    )
    by_batch: defaultdict[int, list[int]] = defaultdict(list)
    for row in found:
        by_batch[row.batch_key].append(row.key)
    return sum(_end(tx, batch, keys) for batch, keys in sorted(by_batch.items()))


def _end(tx: Tx, batch_key: int, keys: Sequence[int]) -> int:
    rows = tx.all(
        f"{SELECT_WAITING}WHERE s.due_us IS NOT NULL AND s.key IN "
        f"(SELECT r.key FROM {tx.dialect.rows('rows', (('key', Kind.INT),))} AS r) "
        f"ORDER BY s.key {tx.dialect.for_update('s')}",
        rows=json_text([[key] for key in keys]),
    )
    if rows:
        end_rows(
            tx, batch_key, rows, ScheduledCallState.SKIPPED, CALLED_BEFORE_FAILOVER, "SCHEDULER"
        )
    return len(rows)
