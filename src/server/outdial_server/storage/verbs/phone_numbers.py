"""Phone numbers as resources."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from outdial_server.domain.errors import AlreadyExistsError, Reason
from outdial_server.domain.ids import AccountId, AgentId, PhoneNumberId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.phone_number import Capability, PhoneNumber, PhoneNumberFields
from outdial_server.domain.request import RequestKey
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.domain.trouble import CALLER_ID_REFUSED, NO_TROUBLE
from outdial_server.storage.encoding import (
    id_or_not_found,
    mapping_from,
    mapping_json,
    moment,
    not_found,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import Row
from outdial_server.storage.troubles import trouble_or_none
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.carrier_configs import config_named
from outdial_server.storage.verbs.held_rows import requeue_texts
from outdial_server.storage.verbs.ledger import lock_slots, set_cap
from outdial_server.storage.verbs.paging import Listed
from outdial_server.storage.verbs.requests import answered_before
from outdial_server.storage.verbs.troubles import forget_trouble, troubles_of

_SELECT: Final = (
    "SELECT n.key, n.id, a.id AS account_id, n.address, n.display_name, n.active, "
    "n.capabilities, n.max_concurrent_calls, n.metadata_json, n.account_key, n.agent_key, "
    "g.id AS agent_id, n.revision, n.created_us, n.updated_us, s.used, "
    "k.id AS carrier_config_id, z.state_json AS trouble_json "
    "FROM phone_numbers n JOIN accounts a ON a.key = n.account_key "
    f"JOIN slots s ON s.kind = {int(ScopeKind.PHONE_NUMBER)} AND s.owner = n.key "
    "LEFT JOIN agents g ON g.key = n.agent_key "
    "LEFT JOIN carrier_configs k ON k.key = n.carrier_config_key "
    f"{troubles_of(ScopeKind.PHONE_NUMBER, 'n.key', 'z')}"
    "WHERE n.deleted_us IS NULL AND n.account_key = :account "
)


def _phone_number(tx: Tx, row: Row) -> PhoneNumber:
    trouble = trouble_or_none(row.trouble_json) or NO_TROUBLE
    return PhoneNumber(
        PhoneNumberId(unpack_id(row.id)),
        AccountId(unpack_id(row.account_id)),
        row.address,
        _fields_from(row),
        None if row.agent_id is None else AgentId(unpack_id(row.agent_id)),
        row.revision,
        moment(row.created_us),
        moment(row.updated_us),
        row.used,
        trouble.held(tx.now, CALLER_ID_REFUSED),
    )


def _fields_from(row: Row) -> PhoneNumberFields:
    return PhoneNumberFields(
        row.display_name,
        bool(row.active),
        Capability(row.capabilities),
        row.max_concurrent_calls,
        "" if row.carrier_config_id is None else unpack_id(row.carrier_config_id),
        mapping_from(row.metadata_json),
    )


def _field_values(tx: Tx, account: int, fields: PhoneNumberFields) -> dict[str, Any]:
    return {
        "display_name": fields.display_name,
        "active": int(fields.active),
        "capabilities": int(fields.capabilities),
        "max_concurrent_calls": fields.max_concurrent_calls,
        "carrier_config_key": config_named(tx, account, fields.carrier_config),
        "metadata_json": mapping_json(fields.metadata),
    }


def find_number(tx: Tx, account_id: AccountId, phone_number_id: PhoneNumberId) -> Row:
    packed = id_or_not_found(phone_number_id, Reason.PHONE_NUMBER_NOT_FOUND, "phone number")
    row = tx.one_or_none(_SELECT + "AND n.id = :id", account=account_key(tx, account_id), id=packed)
    if row is None:
        raise not_found(Reason.PHONE_NUMBER_NOT_FOUND, "phone number", phone_number_id)
    return row


def create_phone_number(
    tx: Tx,
    account_id: AccountId,
    phone_number_id: PhoneNumberId,
    address: str,
    fields: PhoneNumberFields,
    request: RequestKey | None,
) -> PhoneNumber:
    account = account_key(tx, account_id)
    earlier = answered_before(tx, account, request, phone_number_id)
    if earlier is not None:
        return get_phone_number(tx, account_id, PhoneNumberId(earlier))
    # Claims hold it: whom they have held for want of this number is known by now.
    lock_slots(tx, [SlotScope(ScopeKind.ACCOUNT, account)])
    values = _field_values(tx, account, fields) | {
        "id": pack_id(phone_number_id),
        "account_key": account,
        "address": address,
        "created_us": tx.now_us,
        "updated_us": tx.now_us,
    }
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    made = tx.run(
        f"INSERT INTO phone_numbers ({names}) VALUES ({places}) ON CONFLICT DO NOTHING", **values
    )
    if not made:
        raise AlreadyExistsError(
            Reason.PHONE_NUMBER_TAKEN, f"the account has {address} already", {"address": address}
        )
    key = tx.scalar("SELECT key FROM phone_numbers WHERE id = :id", id=pack_id(phone_number_id))
    set_cap(tx, SlotScope(ScopeKind.PHONE_NUMBER, key), fields.max_concurrent_calls)
    tx.run(
        "UPDATE accounts SET phone_numbers = phone_numbers + 1 WHERE key = :account",
        account=account,
    )
    requeue_texts(tx, account)
    return get_phone_number(tx, account_id, phone_number_id)


def get_phone_number(tx: Tx, account_id: AccountId, phone_number_id: PhoneNumberId) -> PhoneNumber:
    return _phone_number(tx, find_number(tx, account_id, phone_number_id))


def list_phone_numbers(
    tx: Tx, account_id: AccountId, page: PageRequest, address: str, agent_id: str
) -> Page[PhoneNumber]:
    where = "AND n.address = :address " if address else ""
    parameters: dict[str, Any] = {"address": address} if address else {}
    if agent_id:
        where += "AND g.id = :agent "
        parameters["agent"] = _packed(agent_id)
    parameters["account"] = account_key(tx, account_id)
    listed = Listed("phone_numbers", _SELECT + where, parameters, "n.key")
    return listed.page(tx, page, partial(_phone_number, tx))


def _packed(agent_id: str) -> bytes:
    """What is no id is that of no agent."""
    try:
        return pack_id(agent_id)
    except ValueError:
        return b""


def change_phone_number(
    tx: Tx,
    account_id: AccountId,
    phone_number_id: PhoneNumberId,
    decide: Callable[[PhoneNumber], PhoneNumberFields],
    *,
    lifts_hold: bool = False,
) -> PhoneNumber:
    number = find_number(tx, account_id, phone_number_id)
    key = number.key
    scope = SlotScope(ScopeKind.PHONE_NUMBER, key)
    # The ledger comes first, as everywhere.
    lock_slots(tx, [scope])
    lock_number(tx, key)
    before = get_phone_number(tx, account_id, phone_number_id)
    after = decide(before)
    if lifts_hold:
        forget_trouble(tx, scope)
    if after == before.fields:
        return get_phone_number(tx, account_id, phone_number_id)
    values = _field_values(tx, number.account_key, after) | {"updated_us": tx.now_us}
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    tx.run(
        f"UPDATE phone_numbers SET {assignments}, revision = revision + 1 WHERE key = :key",
        key=key,
        **values,
    )
    set_cap(tx, scope, after.max_concurrent_calls)
    return get_phone_number(tx, account_id, phone_number_id)


def lock_number(tx: Tx, key: int) -> None:
    if tx.dialect.locks_rows:
        tx.all(f"SELECT key FROM phone_numbers WHERE key = :key {tx.dialect.for_update()}", key=key)
