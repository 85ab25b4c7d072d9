"""The log of what was counted against a list of moments: each window, at each moment."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.domain.throttle import RuleUse, ThrottleRule
from outdial_server.storage.dialects.sqlite import SqliteDialect
from outdial_server.storage.encoding import micros, moment
from outdial_server.storage.schema.throttles import throttle_hits, throttles
from outdial_server.storage.sqlite_statements import SqliteStatements
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import throttle_log
from outdial_server.storage.verbs.throttle_log import (
    count_hits,
    read_throttles,
    rules_json,
    take_back,
)
from support.clock import START, ManualClock
from support.stores import World

RULES = st.lists(
    st.builds(
        lambda calls, seconds: ThrottleRule(calls, timedelta(seconds=seconds)),
        st.integers(1, 6),
        # Those of rates are no whole seconds.
        st.sampled_from([1, 2, 3, 4, 1.2, 1.333334]),
    ),
    min_size=1,
    max_size=3,
)
# Milliseconds that pass (or go back: a clock that is set), calls that are wanted, and
# whether some of those counted before turn out not to have been sent.
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 250, 500, 999, 1000, 1001, 2500, -300]),
        st.integers(0, 5),
        st.booleans(),
    ),
    max_size=40,
)
KEY = 1


class Oracle:
    """Every call by its moment, and no cleverness."""

    def __init__(self, rules: list[ThrottleRule]) -> None:
        self.rules = rules
        self.calls: list[int] = []

    def used(self, rule: ThrottleRule, at_us: int) -> int:
        window_us = rule.window // timedelta(microseconds=1)
        return sum(at_us - window_us < call for call in self.calls)

    def left(self, at_us: int) -> int:
        return max(0, min(rule.max_calls - self.used(rule, at_us) for rule in self.rules))

    def opens_at(self, rule: ThrottleRule, at_us: int) -> int | None:
        if self.used(rule, at_us) < rule.max_calls:
            return None
        window_us = rule.window // timedelta(microseconds=1)
        leaving = sorted(call + window_us for call in self.calls)
        return next(us for us in leaving if self.used(rule, us) < rule.max_calls)

    def check_windows(self) -> None:
        for rule in self.rules:
            window_us = rule.window // timedelta(microseconds=1)
            for first in self.calls:
                assert sum(first <= call < first + window_us for call in self.calls) <= (
                    rule.max_calls
                )


class Walk:
    """One throttle and its oracle, step by step."""

    def __init__(self, rules: list[ThrottleRule], random: Random) -> None:
        self.oracle = Oracle(rules)
        self.random = random

    def step(self, tx: Tx, wanted: int, *, unsent: bool) -> None:
        if unsent and self.oracle.calls:
            most = min(4, len(self.oracle.calls))
            lost = Counter(self.random.sample(self.oracle.calls, self.random.randint(1, most)))
            self.oracle.calls = list((Counter(self.oracle.calls) - lost).elements())
            take_back(tx, Counter({(KEY, at_us): n for at_us, n in lost.items()}))
        reading = read_throttles(tx, {KEY}, lock=True)[KEY]
        assert list(reading.use.rules) == [
            RuleUse(
                rule,
                self.oracle.used(rule, reading.at_us),
                None if (us := self.oracle.opens_at(rule, reading.at_us)) is None else moment(us),
            )
            for rule in self.oracle.rules
        ]
        count = min(wanted, reading.use.left)
        assert reading.use.left == self.oracle.left(reading.at_us)
        count_hits(tx, {KEY: reading}, {KEY: count})
        self.oracle.calls += [reading.at_us] * count


@contextmanager
def memory() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    dialect = sqlite.dialect()
    for table in (throttles, throttle_hits):
        connection.execute(str(CreateTable(table).compile(dialect=dialect)))
        for index in table.indexes:
            connection.execute(str(CreateIndex(index).compile(dialect=dialect)))
    yield connection
    connection.close()


MAKE = (
    "INSERT INTO throttles (key, id, account_key, rules_json, created_us, updated_us) "
    "SELECT 1, :id, COALESCE(MIN(a.key), 1), :rules, 0, 0 FROM {accounts} a"
)


@given(RULES, STEPS, st.randoms(use_true_random=False))
def test_windows_are_those_of_a_list_of_all_calls(
    rules: list[ThrottleRule], steps: list[tuple[int, int, bool]], random: Random
) -> None:
    with memory() as connection:
        connection.execute(
            MAKE.format(accounts="(SELECT 1 AS key)"), {"id": bytes(16), "rules": rules_json(rules)}
        )
        walk, now = Walk(rules, random), START
        for passed_ms, wanted, unsent in steps:
            now += timedelta(milliseconds=passed_ms)
            ids = UuidV7Ids(ManualClock(now))
            tx = Tx(SqliteStatements(connection), SqliteDialect(), ids, now)
            walk.step(tx, wanted, unsent=unsent)
        walk.oracle.check_windows()


@pytest.mark.parametrize("seed", range(3))
async def test_windows_are_the_same_on_both_databases(world: World, seed: int) -> None:
    random = Random(seed)
    rules = [ThrottleRule(5, timedelta(seconds=2)), ThrottleRule(3, timedelta(seconds=1))]
    await world.execute(MAKE.format(accounts="accounts"), id=bytes(16), rules=rules_json(rules))
    walk = Walk(rules, random)
    for _ in range(60):
        world.advance(milliseconds=random.choice([0, 1, 200, 500, 1000, 2100]))
        wanted, unsent = random.randint(0, 4), random.random() < 0.3
        await world.store.database.write(lambda tx, w=wanted, u=unsent: walk.step(tx, w, unsent=u))
    walk.oracle.check_windows()


async def test_what_no_window_holds_is_forgotten_in_bounded_steps(world: World) -> None:
    await world.execute(
        MAKE.format(accounts="accounts"),
        id=bytes(16),
        rules=rules_json([ThrottleRule(1000, timedelta(seconds=60))]),
    )
    walk = Walk([ThrottleRule(1000, timedelta(seconds=60))], Random(0))

    def count(tx: Tx) -> None:
        walk.step(tx, 1, unsent=False)

    for _ in range(450):
        world.advance(milliseconds=1)
        await world.store.database.write(count)
    world.advance(seconds=61)
    left = []
    for _ in range(3):
        await world.store.database.write(count)
        left += await world.sql("SELECT COUNT(*) FROM throttle_hits")
    assert left == [(251,), (51,), (1,)]
    assert micros(world.clock.now()) in {
        at for (at,) in await world.sql("SELECT at_us FROM throttle_hits")
    }


async def throttle_with(world: World, key: int, moments: list[int]) -> None:
    """A throttle that has counted two calls at each moment."""
    await world.execute(
        "INSERT INTO throttles "
        "(key, id, account_key, display_name, rules_json, created_us, updated_us) "
        "SELECT :key, :id, MIN(a.key), :name, :rules, 0, 0 FROM accounts a",
        key=key,
        id=key.to_bytes(16, "big"),
        name=f"throttle {key}",
        rules=rules_json([ThrottleRule(100_000, timedelta(hours=1))]),
    )

    def fill(tx: Tx) -> None:
        tx.insert(
            "throttle_hits",
            ["throttle_key", "at_us", "hits", "total"],
            [(key, at_us, 2, 2 * n) for n, at_us in enumerate(moments, start=1)],
        )
        tx.run(
            "UPDATE throttles SET total = :total, last_us = :last WHERE key = :key",
            total=2 * len(moments),
            last=moments[-1],
            key=key,
        )

    await world.store.database.write(fill)


async def log_of(world: World, key: int) -> list[tuple[int, int, int]]:
    return await world.sql(  # type: ignore[return-value]
        f"SELECT at_us, hits, total FROM throttle_hits WHERE throttle_key = {key} ORDER BY at_us"
    )


def changed_rows(tx: Tx) -> int:
    """So far: of the log in this transaction, or of all tables on the connection."""
    count: int = tx.scalar(
        "SELECT pg_stat_get_xact_tuples_updated('throttle_hits'::regclass)"
        if tx.dialect.locks_rows
        else "SELECT total_changes()"
    )
    return count


async def test_calls_that_were_not_placed_change_each_moment_behind_them_once(
    world: World,
) -> None:
    now = micros(world.clock.now())
    moments = [now - 9_000_000 + n * 100_000 for n in range(60)]
    for key in (1, 2):
        await throttle_with(world, key, moments)
    lost = Counter({(1, at_us): 1 for at_us in moments[5:50]})
    lost.update({(2, at_us): 2 for at_us in moments[:30:3]})

    def take(tx: Tx) -> int:
        before = changed_rows(tx)
        take_back(tx, lost)
        return changed_rows(tx) - before

    assert await world.store.database.write(take) <= 55 + 60 + 2
    for key in (1, 2):
        total, expected = 0, []
        for at_us in moments:
            hits = 2 - lost[key, at_us]
            total += hits
            expected.append((at_us, hits, total))
        assert await log_of(world, key) == expected
        assert await world.sql(f"SELECT total FROM throttles WHERE key = {key}") == [(total,)]


async def test_what_lies_too_many_moments_back_goes_on_being_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle_log, "TAKEN_BACK_MOST", 20)
    now = micros(world.clock.now())
    moments = [now - 60_000_000 + n * 1_000_000 for n in range(15)]
    for key in (1, 2):
        await throttle_with(world, key, moments)
    lost = Counter({(key, at_us): 1 for key in (1, 2) for at_us in moments})
    await world.store.database.write(lambda tx: take_back(tx, lost))
    # Ten moments of each: the group has twenty.
    for key in (1, 2):
        assert [hits for _, hits, _ in await log_of(world, key)] == [2] * 5 + [1] * 10
        assert await world.sql(f"SELECT total FROM throttles WHERE key = {key}") == [(20,)]
