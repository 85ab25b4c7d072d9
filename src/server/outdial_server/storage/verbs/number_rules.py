"""The rules of accounts for each number. SENDING holds an account's row while it asks and
counts, so whoever comes at the same time waits and then sees what was counted. Lock order:
calls, rules for numbers, throttles, batches."""

from collections.abc import Collection
from typing import Final

from outdial_server.domain.number_rules import NumberRules
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, length_or_none, seconds_or_none
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx

NUMBER_RULES: Final = "n.min_gap_s AS number_gap_s, n.max_calls_per_day AS number_calls_per_day"
"""Of a row of `number_rules`, for `number_rules_from`."""


def number_rules_from(row: Row) -> NumberRules:
    return NumberRules(length_or_none(row.number_gap_s), row.number_calls_per_day)


def write_number_rules(tx: Tx, account: int, rules: NumberRules) -> None:
    if not rules.are_any:
        tx.run("DELETE FROM number_rules WHERE account_key = :account", account=account)
        return
    tx.run(
        "INSERT INTO number_rules (account_key, min_gap_s, max_calls_per_day) "
        "VALUES (:account, :gap, :cap) ON CONFLICT (account_key) DO UPDATE "
        "SET min_gap_s = excluded.min_gap_s, max_calls_per_day = excluded.max_calls_per_day",
        account=account,
        gap=seconds_or_none(rules.min_gap),
        cap=rules.max_calls_per_day,
    )


def lock_number_rules(tx: Tx, accounts: Collection[int]) -> dict[int, NumberRules]:
    """By account, of those with any. Nobody else asks or counts until the end of the
    transaction."""
    keys = tx.dialect.rows("accounts", (("key", Kind.INT),))
    rows = tx.all(
        f"SELECT n.account_key, {NUMBER_RULES} FROM number_rules n "
        f"WHERE n.account_key IN (SELECT r.key FROM {keys} AS r) "
        f"ORDER BY n.account_key {tx.dialect.for_update('n')}",
        accounts=json_text([[key] for key in sorted(accounts)]),
    )
    return {row.account_key: number_rules_from(row) for row in rows}
