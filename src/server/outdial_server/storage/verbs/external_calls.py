"""External calls. Whoever changes them holds the account's row of the ledger, so that those of
one account come one after the other; the other scopes are locked behind it, in their order."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from outdial_server.domain.external_call import (
    ExternalCall,
    ExternalReport,
    refuse_more_than_may_be,
)
from outdial_server.domain.ids import AccountId, AgentId, CarrierConfigId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.slots import ScopeKind, SlotOwners, SlotScope, scopes_of
from outdial_server.ports.dispatch import ExternalsFreed
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros, moment, moment_or_none, unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.agents import agent_key
from outdial_server.storage.verbs.carrier_configs import config_of_batch
from outdial_server.storage.verbs.ledger import count_externals, lock_slots, read_slots
from outdial_server.storage.verbs.paging import key_of, page_of

_OWNERS: Final = "x.account_key, x.agent_key, x.carrier_config_key"

_SELECT: Final = (
    f"SELECT x.key, x.external_id, {_OWNERS}, x.created_us, x.expires_us, g.id AS agent_id, "
    "k.id AS config_id FROM external_calls x LEFT JOIN agents g ON g.key = x.agent_key "
    "LEFT JOIN carrier_configs k ON k.key = x.carrier_config_key "
)


def owners_of_external(row: Row) -> SlotOwners:
    return SlotOwners(
        row.account_key, row.agent_key, None, carrier_config_key=row.carrier_config_key
    )


def held_by_externals(tx: Tx) -> dict[SlotOwners, int]:
    """How many there are, by whom they count against."""
    rows = tx.all(f"SELECT {_OWNERS}, COUNT(*) AS held FROM external_calls x GROUP BY {_OWNERS}")
    return {owners_of_external(row): row.held for row in rows}


def report_external_call(tx: Tx, account_id: AccountId, report: ExternalReport) -> ExternalCall:
    account = account_key(tx, account_id)
    agent = None if report.agent_id is None else agent_key(tx, account_id, report.agent_id)
    config = config_of_batch(tx, account, report.carrier_config, "").key
    known = _lock_account(tx, account)
    present = _find(tx, account, report.external_id)
    if present is None:
        refuse_more_than_may_be(known)
    after = SlotOwners(account, agent, None, carrier_config_key=config)
    before = None if present is None else owners_of_external(present)
    if before != after:
        _move_slots(tx, before, after)
    _write(tx, after, report)
    written = _find(tx, account, report.external_id)
    assert written is not None, "it was written in the same transaction"
    return _external_call(written)


def _lock_account(tx: Tx, account: int) -> int:
    """How many are known of it."""
    scope = SlotScope(ScopeKind.ACCOUNT, account)
    return read_slots(tx, [scope])[scope].external


def _find(tx: Tx, account: int, external_id: str) -> Row | None:
    return tx.one_or_none(
        _SELECT + "WHERE x.account_key = :account AND x.external_id = :id",
        account=account,
        id=external_id,
    )


def _move_slots(tx: Tx, before: SlotOwners | None, after: SlotOwners | None) -> None:
    deltas: Counter[SlotScope] = Counter(scopes_of(after) if after else ())
    deltas.subtract(scopes_of(before) if before else ())
    lock_slots(tx, deltas)
    count_externals(tx, deltas)


def _write(tx: Tx, owners: SlotOwners, report: ExternalReport) -> None:
    tx.run(
        "INSERT INTO external_calls (account_key, external_id, agent_key, carrier_config_key, "
        "created_us, expires_us) VALUES (:account, :id, :agent, :config, :now, :expires) "
        "ON CONFLICT (account_key, external_id) DO UPDATE SET agent_key = excluded.agent_key, "
        "carrier_config_key = excluded.carrier_config_key, expires_us = excluded.expires_us",
        account=owners.account_key,
        id=report.external_id,
        agent=owners.agent_key,
        config=owners.carrier_config_key,
        now=tx.now_us,
        expires=micros(tx.now + report.ttl),
    )


def end_external_call(tx: Tx, account_id: AccountId, external_id: str) -> bool:
    account = account_key(tx, account_id)
    _lock_account(tx, account)
    present = _find(tx, account, external_id)
    if present is None:
        return False
    _move_slots(tx, owners_of_external(present), None)
    tx.run("DELETE FROM external_calls WHERE key = :key", key=present.key)
    return True


def list_external_calls(tx: Tx, account_id: AccountId, page: PageRequest) -> Page[ExternalCall]:
    rows = tx.all(
        _SELECT + "WHERE x.account_key = :account AND x.key > :after ORDER BY x.key LIMIT :limit",
        account=account_key(tx, account_id),
        after=key_of("external_calls", page.token) or 0,
        limit=page.size + 1,
    )
    return page_of("external_calls", page, rows, _external_call)


def _external_call(row: Row) -> ExternalCall:
    return ExternalCall(
        row.external_id,
        None if row.agent_id is None else AgentId(unpack_id(row.agent_id)),
        None if row.config_id is None else CarrierConfigId(unpack_id(row.config_id)),
        moment(row.created_us),
        moment(row.expires_us),
    )


def free_expired(tx: Tx, limit: int) -> ExternalsFreed:
    expired = tx.all(
        f"SELECT x.key, {_OWNERS} FROM external_calls x WHERE x.expires_us <= :now "
        "ORDER BY x.expires_us LIMIT :limit",
        now=tx.now_us,
        limit=limit,
    )
    freed = _delete_expired(tx, expired) if expired else ()
    deltas: Counter[SlotScope] = Counter()
    for row in freed:
        deltas.subtract(scopes_of(owners_of_external(row)))
    count_externals(tx, deltas)
    next_us: int | None = tx.scalar(
        "SELECT MIN(expires_us) FROM external_calls WHERE expires_us > :now", now=tx.now_us
    )
    return ExternalsFreed(len(freed), len(expired) == limit, moment_or_none(next_us))


_KEYS: Final = (("key", Kind.INT),)


def _delete_expired(tx: Tx, expired: Sequence[Row]) -> Sequence[Row]:
    """With the ledger held it is asked again: one may have been prolonged or moved to other
    scopes in between, and waits for the next look if these were not locked."""
    scopes = {scope for row in expired for scope in scopes_of(owners_of_external(row))}
    lock_slots(tx, scopes)
    still = [
        row
        for row in tx.all(
            f"SELECT x.key, {_OWNERS} FROM external_calls x WHERE x.expires_us <= :now "
            f"AND x.key IN (SELECT r.key FROM {tx.dialect.rows('rows', _KEYS)} AS r)",
            now=tx.now_us,
            rows=json_text([[row.key] for row in expired]),
        )
        if scopes.issuperset(scopes_of(owners_of_external(row)))
    ]
    tx.run(
        "DELETE FROM external_calls WHERE key IN "
        f"(SELECT r.key FROM {tx.dialect.rows('rows', _KEYS)} AS r)",
        rows=json_text([[row.key] for row in still]),
    )
    return still
