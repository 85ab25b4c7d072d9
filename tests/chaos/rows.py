"""The database in the end, by the same SQL that judges simulated worlds."""

from collections.abc import Iterator
from typing import Any

from outdial_server.adapters.clock import SystemClock
from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.adapters.signals import InProcessSignals
from outdial_server.storage import open_store
from outdial_server.storage.tx import Tx
from simulation.rows import check_calls, check_counters, check_ledger, read_slots


async def judge_rows(url: str) -> list[str]:
    """After the servers have stopped: a file has one owner."""
    clock = SystemClock()
    store = await open_store(url, clock, UuidV7Ids(clock), InProcessSignals(clock))
    try:
        return await store.database.read(lambda tx: list(_judge(tx)))
    finally:
        await store.close()


def _judge(tx: Tx) -> Iterator[str]:
    def read(sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in tx.all(sql, **parameters)]

    slots = read_slots(read)
    taken = {scope: used for scope, (_, used) in slots.items() if used}
    if taken:
        yield f"slots are still taken: {taken}"
    for check in (lambda: check_ledger(read, slots), lambda: check_counters(read)):
        try:
            check()
        except AssertionError as error:
            yield str(error)
    try:
        check_calls(read)
    except AssertionError as error:
        yield str(error)
