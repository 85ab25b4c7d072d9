"""Carrier configs as one claim sees them, or one explanation: those of numbers, and those that
people name."""

from collections.abc import Callable, Collection, Mapping
from typing import Final

from outdial_server.domain.call import CallState
from outdial_server.domain.carrier_config import config_ref
from outdial_server.domain.carrier_pace import Pace
from outdial_server.domain.number_rotation import CarrierAccount
from outdial_server.domain.slots import ScopeKind, SlotRow, SlotScope
from outdial_server.domain.throttle import ThrottleUse
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, unpack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.troubles import trouble_or_none
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.throttle_log import read_throttles
from outdial_server.storage.verbs.troubles import troubles_of

CONFIG_COLUMNS: Final = (
    "k.key AS config_key, k.id AS config_id, k.revision AS config_revision, "
    "k.carrier AS config_carrier, k.credentials_sealed IS NOT NULL AS config_opens, "
    "k.rate_key, za.state_json AS config_trouble_json"
)
"""Of `carrier_configs k` and its trouble, `za`."""


class CarrierAccounts:
    """Each is read once. `slot_of` has those of the claim."""

    def __init__(self, tx: Tx, slot_of: Callable[[SlotScope], SlotRow]) -> None:
        self._tx = tx
        self._slot_of = slot_of
        self._rows: dict[int, Row] = {}
        self._accounts: dict[int, CarrierAccount] = {}
        self._rates: dict[int, ThrottleUse] = {}
        self._unsent: Mapping[int, int] | None = None

    @property
    def known(self) -> Collection[int]:
        return self._rows.keys()

    def learn(self, row: Row) -> None:
        """Read with `CONFIG_COLUMNS`; one without a config tells nothing."""
        if row.config_key is not None:
            self._rows[row.config_key] = row

    def find(self, keys: Collection[int]) -> None:
        """Reads together those that are not known."""
        unknown = set(keys) - self._rows.keys()
        if not unknown:
            return
        among = f"(SELECT r.key FROM {self._tx.dialect.rows('configs', (('key', Kind.INT),))} AS r)"
        rows = self._tx.all(
            f"SELECT {CONFIG_COLUMNS} FROM carrier_configs k "
            f"{troubles_of(ScopeKind.CARRIER_CONFIG, 'k.key', 'za')}WHERE k.key IN {among}",
            configs=json_text([[key] for key in sorted(unknown)]),
        )
        for row in rows:
            self.learn(row)

    def of(self, key: int) -> CarrierAccount:
        if key not in self._accounts:
            self.find([key])
            self._accounts[key] = self._account(key, self._rows[key])
        return self._accounts[key]

    def _account(self, key: int, row: Row) -> CarrierAccount:
        trouble = trouble_or_none(row.config_trouble_json)
        has_rate = row.rate_key is not None
        pace = None if trouble is None else trouble.pace
        return CarrierAccount(
            self._slot_of(SlotScope(ScopeKind.CARRIER_CONFIG, key)),
            self._rate(row.rate_key, pace) if has_rate else None,
            self._unsent_of(key) if has_rate else 0,
            config_ref(unpack_id(row.config_id), row.config_revision),
            None if trouble is None else trouble.hold(self._tx.now),
            row.config_carrier,
        )

    def _rate(self, key: int, pace: Pace | None) -> ThrottleUse:
        if key not in self._rates:
            self._rates[key] = read_throttles(self._tx, [key], {key: pace})[key].use
        return self._rates[key]

    def _unsent_of(self, config: int) -> int:
        """Looks at calls that are claimed, and at those that are watched; once in a claim."""
        if self._unsent is None:
            rows = self._tx.all(
                "SELECT carrier_config_key AS config, COUNT(*) AS calls FROM calls "
                f"WHERE trusted_until_us IS NOT NULL AND state = {int(CallState.CLAIMED)} "
                "AND holds_slot = 1 AND carrier_config_key IS NOT NULL GROUP BY carrier_config_key"
            )
            self._unsent = {row.config: row.calls for row in rows}
        return self._unsent.get(config, 0)
