"""What erasing costs on PostgreSQL: there is an index for each thing that it looks for, so
no table has to be read from end to end."""

from datetime import timedelta

import pytest

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.retention import Retention
from outdial_server.ports.retention import Erased, Swept
from outdial_server.storage.schema import metadata
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.erasing import erase
from support.databases import Databases, PostgresServer
from support.stores import World, ended, new_rows

pytestmark = pytest.mark.postgres

COPIES = 1_000
DAY = timedelta(days=1)
LARGE = ("batches", "scheduled_calls", "calls", "events", "requests", "imports")


@pytest.fixture
def databases(postgres_server: PostgresServer) -> Databases:
    return postgres_server


def _copy(table: str, **changed: str) -> str:
    """Many more rows like the first one of a table, `g` being their number."""
    columns = [column.name for column in metadata.tables[table].columns if column.name != "key"]
    values = [changed.get(name, f"t.{name}") for name in columns]
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
        f"FROM (SELECT * FROM {table} LIMIT 1) t, generate_series(100, {100 + COPIES}) g"
    )


@pytest.fixture
async def large(world: World) -> World:
    """One batch that is due in every respect, among many that are not."""
    rows = new_rows(3, template_context_json='{"name":"Ada"}')
    batch_id = (await world.create(rows, world.request("one"))).batch.batch_id
    await world.apply(*(ended(call) for call in await world.live(2)))
    await world.change(batch_id, rules.cancel)
    await world.settle_all()
    an_id = "decode(md5(g || '{}'), 'hex')".format
    later = "t.{} + 1000000000000".format
    for statement in (
        _copy("batches", id=an_id("b"), ended_us=later("ended_us")),
        _copy("requests", request_id="'r' || g", expires_us=later("expires_us")),
        _copy("events", batch_key="t.batch_key + 1", seq="g"),
        # Of another batch than the one that is due.
        _copy("scheduled_calls", id=an_id("s"), position="g", batch_key="t.batch_key + 1"),
        _copy(
            "calls",
            id=an_id("c"),
            batch_key="t.batch_key + 1",
            scheduled_key="(SELECT key FROM scheduled_calls WHERE position = g)",
        ),
    ):
        await world.execute(statement)
    world.advance(days=2)
    return world


def _scans(tx: Tx) -> dict[str, int]:
    """How often each table was read from end to end, by this connection until now."""
    rows = tx.all("SELECT relname, seq_scan FROM pg_stat_xact_user_tables")
    return {row.relname: row.seq_scan for row in rows if row.relname in LARGE}


async def test_erasing_finds_what_is_due_by_index(large: World) -> None:
    def watched(tx: Tx, keep: Retention) -> Swept:
        # Small tables are read whole because they are small: only what cannot be found
        # otherwise is to be seen here.
        tx.run("SET LOCAL enable_seqscan = off")
        before = _scans(tx)
        swept = erase(tx, keep, 20)
        scanned = {name for name, scans in _scans(tx).items() if scans > before.get(name, 0)}
        assert scanned == set()
        return swept

    async def erase_all(keep: Retention) -> Erased:
        erased, more = Erased(), True
        while more:
            swept = await large.store.database.write(lambda tx: watched(tx, keep))
            erased, more = erased + swept.erased, swept.more
        return erased

    erased = await erase_all(Retention(events=DAY, payloads=DAY))
    erased += await erase_all(Retention(batches=DAY))
    erased += await erase_all(Retention(batches=DAY, calls=DAY))
    assert (erased.requests, erased.payloads, erased.events) == (1, 3, 10)
    assert (erased.rows, erased.calls, erased.batches) == (3, 2, 1)
