"""Carrier configs as resources. The rate of one is kept and counted as a throttle of its
own, which no client sees."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import orjson

from outdial_server.domain.carrier_config import (
    CarrierConfig,
    CarrierConfigFields,
    CarrierRates,
    refuse_other_carrier,
)
from outdial_server.domain.carrier_params import DialledThrough
from outdial_server.domain.credentials import SealedCredentials
from outdial_server.domain.errors import AlreadyExistsError, PreconditionError, Reason
from outdial_server.domain.ids import AccountId, BatchId, CarrierConfigId
from outdial_server.domain.paging import Page, PageRequest
from outdial_server.domain.request import RequestKey
from outdial_server.domain.slots import ScopeKind, SlotScope
from outdial_server.domain.trouble import NO_TROUBLE
from outdial_server.ports.carrier_configs import StoredCredentials
from outdial_server.storage.encoding import (
    id_or_not_found,
    mapping_from,
    mapping_json,
    moment,
    not_found,
    pack_id,
    unpack_id,
)
from outdial_server.storage.statements import ConstraintError, Row
from outdial_server.storage.troubles import trouble_or_none
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.accounts import account_key
from outdial_server.storage.verbs.carrier_rates import set_rule
from outdial_server.storage.verbs.ledger import lock_slots, read_slots, set_cap
from outdial_server.storage.verbs.paging import key_of, page_of
from outdial_server.storage.verbs.requests import answered_before
from outdial_server.storage.verbs.troubles import forget_trouble, lock_troubles, troubles_of

_CONFIG: Final = (
    "SELECT k.key, k.id, a.id AS account_id, k.account_key, k.display_name, k.carrier, "
    "k.max_concurrent_calls, k.calls_per_second, k.metadata_json, k.revision, k.created_us, "
    "k.updated_us, k.rate_key, k.credentials_json, k.credentials_sealed, s.used, "
    "z.state_json AS trouble_json FROM carrier_configs k JOIN accounts a ON a.key = k.account_key "
    f"JOIN slots s ON s.kind = {int(ScopeKind.CARRIER_CONFIG)} AND s.owner = k.key "
    f"{troubles_of(ScopeKind.CARRIER_CONFIG, 'k.key', 'z')}"
    "WHERE k.deleted_us IS NULL "
)


def _config(tx: Tx, row: Row) -> CarrierConfig:
    trouble = trouble_or_none(row.trouble_json) or NO_TROUBLE
    return CarrierConfig(
        CarrierConfigId(unpack_id(row.id)),
        AccountId(unpack_id(row.account_id)),
        row.carrier,
        CarrierConfigFields(
            row.display_name,
            row.max_concurrent_calls,
            row.calls_per_second,
            mapping_from(row.metadata_json),
            _credentials(row),
        ),
        row.revision,
        moment(row.created_us),
        moment(row.updated_us),
        row.used,
        trouble.held(tx.now),
        None if trouble.pace is None else trouble.pace.at(tx.now),
    )


def _credentials(row: Row) -> SealedCredentials | None:
    if row.credentials_sealed is None:
        return None
    return SealedCredentials(orjson.loads(row.credentials_json), row.credentials_sealed)


def _values(fields: CarrierConfigFields) -> dict[str, Any]:
    """By column."""
    credentials = fields.credentials
    return {
        "display_name": fields.display_name,
        "max_concurrent_calls": fields.max_concurrent_calls,
        "calls_per_second": fields.calls_per_second,
        "metadata_json": mapping_json(fields.metadata),
        "credentials_json": orjson.dumps(dict(credentials.shown)).decode() if credentials else "",
        "credentials_sealed": credentials.sealed if credentials else None,
    }


def _row(tx: Tx, account_id: AccountId, config_id: CarrierConfigId) -> Row:
    packed = id_or_not_found(config_id, Reason.CARRIER_CONFIG_NOT_FOUND, "carrier config")
    row = _by_id(tx, account_key(tx, account_id), packed)
    if row is None:
        raise not_found(Reason.CARRIER_CONFIG_NOT_FOUND, "carrier config", config_id)
    return row


def _by_id(tx: Tx, account: int, packed: bytes) -> Row | None:
    return tx.one_or_none(
        _CONFIG + "AND k.account_key = :account AND k.id = :id", account=account, id=packed
    )


def _named(tx: Tx, account: int, text: str) -> Row:
    """By id, or else by name."""
    try:
        found = _by_id(tx, account, pack_id(text))
    except ValueError:
        found = None
    found = found or tx.one_or_none(
        _CONFIG + "AND k.account_key = :account AND k.display_name = :name",
        account=account,
        name=text,
    )
    if found is None:
        raise not_found(Reason.CARRIER_CONFIG_NOT_FOUND, "carrier config", text)
    return found


def config_named(tx: Tx, account: int, text: str) -> int | None:
    """The key of a config; None for no text. Raises NotFoundError (CARRIER_CONFIG_NOT_FOUND)."""
    return _named(tx, account, text).key if text else None


class ConfigOfBatch(NamedTuple):
    """`key` is None for a batch without one."""

    key: int | None
    # Who is to dial it.
    through: DialledThrough
    has_credentials: bool = False

    @property
    def carrier(self) -> str:
        return self.through.carrier


def config_of_batch(tx: Tx, account: int, text: str, carrier: str) -> ConfigOfBatch:
    """Of the config that a batch names, if it names one: `carrier` may be empty where the
    config decides. Raises NotFoundError (CARRIER_CONFIG_NOT_FOUND), PreconditionError
    (CARRIER_MISMATCH)."""
    if not text:
        return ConfigOfBatch(None, DialledThrough(carrier))
    config = _named(tx, account, text)
    refuse_other_carrier(carrier or config.carrier, config.carrier)
    credentials = _credentials(config)
    shown = credentials.shown if credentials else {}
    return ConfigOfBatch(config.key, DialledThrough(config.carrier, shown), credentials is not None)


def dialled_through(tx: Tx, config_key: int | None, carrier: str) -> DialledThrough:
    """By the key of a config; None for a batch without one."""
    if config_key is None:
        return DialledThrough(carrier)
    shown = tx.scalar(
        "SELECT credentials_json FROM carrier_configs WHERE key = :key", key=config_key
    )
    return DialledThrough(carrier, mapping_from(shown))


def stored_credentials(tx: Tx, config_id: CarrierConfigId) -> StoredCredentials | None:
    try:
        packed = pack_id(config_id)
    except ValueError:
        return None
    row = tx.one_or_none(
        "SELECT carrier, credentials_sealed, revision FROM carrier_configs WHERE id = :id",
        id=packed,
    )
    if row is None:
        return None
    return StoredCredentials(row.carrier, row.credentials_sealed, row.revision)


def create_carrier_config(
    tx: Tx,
    account_id: AccountId,
    config_id: CarrierConfigId,
    carrier: str,
    fields: CarrierConfigFields,
    rates: CarrierRates,
    request: RequestKey | None,
) -> CarrierConfig:
    account = account_key(tx, account_id)
    earlier = answered_before(tx, account, request, config_id)
    if earlier is not None:
        return get_carrier_config(tx, account_id, CarrierConfigId(earlier))
    packed = pack_id(config_id)
    values = _values(fields) | {
        "id": packed,
        "account_key": account,
        "carrier": carrier,
        "created_us": tx.now_us,
        "updated_us": tx.now_us,
    }
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    made = tx.run(
        f"INSERT INTO carrier_configs ({names}) VALUES ({places}) ON CONFLICT DO NOTHING",
        **values,
    )
    if not made:
        raise _name_taken(fields.display_name)
    key: int = tx.scalar("SELECT key FROM carrier_configs WHERE id = :id", id=packed)
    set_cap(tx, SlotScope(ScopeKind.CARRIER_CONFIG, key), fields.max_concurrent_calls)
    row = _row(tx, account_id, config_id)
    set_rule(tx, row, rates.rule_of(carrier, fields.calls_per_second))
    return _config(tx, row)


def get_carrier_config(tx: Tx, account_id: AccountId, config_id: CarrierConfigId) -> CarrierConfig:
    return _config(tx, _row(tx, account_id, config_id))


def list_carrier_configs(
    tx: Tx, account_id: AccountId, page: PageRequest, display_name: str
) -> Page[CarrierConfig]:
    named = "AND k.display_name = :name " if display_name else ""
    parameters = {"name": display_name} if display_name else {}
    rows = tx.all(
        f"{_CONFIG}AND k.account_key = :account {named}AND k.key > :after "
        "ORDER BY k.key LIMIT :limit",
        account=account_key(tx, account_id),
        after=key_of("carrier_configs", page.token) or 0,
        limit=page.size + 1,
        **parameters,
    )
    return page_of("carrier_configs", page, rows, partial(_config, tx))


def configs_of_people(
    tx: Tx, account_id: AccountId, batch_id: BatchId
) -> tuple[CarrierConfig, ...]:
    rows = tx.all(
        f"{_CONFIG}AND k.account_key = :account AND k.key IN (SELECT o.carrier_config_key "
        "FROM configs_of_rows o JOIN batches b ON b.key = o.batch_key WHERE b.id = :batch) "
        "ORDER BY k.key",
        account=account_key(tx, account_id),
        batch=pack_id(batch_id),
    )
    return tuple(_config(tx, row) for row in rows)


def change_carrier_config(
    tx: Tx,
    account_id: AccountId,
    config_id: CarrierConfigId,
    decide: Callable[[CarrierConfig], CarrierConfigFields],
    rates: CarrierRates,
    *,
    lifts_hold: bool = False,
) -> CarrierConfig:
    key = _row(tx, account_id, config_id).key
    scope = SlotScope(ScopeKind.CARRIER_CONFIG, key)
    # The ledger comes first, as everywhere.
    lock_slots(tx, [scope])
    # Before the config: whoever learns of its trouble goes by way of that.
    lock_troubles(tx, [scope])
    _lock(tx, key)
    row = _row(tx, account_id, config_id)
    before = _config(tx, row)
    after = decide(before)
    if lifts_hold or after.credentials != before.fields.credentials:
        forget_trouble(tx, scope)
        row = _row(tx, account_id, config_id)
    if after == before.fields:
        return _config(tx, row)
    _write(tx, key, after)
    set_cap(tx, scope, after.max_concurrent_calls)
    set_rule(tx, row, rates.rule_of(before.carrier, after.calls_per_second))
    return get_carrier_config(tx, account_id, config_id)


def _write(tx: Tx, key: int, after: CarrierConfigFields) -> None:
    values = _values(after)
    assignments = ", ".join(f"{name} = :{name}" for name in values)
    try:
        tx.run(
            f"UPDATE carrier_configs SET {assignments}, revision = revision + 1, "
            "updated_us = :now WHERE key = :key",
            now=tx.now_us,
            key=key,
            **values,
        )
    except ConstraintError as error:
        # The index decides, whoever takes the name at the same time.
        raise _name_taken(after.display_name) from error


def _name_taken(name: str) -> AlreadyExistsError:
    return AlreadyExistsError(
        Reason.CARRIER_CONFIG_NAME_TAKEN,
        f"there is a carrier config named {name!r}",
        {"display_name": name},
    )


def follow_default_rates(tx: Tx, rates: CarrierRates) -> None:
    of_default = tx.all(
        f"{_CONFIG}AND k.calls_per_second IS NULL ORDER BY k.key {tx.dialect.for_update('k')}"
    )
    for row in of_default:
        set_rule(tx, row, rates.rule_of(row.carrier, None))


def delete_carrier_config(tx: Tx, account_id: AccountId, config_id: CarrierConfigId) -> None:
    """Hidden, and its credentials erased. A batch that takes it up at this moment, or is
    retried later, stays within its limits, and waits for another one."""
    key = _row(tx, account_id, config_id).key
    scope = SlotScope(ScopeKind.CARRIER_CONFIG, key)
    slots = read_slots(tx, [scope])[scope]
    _lock(tx, key)
    # Those of a batch that has another config by now, too: a callback is checked, and a call
    # looked up, with the credentials that it was made with. An external call needs none.
    calls = slots.used - slots.external
    busy = tx.scalar(
        "SELECT COUNT(*) FROM batches WHERE ended_us IS NULL AND revealed_us IS NOT NULL "
        "AND (carrier_config_key = :key OR key IN (SELECT o.batch_key FROM configs_of_rows o "
        "WHERE o.carrier_config_key = :key))",
        key=key,
    )
    numbers = tx.scalar(
        "SELECT COUNT(*) FROM phone_numbers WHERE carrier_config_key = :key "
        "AND account_key = :account AND deleted_us IS NULL",
        key=key,
        account=account_key(tx, account_id),
    )
    if busy or numbers or calls:
        raise PreconditionError(
            Reason.CARRIER_CONFIG_IN_USE,
            f"{busy} batches that have not ended and {numbers} phone numbers name the carrier "
            f"config, and {calls} calls that were made with it have not ended",
            {"batches": str(busy), "phone_numbers": str(numbers), "calls": str(calls)},
        )
    tx.run(
        "UPDATE carrier_configs SET deleted_us = :now, credentials_json = '', "
        "credentials_sealed = NULL, revision = revision + 1 WHERE key = :key",
        now=tx.now_us,
        key=key,
    )


def _lock(tx: Tx, key: int) -> None:
    if tx.dialect.locks_rows:
        tx.all(
            f"SELECT key FROM carrier_configs WHERE key = :key {tx.dialect.for_update()}", key=key
        )
