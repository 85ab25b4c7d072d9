"""Lists that broke off: what was staged of them is erased, in groups."""

from datetime import timedelta

from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.storage.encoding import LAST_ID, first_id_at, micros
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import find_batch
from outdial_server.storage.verbs.imports import erase_unended, unended_imports
from outdial_server.storage.verbs.rotations import erase_rotation
from outdial_server.storage.verbs.row_configs import erase_row_configs
from outdial_server.storage.verbs.staging import STALE_AFTER, Staged, is_in_place


def clear_the_way(tx: Tx, account_id: AccountId, batch_id: BatchId, limit: int) -> int:
    """Erases up to `limit` rows of a list that broke off, the last first. Unless nobody else
    can be at work, young ones are left alone."""
    row = find_batch(tx, account_id, batch_id)
    before = first_id_at(tx.now - STALE_AFTER) if tx.dialect.locks_rows else LAST_ID
    settled = _settled(tx, row.key)
    return (
        0 if settled is None else _erase_behind(tx, row.key, settled.next_position, limit, before)
    )


def erase_staged(tx: Tx, staged: Staged, limit: int) -> int:
    """Up to `limit` of a list's rows and findings, the last rows first, so that the first
    one marks the others as its own to the end. After less than `limit` nothing is left.
    What was revealed after all stays."""
    erased = _erase_rows(tx, staged, limit)
    if erased < limit and staged.import_key is not None:
        erased += erase_unended(tx, staged.import_key, limit - erased)
    return erased


def _erase_rows(tx: Tx, staged: Staged, limit: int) -> int:
    batch = _settled(tx, staged.batch_key)
    if batch is None:
        return 0
    if staged.new is not None:
        return _erase_unrevealed(tx, staged.batch_key, limit, batch)
    if not is_in_place(tx, staged):
        return 0
    return _erase_behind(tx, staged.batch_key, batch.next_position, limit)


def _erase_unrevealed(tx: Tx, batch_key: int, limit: int, batch: Row) -> int:
    if batch.revealed_us is not None:
        return 0
    erased = _erase_behind(tx, batch_key, batch.next_position, limit)
    if erased < limit:
        erase_rotation(tx, batch_key)
        erase_row_configs(tx, batch_key)
        tx.run("DELETE FROM batches WHERE key = :key AND revealed_us IS NULL", key=batch_key)
    return erased


def _settled(tx: Tx, batch_key: int) -> Row | None:
    """What is revealed of a batch. A reveal whose commit is under way, or whose answer was
    lost, holds the row: only behind it is certain what was revealed."""
    return tx.one_or_none(
        "SELECT next_position, revealed_us FROM batches WHERE key = :key "
        f"{tx.dialect.for_update()}",
        key=batch_key,
    )


def _erase_behind(tx: Tx, batch_key: int, end: int, limit: int, before_id: bytes = LAST_ID) -> int:
    return tx.run(
        "DELETE FROM scheduled_calls WHERE key IN (SELECT key FROM scheduled_calls "
        "WHERE batch_key = :key AND position >= :end AND id <= :before "
        "ORDER BY position DESC LIMIT :limit)",
        key=batch_key,
        end=end,
        before=before_id,
        limit=limit,
    )


def sweep_staging(tx: Tx, older_than: timedelta | None, limit: int) -> int:
    """Up to `limit` rows and findings of what broke off, everywhere; 0 when nothing is left.
    Beside other servers a list may still be under way: `older_than` spares it."""
    before_us, before_id = tx.now_us, LAST_ID
    if older_than is not None:
        before_us, before_id = micros(tx.now - older_than), first_id_at(tx.now - older_than)
    erased = 0
    unrevealed = tx.all(
        "SELECT key FROM batches WHERE ended_us IS NULL AND revealed_us IS NULL "
        "AND created_us <= :before ORDER BY key",
        before=before_us,
    )
    for batch in unrevealed:
        settled = _settled(tx, batch.key)
        if settled is not None and erased < limit:
            erased += _erase_unrevealed(tx, batch.key, limit - erased, settled)
    grown = tx.all(
        "SELECT b.key FROM batches b WHERE b.ended_us IS NULL AND b.revealed_us IS NOT NULL "
        "AND EXISTS (SELECT 1 FROM scheduled_calls s WHERE s.batch_key = b.key "
        "AND s.position >= b.next_position AND s.id <= :before) ORDER BY b.key",
        before=before_id,
    )
    for batch in grown:
        settled = _settled(tx, batch.key)
        if settled is not None and erased < limit:
            end = settled.next_position
            erased += _erase_behind(tx, batch.key, end, limit - erased, before_id)
    for import_key in unended_imports(tx, older_than):
        if erased < limit:
            erased += erase_unended(tx, import_key, limit - erased)
    return erased
