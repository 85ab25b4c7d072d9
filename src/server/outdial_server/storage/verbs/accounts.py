"""Accounts and keys."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import orjson

from outdial_server.domain.account import Account, ApiKey, Scope
from outdial_server.domain.errors import Reason
from outdial_server.domain.ids import AccountId, ApiKeyId
from outdial_server.domain.number_rules import NO_NUMBER_RULES, NumberRules
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.storage.encoding import (
    id_or_not_found,
    json_text,
    micros,
    micros_or_none,
    moment,
    moment_or_none,
    not_found,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.ledger import set_cap
from outdial_server.storage.verbs.number_rules import (
    NUMBER_RULES,
    number_rules_from,
    write_number_rules,
)
from outdial_server.storage.verbs.paging import key_of, page_of
from outdial_server.storage.verbs.requests import answered_before

_ACCOUNT: Final = (
    "SELECT a.key, a.id, a.display_name, a.max_concurrent_calls, a.reserved_slots, a.revision, "
    f"a.created_us, a.updated_us, s.used, {NUMBER_RULES} FROM accounts a "
    "LEFT JOIN number_rules n ON n.account_key = a.key "
    f"JOIN slots s ON s.kind = {int(ScopeKind.ACCOUNT)} AND s.owner = a.key "
)

NO_ACCOUNT: Final = 0
"""Stands for "nobody's" where a request is not made within an account."""


def _account(row: Row) -> Account:
    return Account(
        AccountId(unpack_id(row.id)),
        row.display_name,
        row.max_concurrent_calls,
        row.reserved_slots,
        row.revision,
        moment(row.created_us),
        moment(row.updated_us),
        row.used,
        number_rules_from(row),
    )


def requeue_all(tx: Tx, account: int) -> None:
    """Rules of an account were changed: in its open batches, whoever the old ones have put
    off is looked at again. See `verbs.upkeep.settle`."""
    tx.all(
        "SELECT key FROM batches WHERE account_key = :account AND ended_us IS NULL "
        f"ORDER BY key {tx.dialect.for_update()}",
        account=account,
    )
    tx.run(
        "UPDATE batches SET requeue_from = 0 WHERE account_key = :account AND ended_us IS NULL",
        account=account,
    )


def account_key(tx: Tx, account_id: AccountId) -> int:
    packed = id_or_not_found(account_id, Reason.ACCOUNT_NOT_FOUND, "account")
    key: int | None = tx.scalar("SELECT key FROM accounts WHERE id = :id", id=packed)
    if key is None:
        raise not_found(Reason.ACCOUNT_NOT_FOUND, "account", account_id)
    return key


def create_account(
    tx: Tx,
    account_id: AccountId,
    display_name: str,
    max_concurrent_calls: int,
    reserved_slots: int,
    request: RequestKey | None,
    number_rules: NumberRules = NO_NUMBER_RULES,
) -> Account:
    maker = account_key(tx, request.account_id) if request else NO_ACCOUNT
    earlier = answered_before(tx, maker, request, account_id)
    if earlier is not None:
        return get_account(tx, AccountId(earlier))
    tx.run(
        "INSERT INTO accounts (id, display_name, max_concurrent_calls, reserved_slots, "
        "created_us, updated_us) VALUES (:id, :name, :cap, :reserve, :now, :now)",
        id=pack_id(account_id),
        name=display_name,
        cap=max_concurrent_calls,
        reserve=reserved_slots,
        now=tx.now_us,
    )
    key = account_key(tx, account_id)
    _set_caps(tx, key, max_concurrent_calls, reserved_slots)
    if number_rules.are_any:
        write_number_rules(tx, key, number_rules)
    return get_account(tx, account_id)


def first_account(
    tx: Tx, account_id: AccountId, display_name: str, max_concurrent_calls: int
) -> Account:
    # The one row that there always is: whoever comes second sees what the first has made.
    tx.all(f"SELECT key FROM installation {tx.dialect.for_update()}")
    oldest = tx.one_or_none(_ACCOUNT + "ORDER BY a.key LIMIT 1")
    if oldest is not None:
        return _account(oldest)
    return create_account(tx, account_id, display_name, max_concurrent_calls, 0, None)


def _set_caps(tx: Tx, key: int, cap: int, reserve: int) -> None:
    set_cap(tx, SlotScope(ScopeKind.ACCOUNT, key), cap)
    set_cap(tx, SlotScope(ScopeKind.ACCOUNT_BATCHES, key), cap - reserve)


def get_account(tx: Tx, account_id: AccountId) -> Account:
    packed = id_or_not_found(account_id, Reason.ACCOUNT_NOT_FOUND, "account")
    row = tx.one_or_none(_ACCOUNT + "WHERE a.id = :id", id=packed)
    if row is None:
        raise not_found(Reason.ACCOUNT_NOT_FOUND, "account", account_id)
    return _account(row)


def list_accounts(tx: Tx, page: PageRequest) -> Page[Account]:
    rows = tx.all(
        _ACCOUNT + "WHERE a.key > :after ORDER BY a.key LIMIT :limit",
        after=key_of("accounts", page.token) or 0,
        limit=page.size + 1,
    )
    return page_of("accounts", page, rows, _account)


def change_account(tx: Tx, account_id: AccountId, decide: Callable[[Account], Account]) -> Account:
    key = account_key(tx, account_id)
    if tx.dialect.locks_rows:
        tx.all(f"SELECT key FROM accounts WHERE key = :key {tx.dialect.for_update()}", key=key)
    before = get_account(tx, account_id)
    after = decide(before)
    if after == before:
        return before
    tx.run(
        "UPDATE accounts SET display_name = :name, max_concurrent_calls = :cap, "
        "reserved_slots = :reserve, revision = revision + 1, updated_us = :now WHERE key = :key",
        name=after.display_name,
        cap=after.max_concurrent_calls,
        reserve=after.reserved_slots,
        now=tx.now_us,
        key=key,
    )
    _set_caps(tx, key, after.max_concurrent_calls, after.reserved_slots)
    if after.number_rules != before.number_rules:
        write_number_rules(tx, key, after.number_rules)
        requeue_all(tx, key)
    return get_account(tx, account_id)


_KEY: Final = (
    "SELECT k.key, k.id, a.id AS account_id, k.display_name, k.prefix, k.scopes, k.expires_us, "
    "k.created_us, k.revoked_us FROM api_keys k JOIN accounts a ON a.key = k.account_key "
)


def _api_key(row: Row) -> ApiKey:
    return ApiKey(
        ApiKeyId(unpack_id(row.id)),
        AccountId(unpack_id(row.account_id)),
        row.display_name,
        row.prefix,
        frozenset(Scope(number) for number in orjson.loads(row.scopes)),
        moment_or_none(row.expires_us),
        moment(row.created_us),
        moment_or_none(row.revoked_us),
    )


def create_key(tx: Tx, key: ApiKey, secret_hash: bytes) -> ApiKey:
    put_key(tx, key, secret_hash)
    return replace(key, created_at=tx.now)


def put_key(tx: Tx, key: ApiKey, secret_hash: bytes) -> None:
    tx.run(
        "INSERT INTO api_keys (id, account_key, display_name, prefix, secret_hash, scopes, "
        "expires_us, created_us) VALUES (:id, :account, :name, :prefix, :hash, :scopes, "
        ":expires, :now) ON CONFLICT DO NOTHING",
        id=pack_id(key.api_key_id),
        account=account_key(tx, key.account_id),
        name=key.display_name,
        prefix=key.prefix,
        hash=secret_hash,
        scopes=json_text(sorted(key.scopes)),
        expires=micros_or_none(key.expires_at),
        now=micros(tx.now),
    )


def find_key(tx: Tx, secret_hash: bytes) -> ApiKey | None:
    row = tx.one_or_none(_KEY + "WHERE k.secret_hash = :hash", hash=secret_hash)
    return None if row is None else _api_key(row)


def list_keys(tx: Tx, account_id: AccountId, page: PageRequest) -> Page[ApiKey]:
    rows = tx.all(
        _KEY + "WHERE k.account_key = :account AND k.key > :after ORDER BY k.key LIMIT :limit",
        account=account_key(tx, account_id),
        after=key_of("api_keys", page.token) or 0,
        limit=page.size + 1,
    )
    return page_of("api_keys", page, rows, _api_key)


def revoke_key(tx: Tx, account_id: AccountId | None, key_id: ApiKeyId) -> ApiKey:
    packed = id_or_not_found(key_id, Reason.API_KEY_NOT_FOUND, "API key")
    row = tx.one_or_none(_KEY + "WHERE k.id = :id", id=packed)
    if row is None or account_id not in (None, unpack_id(row.account_id)):
        raise not_found(Reason.API_KEY_NOT_FOUND, "API key", key_id)
    tx.run(
        "UPDATE api_keys SET revoked_us = :now WHERE key = :key AND revoked_us IS NULL",
        now=tx.now_us,
        key=row.key,
    )
    changed = tx.one_or_none(_KEY + "WHERE k.id = :id", id=packed)
    assert changed is not None
    return _api_key(changed)


def has_keys(tx: Tx) -> bool:
    return tx.one_or_none("SELECT 1 FROM api_keys LIMIT 1") is not None
