"""Claims over many batches and accounts: nobody stands in the way of another."""

from collections import Counter

import pytest
from sqlalchemy.util import await_only

from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs import claiming
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.due_rows import PUT_OFF_MOST
from support.invariants import check_invariants
from support.statements import said_by
from support.stores import World, new_rows, not_sent

GROUP = 500
# At the start it is nine in the morning in UTC and in the evening in Tokyo.
OFFICE = CallingHours(EVERY_DAY, 8 * 60, 17 * 60)
ALL_DAY = CallingHours(EVERY_DAY, 0, 24 * 60)
TOKYO = "Asia/Tokyo"


async def test_blocked_rows_of_one_batch_hold_up_nobody_of_another(world: World) -> None:
    long = 3 * PUT_OFF_MOST
    await world.batch(new_rows(long, time_zone=TOKYO), calling_hours=OFFICE)
    second = await world.batch(new_rows(10, long))
    account_id = await world.new_account()
    agent_id = await world.new_agent("Bob", account_id=account_id)
    third = await world.batch(new_rows(10, long), account_id=account_id, agent_id=agent_id)
    claims = await world.store.dispatch.claim(GROUP)
    assert Counter(call.batch_id for call in claims.calls) == {second: 10, third: 10}
    assert claims.more
    taken = 1
    while claims.more:
        claims = await world.store.dispatch.claim(GROUP)
        assert claims.calls == ()
        taken += 1
    # What the others leave of the turn is used for whoever is blocked.
    assert taken <= long // PUT_OFF_MOST + 2
    assert claims.next_due_at is not None
    await check_invariants(world.store)


async def test_many_blocked_batches_take_no_more_than_a_turn(world: World) -> None:
    batches = 20
    for n in range(batches):
        rows = new_rows(200, n * 200, time_zone=TOKYO)
        await world.batch(rows, calling_hours=OFFICE)
    await world.store.dispatch.claim(GROUP)
    ((put_off,),) = await world.sql("SELECT COUNT(*) FROM scheduled_calls WHERE ready_us > 0")
    assert PUT_OFF_MOST <= put_off <= 3 * PUT_OFF_MOST


async def test_accounts_take_turns_where_a_claim_takes_only_so_many(world: World) -> None:
    big_id = await world.new_account(2000)
    agent_id = await world.new_agent("Bob", account_id=big_id)
    await world.batch(new_rows(3000), account_id=big_id, agent_id=agent_id)
    await world.batch(10)
    seen: list[Counter[str]] = []
    for _ in range(2):
        calls = await world.live(GROUP)
        seen.append(Counter(call.account_id for call in calls))
        await world.apply(*(not_sent(call) for call in calls))
    assert sum(of_one[world.account_id] for of_one in seen) == 10
    await check_invariants(world.store)


async def test_a_batch_that_waits_for_later_costs_a_claim_two_statements(world: World) -> None:
    async def statements() -> int:
        _, said = await said_by(world.store, lambda tx: claiming.claim(tx, GROUP, ParsedAgents()))
        return len(said)

    await world.batch(1)
    await statements()
    before = await statements()
    for n in range(7):
        await world.batch(new_rows(1, n, time_zone=TOKYO), calling_hours=OFFICE)
    await statements()
    assert await statements() <= before + 2 * 7 + 6


async def test_a_claim_that_finds_every_slot_taken_waits_for_nobody(world: World) -> None:
    account_id = await world.new_account(1)
    agent_id = await world.new_agent("Bob", account_id=account_id)
    await world.batch(2, account_id=account_id, agent_id=agent_id)
    assert len(await world.claim()) == 1

    claims, said = await said_by(world.store, lambda tx: claiming.claim(tx, GROUP, ParsedAgents()))

    assert claims.calls == ()
    assert not [sql for sql in said if "FOR NO KEY UPDATE" in sql]


async def test_a_claim_that_had_to_wait_for_a_change_of_a_batch_goes_by_the_new_rules(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else it would put off by the old hours, behind the back of whoever asks again."""
    if world.store.is_alone:
        pytest.skip("one writer at a time: nobody waits inside a transaction")
    batch_id = await world.batch(new_rows(3, time_zone=TOKYO), calling_hours=OFFICE)
    locks = claiming.lock_accounts

    async def meanwhile() -> None:
        await world.edit(batch_id, calling_hours=ALL_DAY)
        await world.settle_all()

    def waits(tx: Tx) -> None:
        await_only(meanwhile())
        locks(tx)

    monkeypatch.setattr(claiming, "lock_accounts", waits)
    assert len(await world.claim()) == 3
