"""The rate of a carrier config, kept and counted as a throttle that no client sees."""

from typing import Final

from outdial_server.domain.carrier_config import rate_rule
from outdial_server.domain.carrier_pace import UNRATED
from outdial_server.domain.slots import ScopeKind
from outdial_server.domain.throttle import ThrottleRule
from outdial_server.storage.encoding import pack_id
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.throttle_log import rules_json

_UNRATED_RULE: Final = rate_rule(UNRATED)


def set_rule(tx: Tx, config: Row, rule: ThrottleRule | None) -> None:
    """A rule that is changed holds over what was counted under the one before; one that is
    new counts from now on. An account without one is counted while it is in trouble."""
    if rule is None and config.rate_key is not None and _is_troubled(tx, config.key):
        rule = _UNRATED_RULE
    if rule is not None and config.rate_key is not None:
        tx.run(
            "UPDATE throttles SET rules_json = :rules, updated_us = :now "
            "WHERE key = :key AND rules_json <> :rules",
            rules=rules_json([rule]),
            now=tx.now_us,
            key=config.rate_key,
        )
    elif (rule is None) != (config.rate_key is None):
        tx.run(
            "UPDATE carrier_configs SET rate_key = :rate WHERE key = :key",
            rate=None if rule is None else _new_throttle(tx, config.account_key, rule),
            key=config.key,
        )


def count_unrated(tx: Tx, config: int) -> None:
    """From now on, for an account that has no rate and is not to get all that there is."""
    account: int = tx.scalar("SELECT account_key FROM carrier_configs WHERE key = :key", key=config)
    tx.run(
        "UPDATE carrier_configs SET rate_key = :rate WHERE key = :key",
        rate=_new_throttle(tx, account, _UNRATED_RULE),
        key=config,
    )


def stop_counting_unrated(tx: Tx, config: int) -> None:
    """Where it is only counted because of its trouble, which is over."""
    tx.run(
        "UPDATE carrier_configs SET rate_key = NULL WHERE key = :key "
        "AND calls_per_second IS NULL AND rate_key IN "
        "(SELECT t.key FROM throttles t WHERE t.rules_json = :unrated)",
        key=config,
        unrated=rules_json([_UNRATED_RULE]),
    )


def _is_troubled(tx: Tx, config: int) -> bool:
    found = tx.scalar(
        "SELECT 1 FROM troubles WHERE kind = :kind AND owner = :owner",
        kind=int(ScopeKind.CARRIER_CONFIG),
        owner=config,
    )
    return found is not None


def _new_throttle(tx: Tx, account: int, rule: ThrottleRule) -> int:
    key: int = tx.scalar(
        "INSERT INTO throttles (id, account_key, rules_json, created_us, updated_us, deleted_us) "
        "VALUES (:id, :account, :rules, :now, :now, :now) RETURNING key",
        id=pack_id(tx.ids.new_id()),
        account=account,
        rules=rules_json([rule]),
        now=tx.now_us,
    )
    return key
