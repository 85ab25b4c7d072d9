"""What throttles have counted, exact and compact: one row for each moment, with a running
total. A window is the difference of two rows, found by index, whatever its length. The rate
of a carrier config is a throttle, too: a call may count in both, each by its own clock.

SENDING reads and counts with the throttles locked, so whoever comes at the same time waits
and then sees what was counted. Lock order: ledger, calls, throttles, batches.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from itertools import zip_longest
from types import MappingProxyType
from typing import Final

import orjson

from outdial_server.domain.carrier_config import rate_rule
from outdial_server.domain.carrier_pace import Pace, effective_rate
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.domain.throttle import RuleUse, ThrottleRule, ThrottleUse
from outdial_server.storage.dialects.dialect import Kind
from outdial_server.storage.encoding import json_text, micros, moment
from outdial_server.storage.statements import Row
from outdial_server.storage.tx import Tx

_KEY: Final = (("key", Kind.INT),)

_PRUNED_MOST: Final = 200
"""Moments that are forgotten with each that is counted: about 1 ms of the writer after a
long rest, and the log shrinks all the same."""

_SECOND: Final = timedelta(seconds=1)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Reading:
    """A throttle as of `at_us`: now, or the last count if the clock was set back since."""

    use: ThrottleUse
    at_us: int
    total: int


def rules_json(rules: Sequence[ThrottleRule]) -> str:
    return json_text([[r.max_calls, r.window / _SECOND] for r in rules])


@lru_cache(maxsize=1024)
def rules_from(text: str) -> tuple[ThrottleRule, ...]:
    return tuple(ThrottleRule(n, timedelta(seconds=seconds)) for n, seconds in orjson.loads(text))


Paces = Mapping[int, Pace | None]
"""Of carrier configs whose rate has fallen, by the key of their throttle."""


def read_throttles(
    tx: Tx, keys: Collection[int], paces: Paces = MappingProxyType({}), *, lock: bool = False
) -> dict[int, Reading]:
    """By key. With `lock` nobody else counts until the end of the transaction."""
    if not keys:
        return {}
    throttles = tx.all(
        "SELECT t.key, t.rules_json, t.total, t.last_us FROM throttles t WHERE t.key IN "
        f"(SELECT r.key FROM {tx.dialect.rows('keys', _KEY)} AS r) "
        f"ORDER BY t.key {tx.dialect.for_update('t') if lock else ''}",
        keys=json_text([[key] for key in sorted(keys)]),
    )
    rules = {t.key: _rules_of(tx, t, paces.get(t.key)) for t in throttles}
    windows = _read_windows(tx, throttles, rules)
    return {t.key: _reading(tx, t, rules[t.key], windows) for t in throttles}


def _rules_of(tx: Tx, throttle: Row, pace: Pace | None) -> tuple[ThrottleRule, ...]:
    rules = rules_from(throttle.rules_json)
    if pace is None:
        return rules
    (rule,) = rules
    rate = effective_rate(rule.calls_per_second, pace, tx.now)
    return rules if rate == rule.calls_per_second else (rate_rule(rate),)


_WINDOW: Final = (
    ("throttle_key", Kind.INT),
    ("place", Kind.INT),
    ("since", Kind.INT),
    ("floor", Kind.INT),
)


def _read_windows(
    tx: Tx, throttles: Sequence[Row], rules: Mapping[int, Sequence[ThrottleRule]]
) -> Mapping[tuple[int, int], Row]:
    """Of each rule: what was counted before its window, and the first moment after whose
    leaving there is room again."""
    wanted = [
        [t.key, place, _at(tx, t) - _window_us(rule), t.total - rule.max_calls]
        for t in throttles
        for place, rule in enumerate(rules[t.key])
    ]
    log = "FROM throttle_hits h WHERE h.throttle_key = w.throttle_key"
    rows = tx.all(
        "SELECT w.throttle_key, w.place, "
        f"(SELECT h.total - h.hits {log} AND h.at_us > w.since ORDER BY h.at_us LIMIT 1) "
        "AS before, "
        f"(SELECT h.at_us {log} AND h.total > w.floor ORDER BY h.total, h.at_us LIMIT 1) "
        f"AS leaves_us FROM {tx.dialect.rows('windows', _WINDOW)} AS w",
        windows=json_text(wanted),
    )
    return {(row.throttle_key, row.place): row for row in rows}


def _at(tx: Tx, throttle: Row) -> int:
    last_us: int = throttle.last_us
    return max(tx.now_us, last_us)


def _window_us(rule: ThrottleRule) -> int:
    return rule.window // _MICROSECOND


def _reading(
    tx: Tx,
    throttle: Row,
    rules: Sequence[ThrottleRule],
    windows: Mapping[tuple[int, int], Row],
) -> Reading:
    uses = []
    for place, rule in enumerate(rules):
        window = windows[throttle.key, place]
        used = 0 if window.before is None else throttle.total - window.before
        opens_at = None
        if used >= rule.max_calls:
            opens_at = moment(window.leaves_us) + rule.window
        uses.append(RuleUse(rule, used, opens_at))
    return Reading(ThrottleUse(tuple(uses)), _at(tx, throttle), throttle.total)


def count_hits(tx: Tx, readings: Mapping[int, Reading], counts: Mapping[int, int]) -> None:
    """Counts calls by throttle, read with `lock` in this transaction."""
    counted = [(key, readings[key], n) for key, n in sorted(counts.items()) if n]
    tx.run_many(
        "UPDATE throttles SET total = :total, last_us = :at WHERE key = :key",
        [{"key": key, "total": r.total + n, "at": r.at_us} for key, r, n in counted],
    )
    # Two groups of one moment share a row; it is the newest, so nothing stands behind it.
    tx.run_many(
        "INSERT INTO throttle_hits (throttle_key, at_us, hits, total) "
        "VALUES (:key, :at, :n, :total) ON CONFLICT (throttle_key, at_us) DO UPDATE "
        "SET hits = throttle_hits.hits + excluded.hits, total = excluded.total",
        [{"key": key, "at": r.at_us, "n": n, "total": r.total + n} for key, r, n in counted],
    )
    for key, reading, _ in counted:
        _prune(tx, key, reading)


def _prune(tx: Tx, key: int, reading: Reading) -> None:
    longest_us = max(_window_us(use.rule) for use in reading.use.rules)
    tx.run(
        "DELETE FROM throttle_hits WHERE throttle_key = :key AND at_us IN "
        "(SELECT h.at_us FROM throttle_hits h WHERE h.throttle_key = :key "
        "AND h.at_us <= :until ORDER BY h.at_us LIMIT :most)",
        key=key,
        until=reading.at_us - longest_us,
        most=_PRUNED_MOST,
    )


TAKEN_BACK_MOST: Final = 2_000
"""Moments since the counts of a group: about as many rows are changed, some 2 ms of the
writer. The throttles of the group share them."""

_SPANS: Final = (
    ("key", Kind.INT),
    ("since", Kind.INT),
    ("until", Kind.INT),
    ("hits", Kind.INT),
    ("fewer", Kind.INT),
)
_SPAN_SET: Final = (
    "total = total - r.fewer, "
    "hits = throttle_hits.hits - CASE WHEN at_us = r.since THEN r.hits ELSE 0 END"
)
_SPAN_GUARD: Final = "throttle_key = r.key AND at_us >= r.since AND at_us < r.until"
_FOR_EVER: Final = 2**63 - 1


def take_back(tx: Tx, hits: Counter[tuple[int, int]]) -> None:
    """Calls that were counted, by throttle and moment, and turned out not to be placed. It is
    told of most at once (`CARRIER_DEADLINE`); one that was unknown for long may lie too many
    moments back, and then goes on being counted."""
    fewer: Counter[int] = Counter()
    spans = []
    for (key, at_us), until in _spans(_without_far_back(tx, hits)):
        count = hits[key, at_us]
        fewer[key] += count
        spans.append((key, at_us, until, count, fewer[key]))
    tx.run_many(
        "UPDATE throttles SET total = total - :n WHERE key = :key",
        [{"key": key, "n": n} for key, n in fewer.items()],
    )
    # Spans do not overlap: a row that is changed once for each call before it leaves as many
    # dead versions behind on PostgreSQL, and the next change of it walks over them all.
    sql = tx.dialect.update_each("throttle_hits", _SPAN_SET, _SPAN_GUARD, _SPANS)
    tx.update_each(sql, spans)


def _spans(counted: Sequence[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], int]]:
    """Each throttle and moment, and that throttle's next moment among them."""
    for this, behind in zip_longest(counted, counted[1:]):
        same = behind is not None and behind[0] == this[0]
        yield this, behind[1] if same else _FOR_EVER


def _without_far_back(tx: Tx, hits: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """In order. Nothing is asked for those of this moment, which hardly anything is behind."""
    deadline_us = micros(tx.now - CARRIER_DEADLINE)
    with_old = {key for key, at_us in hits if at_us < deadline_us}
    floors = {key: _far_back(tx, key, TAKEN_BACK_MOST // len(with_old)) for key in with_old}
    return sorted(
        (key, at_us) for key, at_us in hits if at_us >= deadline_us or at_us > floors[key]
    )


def _far_back(tx: Tx, key: int, most: int) -> int:
    """The newest moment that has `most` behind it; without one, before all moments."""
    at_us: int | None = tx.scalar(
        "SELECT at_us FROM throttle_hits WHERE throttle_key = :key "
        "ORDER BY at_us DESC LIMIT 1 OFFSET :most",
        key=key,
        most=most,
    )
    return -1 if at_us is None else at_us
