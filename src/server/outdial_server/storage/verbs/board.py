"""The batches of an account, looked at for those who watch them all."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from outdial_server.domain.batch import Batch
from outdial_server.domain.errors import Reason
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.ports.board import ENDED_MAX, FOLLOWED_MAX, Look, Selection, Standing
from outdial_server.storage.encoding import (
    id_or_not_found,
    micros,
    moment_or_none,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.batch_rows import SELECT_BATCH, batch_from

_VISIBLE: Final = "b.is_direct = 0 AND b.revealed_us IS NOT NULL AND b.deleted_us IS NULL "
_OF_ACCOUNT: Final = "AND b.account_key = :account "
# The sign keeps both databases off the index by account: it has all that ever ended.
_OF_ACCOUNT_BESIDE: Final = "AND +b.account_key = :account "
_SELECT: Final = f"SELECT b.id, b.event_seq, b.ended_us FROM batches b WHERE {_VISIBLE}"
_OF_AGENT: Final = "AND b.agent_key = (SELECT key FROM agents WHERE id = :agent) "


def look_at_batches(
    tx: Tx, selection: Selection, known: Collection[BatchId], ended_since: datetime | None
) -> Look:
    account = account_key(tx, selection.account_id)
    if selection.batch_ids:
        return Look(tx.now, _named(tx, account, selection.batch_ids), {}, {})
    open_ = f"{_OF_ACCOUNT_BESIDE}AND b.ended_us IS NULL ORDER BY b.key DESC"
    unfinished = _select(tx, account, selection, open_, FOLLOWED_MAX + 1)
    followed = _standings(unfinished[:FOLLOWED_MAX])
    ended = {} if ended_since is None else _ended(tx, account, selection, ended_since)
    others = [id_ for id_ in known if id_ not in followed and id_ not in ended]
    is_truncated = len(unfinished) > FOLLOWED_MAX
    return Look(tx.now, followed, ended, _named(tx, account, others), is_truncated)


def read_batches(tx: Tx, account_id: AccountId, batch_ids: Collection[BatchId]) -> Sequence[Batch]:
    rows = tx.all(
        f"{SELECT_BATCH}WHERE {_VISIBLE}{_OF_ACCOUNT_BESIDE}AND {tx.dialect.id_in('b.id', 'ids')}",
        account=account_key(tx, account_id),
        ids=tx.dialect.id_list(_packed(batch_ids)),
    )
    found = {batch.batch_id: batch for batch in map(batch_from, rows)}
    return [found[batch_id] for batch_id in batch_ids if batch_id in found]


def _ended(
    tx: Tx, account: int, selection: Selection, since: datetime
) -> Mapping[BatchId, Standing]:
    # `erasure` is named for the index by account and end.
    ended = f"{_OF_ACCOUNT}AND b.erasure IS NULL AND b.ended_us > :since ORDER BY b.ended_us DESC"
    return _standings(_select(tx, account, selection, ended, ENDED_MAX, since=micros(since)))


def _named(tx: Tx, account: int, batch_ids: Collection[BatchId]) -> Mapping[BatchId, Standing]:
    if not batch_ids:
        return {}
    rows = tx.all(
        f"{_SELECT}{_OF_ACCOUNT_BESIDE}AND {tx.dialect.id_in('b.id', 'ids')}",
        account=account,
        ids=tx.dialect.id_list(_packed(batch_ids)),
    )
    return _standings(rows)


def _select(
    tx: Tx, account: int, selection: Selection, rest: str, limit: int, **parameters: Any
) -> Sequence[Row]:
    of_agent = ""
    if selection.agent_id is not None:
        of_agent = _OF_AGENT
        parameters["agent"] = id_or_not_found(selection.agent_id, Reason.AGENT_NOT_FOUND, "agent")
    return tx.all(
        f"{_SELECT}{of_agent}{rest} LIMIT :limit", account=account, limit=limit, **parameters
    )


def _standings(rows: Sequence[Row]) -> Mapping[BatchId, Standing]:
    return {
        BatchId(unpack_id(row.id)): Standing(row.event_seq, moment_or_none(row.ended_us))
        for row in rows
    }


def _packed(batch_ids: Collection[BatchId]) -> list[bytes]:
    """What is no UUID is the id of nothing."""
    packed = []
    for batch_id in batch_ids:
        try:
            packed.append(pack_id(batch_id))
        except ValueError:
            continue
    return packed
