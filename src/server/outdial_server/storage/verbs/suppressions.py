"""The do-not-call list: kept, and looked up for those who are about to be dialled.

Whoever is on it before a claim is skipped there. An entry that comes between claim and
SENDING takes the claim away; one that a claim has just missed is found at SENDING. Both hold
because an entry is made with the account's ledger locked, which a claim holds as well: a
claim is seen here, or sees the entry when it is sent.
"""

from collections.abc import Collection, Sequence
from typing import Final

from outdial_server.domain.call import CallState
from outdial_server.domain.errors import Reason
from outdial_server.domain.ids import AccountId, SuppressionId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.domain.suppression import Suppression, SuppressionFields, renewed
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import (
    id_or_not_found,
    micros_or_none,
    moment,
    moment_or_none,
    not_found,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.ledger import lock_slots
from outdial_server.storage.verbs.paging import key_of, page_of
from outdial_server.storage.verbs.sending import release_claims
from outdial_server.storage.verbs.suppressed import (
    NORMAL_FORM,
    addresses_json,
    among_addresses,
)

_SELECT: Final = (
    "SELECT p.key, p.id, a.id AS account_id, p.address, p.source, p.reason, p.expires_us, "
    "p.created_us FROM suppressions p JOIN accounts a ON a.key = p.account_key "
    "WHERE p.account_key = :account "
)


def _suppression(row: Row) -> Suppression:
    return Suppression(
        SuppressionId(unpack_id(row.id)),
        AccountId(unpack_id(row.account_id)),
        row.address,
        SuppressionFields(row.source, row.reason, moment_or_none(row.expires_us)),
        moment(row.created_us),
    )


_COLUMNS: Final = (
    "id",
    "account_key",
    "address",
    "source",
    "reason",
    "expires_us",
    "created_us",
)


def put_suppressions(
    tx: Tx, account_id: AccountId, addresses: Sequence[str], fields: SuppressionFields
) -> tuple[list[Suppression], int]:
    """Entries for these addresses, in their order, and how many of them are new."""
    account = account_key(tx, account_id)
    lock_list(tx, account)
    present = {row.address: row for row in _of_addresses(tx, account, addresses)}
    _renew(tx, list(present.values()), fields)
    fresh = [address for address in addresses if address not in present]
    tx.insert(
        "suppressions",
        _COLUMNS,
        [
            (
                pack_id(new_id),
                account,
                address,
                fields.source,
                fields.reason,
                micros_or_none(fields.expires_at),
                tx.now_us,
            )
            for new_id, address in zip(tx.ids.new_ids(len(fresh)), fresh, strict=True)
        ],
    )
    count_entries(tx, account, len(fresh))
    release_claims(tx, _claims_on(tx, account, addresses))
    made = {row.address: _suppression(row) for row in _of_addresses(tx, account, addresses)}
    return [made[address] for address in addresses], len(fresh)


def lock_list(tx: Tx, account: int) -> None:
    """The account before its ledger, as when its limits change."""
    if tx.dialect.locks_rows:
        tx.all(f"SELECT key FROM accounts WHERE key = :key {tx.dialect.for_update()}", key=account)
    lock_slots(tx, [SlotScope(ScopeKind.ACCOUNT, account)])


def _of_addresses(tx: Tx, account: int, addresses: Collection[str]) -> Sequence[Row]:
    return tx.all(
        f"{_SELECT}AND {among_addresses(tx, 'p.address')}",
        account=account,
        addresses=addresses_json(addresses),
    )


_RENEWED: Final = (
    ("key", Kind.INT),
    ("source", Kind.TEXT),
    ("reason", Kind.TEXT),
    ("expires", Kind.INT),
)


def _renew(tx: Tx, rows: Sequence[Row], fields: SuppressionFields) -> None:
    sql = tx.dialect.update_each(
        "suppressions",
        "source = r.source, reason = r.reason, expires_us = r.expires",
        "suppressions.key = r.key",
        _RENEWED,
    )
    values = []
    for row in rows:
        after = renewed(_suppression(row).fields, fields)
        values.append((row.key, after.source, after.reason, micros_or_none(after.expires_at)))
    tx.update_each(sql, values)


def count_entries(tx: Tx, account: int, delta: int) -> None:
    tx.run(
        "UPDATE accounts SET suppressions = suppressions + :delta WHERE key = :account",
        delta=delta,
        account=account,
    )


def _claims_on(tx: Tx, account: int, addresses: Collection[str]) -> list[tuple[int, int]]:
    """By call key and fence. Claims hold leases, and those are few."""
    rows = tx.all(
        "SELECT c.key, c.fence FROM calls c JOIN scheduled_calls s ON s.key = c.scheduled_key "
        f"WHERE c.trusted_until_us IS NOT NULL AND c.account_key = :account "
        f"AND c.state = {int(CallState.CLAIMED)} AND c.holds_slot = 1 "
        f"AND {among_addresses(tx, NORMAL_FORM)}",
        account=account,
        addresses=addresses_json(addresses),
    )
    return [(row.key, row.fence) for row in rows]


def get_suppression(tx: Tx, account_id: AccountId, suppression_id: SuppressionId) -> Suppression:
    return _suppression(_find(tx, account_id, suppression_id))


def _find(tx: Tx, account_id: AccountId, suppression_id: SuppressionId) -> Row:
    packed = id_or_not_found(suppression_id, Reason.SUPPRESSION_NOT_FOUND, "suppression")
    row = tx.one_or_none(_SELECT + "AND p.id = :id", account=account_key(tx, account_id), id=packed)
    if row is None:
        raise not_found(Reason.SUPPRESSION_NOT_FOUND, "suppression", suppression_id)
    return row


def list_suppressions(
    tx: Tx, account_id: AccountId, page: PageRequest, address: str, source: str
) -> Page[Suppression]:
    filters = {"address": address, "source": source}
    given = {name: text for name, text in filters.items() if text}
    named = "".join(f"AND p.{name} = :{name} " for name in given)
    rows = tx.all(
        f"{_SELECT}{named}AND p.key > :after ORDER BY p.key LIMIT :limit",
        account=account_key(tx, account_id),
        after=key_of("suppressions", page.token) or 0,
        limit=page.size + 1,
        **given,
    )
    return page_of("suppressions", page, rows, _suppression)


def delete_suppression(tx: Tx, account_id: AccountId, suppression_id: SuppressionId) -> None:
    account = account_key(tx, account_id)
    lock_list(tx, account)
    row = _find(tx, account_id, suppression_id)
    tx.run("DELETE FROM suppressions WHERE key = :key", key=row.key)
    count_entries(tx, account, -1)
