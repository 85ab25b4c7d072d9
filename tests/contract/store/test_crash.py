"""A process that dies in the middle: what it had committed stays, what was not revealed is
not seen, and the next one to open the file clears up."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.commands.rows import SLICE_ROWS
from outdial_server.domain.call import CallState
from outdial_server.domain.ids import AccountId, AgentId, BatchId
from outdial_server.storage.store import Store, open_store
from support.clock import ManualClock, ManualSignals
from support.invariants import check_invariants
from support.stores import World, new_rows, settled

TESTS = Path(__file__).resolve().parents[2]

DIES = """
import asyncio, sys
sys.path.insert(0, {tests!r})
from contract.store import test_crash

asyncio.run(test_crash.{scene}(sys.argv[1]))
"""


def die_in(scene: str, url: str) -> list[str]:
    """Runs one of the scenes below in a process of its own, which it must not survive.
    Returns the words that it left."""
    script = DIES.format(tests=str(TESTS), scene=scene)
    died = subprocess.run(
        [sys.executable, "-c", script, url], capture_output=True, text=True, timeout=60, check=False
    )
    assert died.returncode == 7, died.stderr
    return died.stdout.split()


async def _open(url: str) -> tuple[Store, ManualClock, UuidV7Ids]:
    clock = ManualClock()
    ids = UuidV7Ids(clock)
    return await open_store(url, clock, ids, ManualSignals(clock)), clock, ids


class FatalRow:
    """Ends the process when it is written."""

    normalized_address = "+15551"
    carrier_config = ""

    @property
    def address(self) -> str:
        sys.stdout.flush()
        os._exit(7)


async def _dies_creating(url: str) -> None:
    world = await settled(*await _open(url))
    print(world.account_id, world.agent_id, await world.batch(3))
    await world.create([*new_rows(SLICE_ROWS * 2 + 5), FatalRow()])  # type: ignore[list-item]


async def _dies_appending(url: str) -> None:
    world = await settled(*await _open(url))
    batch_id = await world.batch(3)
    print(world.account_id, world.agent_id, batch_id)
    await world.add(batch_id, [*new_rows(SLICE_ROWS * 2 + 5), FatalRow()])  # type: ignore[list-item]


async def _dies_dialling(url: str) -> None:
    world = await settled(*await _open(url))
    batch_id = await world.batch(6)
    print(world.account_id, world.agent_id, batch_id)
    await world.live(2)
    await world.sending(2)
    await world.claim(1)
    asyncio.get_running_loop().call_soon(lambda: FatalRow().address)
    await asyncio.sleep(3600)


async def _reopened(url: str, account_id: str, agent_id: str) -> World:
    store, clock, ids = await _open(url)
    return World(store, clock, ids, AccountId(account_id), AgentId(agent_id))


@pytest.mark.parametrize("scene", ["_dies_creating", "_dies_appending"])
async def test_a_crash_while_rows_are_staged_leaves_nothing_to_see(
    tmp_path: Path, scene: str
) -> None:
    url = f"sqlite:///{tmp_path / 'outdial.db'}"
    account_id, agent_id, batch_id = await asyncio.to_thread(die_in, scene, url)
    world = await _reopened(url, account_id, agent_id)
    staged = await world.sql("SELECT COUNT(*) FROM scheduled_calls")
    assert staged == [(3 + 2 * SLICE_ROWS,)], "the slices before the last were committed"
    assert len(await world.claim()) == 3
    assert await world.store.dispatch.sweep_staging() == 2 * SLICE_ROWS
    assert await world.sql("SELECT COUNT(*) FROM scheduled_calls") == [(3,)]
    assert await world.sql("SELECT COUNT(*) FROM batches") == [(1,)]
    assert (await world.get(BatchId(batch_id))).counts.total == 3
    await check_invariants(world.store)
    await world.store.close()


async def test_a_crash_while_dialling_is_taken_up_where_it_stood(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'outdial.db'}"
    account_id, agent_id, batch_id = await asyncio.to_thread(die_in, "_dies_dialling", url)
    world = await _reopened(url, account_id, agent_id)
    await check_invariants(world.store)
    reaped = await world.store.dispatch.reap(every_lease=True)
    assert (reaped.given_back, reaped.unknown) == (1, 2)
    await check_invariants(world.store)
    counts = (await world.get(BatchId(batch_id))).counts
    assert (counts.dialing, counts.unknown, counts.waiting) == (4, 2, 2)
    world.advance(seconds=1)
    silent = await world.store.dispatch.silent_calls(10)
    states = sorted(call.state for call in silent.calls)
    assert states == [CallState.ACCEPTED] * 2 + [CallState.UNKNOWN] * 2
    assert len(await world.claim()) == 2, "nobody who may have been dialled is dialled again"
    await world.store.close()
