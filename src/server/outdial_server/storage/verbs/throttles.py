"""Throttles as resources."""

from collections.abc import Callable
from typing import Any, Final

from outdial_server.domain.errors import AlreadyExistsError, PreconditionError, Reason
from outdial_server.domain.ids import AccountId, ThrottleId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.domain.throttle import Throttle, ThrottleFields
from outdial_server.storage.encoding import (
    id_or_not_found,
    moment,
    not_found,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import ConstraintError, Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.paging import Listed
from outdial_server.storage.verbs.requests import answered_before
from outdial_server.storage.verbs.throttle_log import rules_from, rules_json

_THROTTLE: Final = (
    "SELECT t.key, t.id, a.id AS account_id, t.display_name, t.rules_json, t.revision, "
    "t.created_us, t.updated_us FROM throttles t JOIN accounts a ON a.key = t.account_key "
    "WHERE t.deleted_us IS NULL AND t.account_key = :account "
)


def _throttle(row: Row) -> Throttle:
    return Throttle(
        ThrottleId(unpack_id(row.id)),
        AccountId(unpack_id(row.account_id)),
        ThrottleFields(row.display_name, rules_from(row.rules_json)),
        row.revision,
        moment(row.created_us),
        moment(row.updated_us),
    )


def _row(tx: Tx, account_id: AccountId, throttle_id: ThrottleId) -> Row:
    packed = id_or_not_found(throttle_id, Reason.THROTTLE_NOT_FOUND, "throttle")
    account = account_key(tx, account_id)
    row = tx.one_or_none(_THROTTLE + "AND t.id = :id", account=account, id=packed)
    if row is None:
        raise not_found(Reason.THROTTLE_NOT_FOUND, "throttle", throttle_id)
    return row


def throttle_key(tx: Tx, account: int, text: str) -> int | None:
    """The throttle that a batch names, by id or else by name; None where it names none."""
    if not text:
        return None
    found = _by_id(tx, account, text) or tx.one_or_none(
        _THROTTLE + "AND t.display_name = :name", account=account, name=text
    )
    if found is None:
        raise not_found(Reason.THROTTLE_NOT_FOUND, "throttle", text)
    key: int = found.key
    return key


def _by_id(tx: Tx, account: int, text: str) -> Row | None:
    try:
        packed = pack_id(text)
    except ValueError:
        return None
    return tx.one_or_none(_THROTTLE + "AND t.id = :id", account=account, id=packed)


def create_throttle(
    tx: Tx,
    account_id: AccountId,
    throttle_id: ThrottleId,
    fields: ThrottleFields,
    request: RequestKey | None,
) -> Throttle:
    account = account_key(tx, account_id)
    earlier = answered_before(tx, account, request, throttle_id)
    if earlier is not None:
        return get_throttle(tx, account_id, ThrottleId(earlier))
    made = tx.run(
        "INSERT INTO throttles (id, account_key, display_name, rules_json, created_us, "
        "updated_us) VALUES (:id, :account, :name, :rules, :now, :now) ON CONFLICT DO NOTHING",
        id=pack_id(throttle_id),
        account=account,
        name=fields.display_name,
        rules=rules_json(fields.rules),
        now=tx.now_us,
    )
    if not made:
        raise _name_taken(fields.display_name)
    return get_throttle(tx, account_id, throttle_id)


def get_throttle(tx: Tx, account_id: AccountId, throttle_id: ThrottleId) -> Throttle:
    return _throttle(_row(tx, account_id, throttle_id))


def list_throttles(
    tx: Tx, account_id: AccountId, page: PageRequest, display_name: str
) -> Page[Throttle]:
    named = "AND t.display_name = :name " if display_name else ""
    parameters: dict[str, Any] = {"name": display_name} if display_name else {}
    parameters["account"] = account_key(tx, account_id)
    listed = Listed("throttles", _THROTTLE + named, parameters, "t.key")
    return listed.page(tx, page, _throttle)


def change_throttle(
    tx: Tx,
    account_id: AccountId,
    throttle_id: ThrottleId,
    decide: Callable[[Throttle], ThrottleFields],
) -> Throttle:
    key = _row(tx, account_id, throttle_id).key
    _lock(tx, key)
    before = get_throttle(tx, account_id, throttle_id)
    after = decide(before)
    if after == before.fields:
        return before
    _write(tx, key, after)
    return get_throttle(tx, account_id, throttle_id)


def _write(tx: Tx, key: int, after: ThrottleFields) -> None:
    try:
        tx.run(
            "UPDATE throttles SET display_name = :name, rules_json = :rules, "
            "revision = revision + 1, updated_us = :now WHERE key = :key",
            name=after.display_name,
            rules=rules_json(after.rules),
            now=tx.now_us,
            key=key,
        )
    except ConstraintError as error:
        # The index decides, whoever takes the name at the same time.
        raise _name_taken(after.display_name) from error


def _name_taken(name: str) -> AlreadyExistsError:
    return AlreadyExistsError(
        Reason.THROTTLE_NAME_TAKEN, f"there is a throttle named {name!r}", {"display_name": name}
    )


def delete_throttle(tx: Tx, account_id: AccountId, throttle_id: ThrottleId) -> None:
    """Only hidden. A batch that takes it up at this moment, or is retried later, is still
    dialled through it, with all that it has counted."""
    key = _row(tx, account_id, throttle_id).key
    _lock(tx, key)
    busy = tx.scalar(
        "SELECT COUNT(*) FROM batches WHERE throttle_key = :key AND ended_us IS NULL "
        "AND revealed_us IS NOT NULL",
        key=key,
    )
    if busy:
        raise PreconditionError(
            Reason.THROTTLE_IN_USE,
            f"{busy} batches that name the throttle have not ended",
            {"batches": str(busy)},
        )
    tx.run("UPDATE throttles SET deleted_us = :now WHERE key = :key", now=tx.now_us, key=key)


def _lock(tx: Tx, key: int) -> None:
    if tx.dialect.locks_rows:
        tx.all(f"SELECT key FROM throttles WHERE key = :key {tx.dialect.for_update()}", key=key)
