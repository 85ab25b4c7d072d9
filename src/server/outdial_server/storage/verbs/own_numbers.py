"""The account's own numbers as one claim sees them, or one explanation: those that batches
choose from, and those that rows are bound to.

Who reads a number's slots holds those of its account already, so that it does not matter in
which order numbers are met.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Final

from outdial_server.domain.batch_policies import RetryCallerId
from outdial_server.domain.number_rotation import (
    CallerId,
    CarrierAccount,
    NumberPool,
    OwnNumber,
    caller_id_of,
)
from outdial_server.domain.phone_number import Capability, PhoneNumberFields
from outdial_server.domain.slots import ScopeKind, SlotRow, SlotScope
from outdial_server.domain.trouble import CALLER_ID_REFUSED, Hold
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, pack_id, unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.troubles import trouble_or_none
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.carrier_accounts import CONFIG_COLUMNS, CarrierAccounts
from outdial_server.storage.verbs.ledger import read_slots
from outdial_server.storage.verbs.runnable import Runnable
from outdial_server.storage.verbs.suppressed import addresses_json, among_addresses
from outdial_server.storage.verbs.troubles import troubles_of

_SELECT: Final = (
    "SELECT n.key, n.id, n.account_key, n.address, n.active, n.capabilities, n.agent_key, "
    f"{CONFIG_COLUMNS}, zn.state_json AS trouble_json FROM phone_numbers n "
    "LEFT JOIN carrier_configs k ON k.key = n.carrier_config_key "
    f"{troubles_of(ScopeKind.CARRIER_CONFIG, 'n.carrier_config_key', 'za')}"
    f"{troubles_of(ScopeKind.PHONE_NUMBER, 'n.key', 'zn')}"
    "WHERE n.deleted_us IS NULL "
)
_KEY: Final = (("key", Kind.INT),)


class OwnNumbers:
    """Nothing is read for accounts without numbers."""

    def __init__(self, tx: Tx, runnable: Sequence[Runnable]) -> None:
        self._tx = tx
        self._with_any = [r for r in runnable if r.rules.has_phone_numbers]
        # Rows of numbers, by key, and where batches find theirs.
        self._rows: dict[int, Row] = {}
        self._by_id: dict[str, int] = {}
        self._by_agent: dict[int, list[int]] = {}
        # By account and text; None for one that is a mere text.
        self._by_address: dict[tuple[int, str], int | None] = {}
        # Keys of numbers that are deleted.
        self._gone: set[int] = set()
        self._slots: dict[SlotScope, SlotRow] = {}
        self.accounts = CarrierAccounts(tx, self._slot)
        self._read_pools()

    # --- what batches choose from

    def _read_pools(self) -> None:
        listed = {number for r in self._choosing() for number in r.batch.settings.phone_numbers}
        agents = {r.agent_key for r in self._choosing() if not r.batch.settings.phone_numbers}
        if listed:
            ids = self._tx.dialect.id_list([pack_id(number) for number in sorted(listed)])
            self._keep(f"AND {self._tx.dialect.id_in('n.id', 'ids')}", ids=ids)
        if agents:
            among = f"(SELECT r.key FROM {self._tx.dialect.rows('agents', _KEY)} AS r)"
            keys = json_text([[agent] for agent in sorted(agents)])
            for row in self._keep(
                f"AND n.agent_key IN {among} ORDER BY n.agent_key, n.place", agents=keys
            ):
                self._by_agent.setdefault(row.agent_key, []).append(row.key)
        texts: defaultdict[int, set[str]] = defaultdict(set)
        for r in self._with_any:
            texts[r.account_key].update({r.batch.settings.caller_id} - {""})
        for account, of_account in texts.items():
            self._find_addresses(account, of_account)

    def _choosing(self) -> list[Runnable]:
        """Those without one caller ID for all."""
        return [
            r
            for r in self._with_any
            if not r.batch.settings.caller_id
            and (r.batch.settings.phone_numbers or r.agent_has_numbers)
        ]

    def _keep(self, where: str, **parameters: object) -> Sequence[Row]:
        rows = self._tx.all(_SELECT + where, **parameters)
        for row in rows:
            self._rows[row.key] = row
            self._by_id[unpack_id(row.id)] = row.key
            self._by_address[row.account_key, row.address] = row.key
            self.accounts.learn(row)
        if self._slots:
            self._read_missing_slots()
        return rows

    def _read_missing_slots(self) -> None:
        """Of numbers that were met after the slots of the claim were read: together."""
        missing = [scope for scope in self.scopes() if scope not in self._slots]
        if missing:
            self.add_slots(read_slots(self._tx, missing))

    def scopes(self) -> Iterable[SlotScope]:
        """Of all that were read so far."""
        configs = [SlotScope(ScopeKind.CARRIER_CONFIG, key) for key in self.accounts.known]
        return [*configs, *(SlotScope(ScopeKind.PHONE_NUMBER, key) for key in self._rows)]

    def add_slots(self, slots: Mapping[SlotScope, SlotRow]) -> None:
        self._slots.update(slots)

    def pool_of(self, r: Runnable) -> NumberPool | None:
        """None for a batch that shows a mere text, or nothing, and for one whose people go
        several ways: each of those has its own."""
        return None if r.is_mixed else self.pool_for(r, None)

    def pool_for(self, r: Runnable, config: int | None) -> NumberPool | None:
        """What is left of its numbers for people who name this carrier config: one of another
        is not shown there, unless the batch shows it to all."""
        keys = self._keys_of(r)
        if keys is not None and config is not None and not r.batch.settings.caller_id:
            keys = [key for key in keys if self._rows[key].config_key in (None, config)] or None
        if keys is None:
            return None
        if config is None:
            numbers = [self._number(r, key, self._account(r, self._rows[key])) for key in keys]
        else:
            numbers = [self._plain_number(key) for key in keys]
        return NumberPool(tuple(numbers), r.batch.settings.rotation, r.last_number_key)

    def is_without(self, r: Runnable) -> bool:
        """Whether it has a pool, and nothing in it that can be used. Reads no slots."""
        keys = self._keys_of(r)
        return keys is not None and not any(_serves(r, self._rows[key]) for key in keys)

    def are_without_config(self, r: Runnable) -> bool:
        """Whether that is what keeps all of the pool from use, or there is no pool. Reads no
        slots."""
        keys = self._keys_of(r)
        if keys is None:
            return r.batch.lacks_config
        return self.is_without(r) and any(_lacks_config(r, self._rows[key]) for key in keys)

    def has_pool(self, r: Runnable) -> bool:
        return self._keys_of(r) is not None

    def _keys_of(self, r: Runnable) -> Sequence[int] | None:
        settings = r.batch.settings
        if not r.rules.has_phone_numbers and not settings.phone_numbers:
            return None
        if settings.caller_id:
            key = self._by_address.get((r.account_key, settings.caller_id))
            return None if key is None else [key]
        if settings.phone_numbers:
            # One that is deleted is out of the list.
            return [self._by_id[n] for n in settings.phone_numbers if n in self._by_id]
        return self._by_agent.get(r.agent_key)

    def _number(self, r: Runnable, key: int, account: CarrierAccount | None) -> OwnNumber:
        row = self._rows[key]
        slot, hold = self._limits(key)
        return OwnNumber(
            key, row.address, _serves(r, row), slot, account, hold, _lacks_config(r, row)
        )

    def _plain_number(self, key: int) -> OwnNumber:
        """By itself, whatever it is dialled with."""
        row = self._rows[key]
        slot, hold = self._limits(key)
        return OwnNumber(key, row.address, _is_usable(row), slot, hold=hold)

    def _limits(self, key: int) -> tuple[SlotRow, Hold | None]:
        trouble = trouble_or_none(self._rows[key].trouble_json)
        hold = None if trouble is None else trouble.hold(self._tx.now, CALLER_ID_REFUSED)
        return self._slot(SlotScope(ScopeKind.PHONE_NUMBER, key)), hold

    def _bound(self, r: Runnable, key: int, config: int | None = None) -> OwnNumber:
        """That somebody is bound to, who may name a carrier config. Where people go several ways
        the limits of that are no matter of the number's."""
        if config is not None:
            return self._plain_number(key)
        return self._number(r, key, None if r.is_mixed else self._account(r, self._rows[key]))

    def _slot(self, scope: SlotScope) -> SlotRow:
        if scope not in self._slots:
            self.add_slots(read_slots(self._tx, [scope]))
        return self._slots[scope]

    # --- what they are dialled with

    def _account(self, r: Runnable, row: Row) -> CarrierAccount | None:
        """The config that the batch names comes before that of the number."""
        if r.config_key is not None:
            return self._own_account(r)
        return None if row.config_key is None else self.accounts.of(row.config_key)

    def _own_account(self, r: Runnable) -> CarrierAccount | None:
        """That of the batch, whose own gates ask for its limits. In the claim it is to be
        told from others only where numbers have it, too."""
        key = r.owners.carrier_config_key
        if key is None or key not in self.accounts.known:
            return None
        slot = self._slot(SlotScope(ScopeKind.CARRIER_CONFIG, key))
        return CarrierAccount(slot, ref=r.carrier_config)

    def config_of(self, number: OwnNumber) -> int | None:
        key: int | None = self._rows[number.key].config_key
        return key

    # --- what rows are bound to

    def caller_ids(self, r: Runnable, rows: Sequence[Row]) -> list[CallerId | None]:
        """Of rows read with `CALLER_ID_COLUMNS`; None where the batch decides."""
        if r.rules.has_phone_numbers:
            self._find_numbers({row.last_number_key for row in rows if row.last_number_key})
            texts = {text for row in rows for text in (row.caller_id, row.last_caller_id) if text}
            self._find_addresses(r.account_key, texts)
        keeps = r.batch.settings.retry_caller_id is RetryCallerId.KEEP
        return [
            caller_id_of(
                self._kept(r, row) if keeps and row.attempts else None,
                self._caller_id(r, row.caller_id, row.carrier_config_key),
            )
            for row in rows
        ]

    def _kept(self, r: Runnable, row: Row) -> CallerId | None:
        """The call before has that of the first one, by the same rule. A number that is gone
        is no mere text: somebody else may have it by now."""
        if row.last_number_key is None:
            kept = self._caller_id(r, row.last_caller_id, row.carrier_config_key)
            is_text = kept is not None and kept.number is None
            lacks_config = r.batch.lacks_config and row.carrier_config_key is None
            return None if is_text and lacks_config else kept
        if row.last_number_key not in self._rows:
            return None
        number = self._bound(r, row.last_number_key, row.carrier_config_key)
        return CallerId(number.address, number)

    def _caller_id(self, r: Runnable, text: str | None, config: int | None) -> CallerId | None:
        if not text:
            return None
        key = self._by_address.get((r.account_key, text))
        if key is None:
            return self.mere_text(r, text)
        return CallerId(text, self._bound(r, key, config))

    def mere_text(self, r: Runnable, text: str) -> CallerId:
        return CallerId(text, account=self._own_account(r))

    def numbers(self, r: Runnable, keys: Collection[int]) -> dict[int, OwnNumber | None]:
        """By key; None for one that is deleted."""
        self._find_numbers(set(keys))
        return {key: self._bound(r, key) if key in self._rows else None for key in keys}

    def _find_numbers(self, keys: set[int]) -> None:
        unknown = keys - self._rows.keys() - self._gone
        if unknown:
            among = f"(SELECT r.key FROM {self._tx.dialect.rows('numbers', _KEY)} AS r)"
            numbers = json_text([[key] for key in sorted(unknown)])
            self._keep(f"AND n.key IN {among}", numbers=numbers)
            self._gone |= unknown - self._rows.keys()

    def _find_addresses(self, account: int, texts: set[str]) -> None:
        unknown = {text for text in texts if (account, text) not in self._by_address}
        if unknown:
            self._by_address |= dict.fromkeys(((account, text) for text in unknown), None)
            self._keep(
                f"AND n.account_key = :account AND {among_addresses(self._tx, 'n.address')}",
                account=account,
                addresses=addresses_json(unknown),
            )


def read_usable(tx: Tx, keys: Collection[int]) -> dict[int, int | None]:
    """Of these numbers, those that calls may show, each with the agent that has it."""
    among = f"(SELECT r.key FROM {tx.dialect.rows('numbers', _KEY)} AS r)"
    rows = tx.all(
        f"{_SELECT}AND n.key IN {among}", numbers=json_text([[key] for key in sorted(keys)])
    )
    return {row.key: row.agent_key for row in rows if _is_usable(row)}


def _serves(r: Runnable, row: Row) -> bool:
    """A number of an account at another carrier is of no use to a batch without a config."""
    if r.config_key is not None:
        return _is_usable(row)
    is_of_carrier = row.config_key is None or row.config_carrier == r.batch.carrier
    return _is_usable(row) and is_of_carrier and not _lacks_config(r, row)


def _lacks_config(r: Runnable, row: Row) -> bool:
    if not r.batch.lacks_config or not _is_usable(row):
        return False
    return row.config_key is None or not row.config_opens


def _is_usable(row: Row) -> bool:
    return _are_usable(row.active, row.capabilities)


@cache
def _are_usable(active: int, capabilities: int) -> bool:
    """Asked several times of each number of a claim; there are few such pairs."""
    fields = PhoneNumberFields(active=bool(active), capabilities=Capability(capabilities))
    return fields.is_usable


CALLER_ID_COLUMNS: Final = (
    "s.caller_id, s.carrier_config_key, s.attempts, c.caller_id AS last_caller_id, "
    "c.phone_number_key AS last_number_key"
)
"""Of `scheduled_calls s` and its last call, `calls c`."""
