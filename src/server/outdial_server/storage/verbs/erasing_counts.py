"""What rules have counted and can ask for no more, and entries of the do-not-call list that
have ended. Each verb erases a group, and says how many went."""

from datetime import timedelta
from typing import Final

from outdial_server.domain.limits import CALL_DURATION_MAX, THROTTLE_WINDOW_MAX
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.number_log import LONGEST_DAY
from outdial_server.storage.verbs.suppressions import count_entries, lock_list

_LOOKED_AT_MOST: Final = 2_000
"""Oldest first, by key: about a millisecond. Accounts with a long gap keep theirs, and those
of others that lie behind them stay as long: a month at most."""

_LOST_AFTER: Final = CALL_DURATION_MAX + timedelta(days=2)
"""A call that has not ended by then is only known not to have."""


def erase_number_calls(tx: Tx, limit: int) -> int:
    return tx.run(
        "DELETE FROM number_calls WHERE (call_key, sent_us) IN ("
        "SELECT o.call_key, o.sent_us FROM (SELECT n.call_key, n.sent_us, n.ended_us, "
        "n.account_key FROM number_calls n WHERE n.call_key > 0 "
        "ORDER BY n.call_key, n.sent_us LIMIT :looked_at) AS o "
        "LEFT JOIN number_rules r ON r.account_key = o.account_key WHERE o.sent_us <= :day "
        "AND (o.ended_us <= :now - coalesce(r.min_gap_s, 0) * CAST(1000000 AS bigint) "
        "OR (o.ended_us IS NULL AND o.sent_us <= :lost)) LIMIT :limit)",
        looked_at=_LOOKED_AT_MOST,
        now=tx.now_us,
        day=micros(tx.now - LONGEST_DAY),
        lost=micros(tx.now - _LOST_AFTER),
        limit=limit,
    )


def erase_throttle_hits(tx: Tx, limit: int) -> int:
    """Of throttles that nothing is dialled through any more: the others prune their own."""
    before = micros(tx.now - THROTTLE_WINDOW_MAX)
    key: int | None = tx.scalar(
        "SELECT t.key FROM throttles t WHERE EXISTS (SELECT 1 FROM throttle_hits h "
        "WHERE h.throttle_key = t.key AND h.at_us <= :before) ORDER BY t.key LIMIT 1",
        before=before,
    )
    if key is None:
        return 0
    return tx.run(
        "DELETE FROM throttle_hits WHERE throttle_key = :key AND at_us IN "
        "(SELECT h.at_us FROM throttle_hits h WHERE h.throttle_key = :key "
        "AND h.at_us <= :before ORDER BY h.at_us LIMIT :limit)",
        key=key,
        before=before,
        limit=limit,
    )


def erase_suppressions(tx: Tx, limit: int) -> int:
    """Of one account. Its list is locked, as by those who renew an entry."""
    account: int | None = tx.scalar(
        "SELECT p.account_key FROM suppressions p WHERE p.expires_us <= :now "
        "ORDER BY p.expires_us LIMIT 1",
        now=tx.now_us,
    )
    if account is None:
        return 0
    lock_list(tx, account)
    ended = tx.all(
        "SELECT p.key FROM suppressions p WHERE p.expires_us <= :now "
        "AND p.account_key = :account ORDER BY p.expires_us LIMIT :limit",
        now=tx.now_us,
        account=account,
        limit=limit,
    )
    erased = tx.run(
        "DELETE FROM suppressions WHERE key IN "
        f"(SELECT r.key FROM {tx.dialect.rows('rows', (('key', Kind.INT),))} AS r)",
        rows=json_text([[row.key] for row in ended]),
    )
    count_entries(tx, account, -erased)
    return erased
